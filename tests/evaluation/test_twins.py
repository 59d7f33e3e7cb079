"""Every protocol on its dataset's twin: drawn, converted, evaluated; and the truth fed back."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tiny_checkpoint
import tiny_models
from scipy.spatial.transform import Rotation

from hmr_tf import checkpoints, outputs
from hmr_tf.body.model_file import load_body
from hmr_tf.config import SynthesisConfig
from hmr_tf.evaluation import evaluator, people
from hmr_tf.evaluation.protocols import PROTOCOLS
from hmr_tf.synthetic.layouts import LAYOUTS
from tfrecords_tools.driver import convert_part
from tfrecords_tools.registry import get_converter

# Twin -> pictures; of 3DPW's, half are the validation split's.
_TWINS = {
    **{"lsp": 3, "h36m": 4, "pw3d": 8, "sgre_pw3d": 8, "mpi_inf_3dhp": 4, "mupots": 4},
    "cloth3d": 4,
}
# Where not the test split alone is read.
_PARTS = {"sgre_pw3d": ("test", "validation"), "cloth3d": ("val",)}
# LSP comes last, since the next would keep its segmentation_dir.
_OF_HMR = ("h36m_p1", "h36m_p2", "pw3d", "mpi_inf_3dhp", "mupots", "cloth3d", "synthetic", "lsp")
_OF_SGRE = ("pw3d_crowd", "pw3d_sgre")
_PROTOCOLS = (*_OF_SGRE, *_OF_HMR)
_SIZE = 64


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("twins")
    for name, count in _TWINS.items():
        config = SynthesisConfig(num_images=count, num_test=count, image_size=_SIZE, seed=3)
        LAYOUTS.get(name)(str(root / name), config, 0)
        for part in _PARTS.get(name, ("test",)):
            convert_part(get_converter(name)(str(root / name), part), part, str(root / "records"))
        if name == "lsp":
            LAYOUTS.get("upi_s1h")(str(root / "upi_s1h"), config, 0)
    tiny_checkpoint.save(root / "checkpoint")
    checkpoints.save_model(root / "sgre", tiny_models.build("sgre"), "sgre")
    return root


class _Truth:
    """The bodies of a twin, found by what the records say of where they come from."""

    def __init__(self, folder):
        with np.load(folder / "smpl_truth.npz", allow_pickle=False) as file:
            self.arrays = dict(file)
        names = self.arrays["image_path" if "image_path" in self.arrays else "image_name"]
        numbers = self.arrays.get("person", np.zeros(len(names), int))
        self.rows = {(str(n), int(k)): row for row, (n, k) in enumerate(zip(names, numbers))}

    def __call__(self, batch):
        texts = ("filename", "sequence", "subject", "dataset")
        columns = [[text.decode() for text in batch[key].numpy()] for key in texts]
        rows = [self._row(*where) for where in zip(*columns, batch["frame"].numpy())]
        pose, betas = self.arrays["pose_axis_angle"][rows], self.arrays["betas"][rows]
        rotations = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
        return {
            outputs.ROTATIONS: tf.constant(rotations, tf.float32),
            outputs.BETAS: tf.constant(betas),
            outputs.KEYPOINTS_2D: batch["keypoints_2d"],
        }

    def _row(self, filename, sequence, subject, dataset, frame):
        person = int(subject) if dataset in ("pw3d", "mupots") else 0
        wanted = {
            "h36m": f"#{frame}",
            "pw3d": f"{sequence}/{filename}",
            "cloth3d": f"{sequence}/{filename}",
        }.get(dataset, filename)
        found = [row for (n, k), row in self.rows.items() if n.endswith(wanted) and k == person]
        if dataset == "h36m":  # S9_WalkDog_1.60457274 was filmed as S9/Videos/WalkDog 1.6....
            subject, rest = sequence.split("_", 1)
            path = f"{subject}/Videos/{rest.replace('_', ' ')}.mp4{wanted}"
            found = [self.rows[path, 0]]
        (row,) = found
        return row


def _feed(root, name):
    protocol = PROTOCOLS.get(name)
    data = people.data_config(protocol, str(root / "records"), _SIZE)
    batches = people.batches(protocol, data, 16, 3)
    (truth,) = (root / protocol.datasets[0]).rglob("smpl_truth.npz")
    estimator = _Truth(truth.parent)
    return evaluator.score_estimates(estimator, batches, protocol, load_body("free_body"))


@pytest.mark.parametrize("name", ["h36m_p2_spin", "pw3d", "mupots", "cloth3d", "synthetic", "lsp"])
def test_the_truth_fed_back_scores_zero(root, name):
    """Bones of MuPoTS-3D's universal skeleton are longer; the protocol brings them to length."""
    found = _feed(root, name)
    assert found.num_people == {"lsp": 3, "synthetic": 3, "mupots": 8}.get(name, 4)
    for metric, value in found.means().items():
        expected = {"pck_150": 100, "auc_150": 100 * 30 / 31}.get(metric, 0)
        if metric in ("pck_torso_0.2", "pckh_0.5"):
            expected = 100
        assert value == pytest.approx(expected, abs=0.02), metric


def test_truth_of_another_size_is_forgiven_by_the_alignment_alone(root):
    """The universal skeleton of MPI-INF-3DHP is the person's, larger or smaller."""
    means = _feed(root, "mpi_inf_3dhp").means()
    assert means["pa_mpjpe_mm"] == pytest.approx(0, abs=0.02)
    assert means["pa_pck_150"] == 100 and means["pa_auc_150"] == pytest.approx(100 * 30 / 31)
    assert 5 < means["mpjpe_mm"] < 100


def test_joints_of_another_regressor_are_nearly_the_same(root):
    """LSP's joints of the body are not Human3.6M's, which `h36m_p1` compares them with."""
    found = _feed(root, "h36m_p1")
    assert 0.1 < found.means()["mpjpe_mm"] < 30
    assert "WalkDog" in set(found.samples["action"])


_SCRIPT = """
import json, sys
from absl import flags
from hmr_tf import evaluate

for arguments in json.load(sys.stdin):
    flags.FLAGS.unparse_flags()
    flags.FLAGS(["evaluate", *arguments])
    evaluate.main(["evaluate"])
"""


@pytest.mark.slow  # Ten evaluations, each of which traces the network anew.
def test_every_protocol_runs_from_its_twin(root):
    runs = []
    for name in _PROTOCOLS:
        checkpoint = "sgre" if name in _OF_SGRE else "checkpoint"
        runs.append(
            [
                *(f"--checkpoint={root / checkpoint}", f"--protocol={name}"),
                *(f"--data_dir={root / 'records'}", f"--out_dir={root / 'reports' / name}"),
                *("--batch_size=3", f"--flip_test={str(name == 'pw3d').lower()}"),
                f"--own_pose={str(name == 'pw3d_sgre').lower()}",
                *([f"--segmentation_dir={root / 'upi_s1h'}"] if name == "lsp" else ()),
            ]
        )
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        input=json.dumps(runs),
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    for name in _PROTOCOLS:
        report = json.loads((root / "reports" / name / "evaluation.json").read_text())
        assert report["protocol"] == name and report["num_people"] >= 2
        assert report.get("own_pose") == {"pw3d_crowd": False, "pw3d_sgre": True}.get(name)
        # HMR locates nothing before its rotations are known.
        known = [each for each in PROTOCOLS.get(name).metrics if each != "located_mpjpe_mm"]
        assert list(report["metrics"]) == known
        assert all(np.isfinite(value) for value in report["metrics"].values())
        assert all(np.isfinite(value) for value in report["baseline"].values())
