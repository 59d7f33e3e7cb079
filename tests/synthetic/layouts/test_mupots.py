"""The twin has the tree and cells of MuPoTS-3D, and the same bytes every time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.io

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import mupots as layout

_CONFIG = SynthesisConfig(num_images=5, num_test=5, image_size=64, seed=2)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mupots") / "raw"
    layout.write(str(folder), _CONFIG)
    return folder


def _files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_tree(dataset):
    inner = "MultiPersonTestSet"
    assert set(_files(dataset)) == {
        *(f"{inner}/TS1/img_{n:06d}.jpg" for n in range(3)),
        *(f"{inner}/TS6/img_{n:06d}.jpg" for n in range(2)),
        *(f"{inner}/{s}/{n}.mat" for s in ("TS1", "TS6") for n in ("annot", "occlusion")),
        *("smpl_truth.npz", "synthesize.json"),
    }
    assert cv2.imread(str(dataset / inner / "TS1" / "img_000000.jpg")).shape == (64, 64, 3)
    assert cv2.imread(str(dataset / inner / "TS6" / "img_000000.jpg")).shape == (36, 64, 3)


@pytest.mark.parametrize(("name", "shape"), [("TS1", (3, 2)), ("TS6", (2, 3))])
def test_cells(dataset, name, shape):
    folder = dataset / "MultiPersonTestSet" / name
    annotations = scipy.io.loadmat(folder / "annot.mat")["annotations"]
    occlusion = scipy.io.loadmat(folder / "occlusion.mat")["occlusion_labels"]
    assert annotations.shape == occlusion.shape == shape
    valid = np.ones(shape)
    valid[-1, -1] = 0
    for place in np.ndindex(shape):
        person = annotations[place]
        sizes = {key: person[key][0, 0].shape for key in person.dtype.names}
        assert sizes == {
            **{"annot2": (2, 17), "annot3": (3, 17), "univ_annot3": (3, 17)},
            "isValidFrame": (1, 1),
        }
        assert person["isValidFrame"][0, 0].item() == valid[place]
        assert occlusion[place].shape == (1, 17) and set(occlusion[place][0]) <= {0, 1}
        real, universal = (person[key][0, 0] for key in ("annot3", "univ_annot3"))
        np.testing.assert_allclose(real[:, 14], universal[:, 14])
        ratio = (universal - universal[:, 14:15])[:, :14] / (real - real[:, 14:15])[:, :14]
        np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)
        assert real[2].min() > 500


def test_the_same_bytes_again(dataset, tmp_path):
    layout.write(str(tmp_path), _CONFIG, 2)
    assert _files(tmp_path) == _files(dataset)


def test_damage_needs_many_images(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "_BROKEN_FROM", 12)
    layout.write(str(tmp_path), SynthesisConfig(num_images=12, num_test=12, image_size=24))
    whole = [path.read_bytes().endswith(b"\xff\xd9") for path in sorted(tmp_path.rglob("*.jpg"))]
    assert len(whole) == 12 and whole.index(False) == 5 and whole.count(False) == 1
