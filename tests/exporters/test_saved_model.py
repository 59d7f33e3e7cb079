"""Exported models run without this package and give the Python model's numbers."""

import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tiny_models
from full_disk import full_beyond
from stub_model import StubModel

from hmr_tf import outputs, predictor
from hmr_tf.errors import ConfigError
from hmr_tf.exporters import saved_model
from hmr_tf.image_files import reading
from hmr_tf.models import extra_inputs
from tfrecords_tools.errors import OutputError

# Runs in another process, in which importing this package or Addons fails.
CLIENT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("hmr_tf", "tfrecords_tools", "tensorflow_addons"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import numpy as np
import tensorflow as tf

folder, source, target = sys.argv[1:]
model = tf.saved_model.load(folder)
inputs = np.load(source, allow_pickle=True)
results = {}
for name, signature in model.signatures.items():
    wanted = signature.structured_input_signature[1]
    for count in (1, 5):
        feed = {}
        for key in wanted:
            kind = "crop" if name.startswith("predict_crops") else "image"
            values = inputs[f"{kind}_{key}" if key == "pose_2d" else key][:count]
            if key == "image_bytes":
                values = [bytes(value) for value in values]
            feed[key] = tf.constant(values)
        for key, value in signature(**feed).items():
            results[f"{name}/{count}/{key}"] = value.numpy()
assert not any(name.startswith(("hmr_tf", "tensorflow_addons")) for name in sys.modules)
np.savez(target, **results)
"""


def _files():
    """Five encoded images of several formats and sizes."""
    rng = np.random.default_rng(0)
    files = []
    for k, extension in enumerate((".jpg", ".png", ".bmp", ".jpg", ".png")):
        coarse = rng.integers(0, 256, (6, 6, 4 if k == 4 else 3), np.uint8)
        image = cv2.resize(coarse, (40 + 31 * k, 90 - 7 * k))
        image = image[..., 0] if k == 3 else image
        files.append(cv2.imencode(extension, image)[1].tobytes())
    return files


def _poses(low, high):
    """Five poses of which some points are not seen, and one of nobody."""
    rng = np.random.default_rng(2)
    places = rng.uniform(low, high, (5, 30, 2))
    visibility = rng.random((5, 30, 1)) > 0.3
    visibility[3] = False
    return np.concatenate([places, visibility], axis=-1).astype(np.float32)


BOXES = np.array(
    [[2, 3, 30, 80], [-5, 0, 60, 70], [10, 10, 20, 20], [0, 0, 132, 68], [1, 1, 99, 200]],
    np.float32,
)


@pytest.fixture(scope="module", params=tiny_models.CONFIGS)
def real(request, tmp_path_factory):
    """A small model of each kind, exported."""
    model = tiny_models.build(request.param)
    folder = tmp_path_factory.mktemp("real") / "1"
    saved_model.export_saved_model(model, folder)
    return model, folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = StubModel()
    folder = tmp_path_factory.mktemp("models") / "hmr" / "1"
    assert saved_model.export_saved_model(model, folder, origin={"weights": "ckpt-1"})
    return model, folder


def test_gives_the_python_numbers_where_the_package_is_not_installed(real, tmp_path):
    model, folder = real
    files = _files()
    size = model.config.image_size
    crops = np.random.default_rng(1).random((5, size, size, 3), np.float32)
    encoded = np.empty(5, object)
    encoded[:] = files
    poses = {"image_pose_2d": _poses(0, 130), "crop_pose_2d": _poses(-1, 1)}
    np.savez(tmp_path / "in.npz", image_bytes=encoded, boxes_xyxy=BOXES, images=crops, **poses)
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    command = [sys.executable, script, folder, tmp_path / "in.npz", tmp_path / "out.npz"]
    subprocess.run([str(part) for part in command], check=True, cwd=tmp_path)
    results = np.load(tmp_path / "out.npz")

    images = [reading.decode_bytes(data, "test") for data in files]
    for count in (1, 5):
        ours = predictor.Predictor(model)
        takes_poses = outputs.POSE_2D in extra_inputs.names(model)
        expected = {}
        for suffix in ("", "_without_pose") if takes_poses else ("",):
            beside, in_crop = {}, {}
            if takes_poses and not suffix:
                beside["pose_2d"] = poses["image_pose_2d"][:count]
                in_crop["pose_2d"] = poses["crop_pose_2d"][:count]
            whole = ours.predict_images(images[:count], **beside)
            boxed = ours.predict_images(images[:count], list(BOXES[:count]), **beside)
            expected[f"serving_default{suffix}"] = whole
            expected[f"predict_boxes{suffix}"] = boxed
            expected[f"predict_crops{suffix}"] = ours.predict_crops(crops[:count], **in_crop)
        assert {key.split("/")[0] for key in results} == set(expected)
        for signature, estimate in expected.items():
            found = {key for key in results if key.startswith(f"{signature}/{count}/")}
            assert found == {f"{signature}/{count}/{key}" for key in estimate}
            for key, value in estimate.items():
                got = results[f"{signature}/{count}/{key}"]
                assert got.dtype == np.float32
                np.testing.assert_allclose(
                    got, value, rtol=1e-5, atol=1e-5, err_msg=f"{signature} {key}"
                )
    assert np.ptp(expected["predict_boxes"]["joints_3d"], axis=0).max() > 0.01
    assert set(expected["predict_crops"]) >= {*outputs.ESTIMATE_KEYS, outputs.VERTICES}
    assert set(expected["predict_boxes"]) > set(outputs.FULL_IMAGE_KEYS)


def test_holds_the_weights_in_use_and_no_others(exported):
    _, folder = exported
    variables = tf.train.list_variables(str(folder / "variables" / "variables"))
    shapes = [shape for name, shape in variables if "weights" in name]
    assert shapes == [[48, 85]]


def test_only_what_estimates_is_exported(real):
    model, folder = real
    names = tf.train.list_variables(str(folder / "variables" / "variables"))
    size = sum(np.prod(shape) for name, shape in names if "weights" in name)
    judges = model.discriminator.count_params() if hasattr(model, "discriminator") else 0
    assert size == model.count_params() - judges


def test_carries_faces_and_joint_names(exported):
    model, folder = exported
    extra = folder / saved_model.EXTRA_DIR
    np.testing.assert_array_equal(np.load(extra / "faces.npy"), model.body_model.faces)
    description = json.loads((extra / "model.json").read_text())
    assert len(description["joint_names"]) == 19 and len(description["smpl_joint_names"]) == 24
    assert description["image_size"] == 32
    assert description["origin"] == {"weights": "ckpt-1"}


def _other_side(joint):
    names = {"left": "right", "right": "left"}
    return "_".join(names.get(word, word) for word in joint.split("_"))


def test_poses_are_named_and_their_sides_matter(real):
    """A pose whose sides are confused is another one to the model."""
    model, folder = real
    description = json.loads((folder / saved_model.EXTRA_DIR / "model.json").read_text())
    if not extra_inputs.names(model):
        assert description["extra_inputs"] == {}
        return
    joints = description["extra_inputs"]["pose_2d"]
    assert joints[4] == "left_knee" and joints[21] == "right_wrist" and len(joints) == 30
    pose = _poses(-1, 1)[:1]
    swapped = pose[:, [joints.index(_other_side(joint)) for joint in joints]]
    images = np.random.default_rng(1).random((1, 64, 64, 3), np.float32)
    plain, other = (model(images, pose_2d=tf.constant(x)) for x in (pose, swapped))
    for key in (outputs.JOINTS_UVD, outputs.BODY_JOINTS_2D):
        # More than the exported model may differ by.
        assert np.abs(plain[key] - other[key]).max() > 1e-3


@pytest.mark.parametrize("needs_poses", [False, True])
def test_a_model_that_needs_poses_has_no_signatures_without(needs_poses):
    model = StubModel(takes_poses=True)
    model.needs_extra_inputs = needs_poses
    _, signatures = saved_model.build_servable(model)
    takes = {
        name: "pose_2d" in signature.structured_input_signature[1]
        for name, signature in signatures.items()
    }
    expected = {"serving_default": True, "predict_boxes": True, "predict_crops": True}
    without = {f"{name}_without_pose": False for name in expected}
    assert takes == (expected if needs_poses else {**expected, **without})


def test_leaves_nothing_half_written(exported):
    _, folder = exported
    assert [entry.name for entry in folder.parent.iterdir()] == ["1"]


def test_the_same_export_again_is_no_error_and_another_is(exported, tmp_path):
    model, folder = exported
    before = (folder / "saved_model.pb").stat().st_mtime_ns
    assert not saved_model.export_saved_model(model, folder, origin={"weights": "ckpt-1"})
    assert (folder / "saved_model.pb").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="not empty"):
        saved_model.export_saved_model(model, folder, origin={"weights": "ckpt-2"})
    with pytest.raises(ConfigError, match="not empty"):
        saved_model.export_saved_model(model, folder)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty"):
        saved_model.export_saved_model(model, tmp_path, origin={"weights": "ckpt-1"})
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_interrupted_export_is_cleared_away(tmp_path):
    stale = tmp_path / ".2.partial"
    stale.mkdir()
    (stale / "saved_model.pb").write_bytes(b"half")
    (tmp_path / "2").mkdir()  # An empty folder is no obstacle.
    assert saved_model.export_saved_model(StubModel(), tmp_path / "2")
    assert sorted(entry.name for entry in pathlib.Path(tmp_path).iterdir()) == ["2"]


@pytest.mark.parametrize("limit", [10, 20_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, limit):
    message = r"\.1\.partial.* cannot be written: File too large\."
    with full_beyond(limit), pytest.raises(OutputError, match=message) as caught:
        saved_model.export_saved_model(StubModel(), tmp_path / "1")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
