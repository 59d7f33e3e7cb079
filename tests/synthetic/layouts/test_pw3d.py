"""3DPW's twin has 3DPW's tree, keys, shapes and types."""

from __future__ import annotations

import pickletools

import cv2
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import pw3d
from tfrecords_tools import safe_pickle

_CONFIG = SynthesisConfig(num_images=5, num_test=2, image_size=72, seed=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pw3d")
    assert "5 frames in 3 sequences" in pw3d.write(str(folder), _CONFIG)
    return folder


def test_the_tree_is_3dpws(dataset):
    found = sorted(str(path.relative_to(dataset)) for path in dataset.rglob("*.*"))
    images = [f"imageFiles/courtyard_arguing_00/image_{frame:05d}.jpg" for frame in range(3)]
    images += [f"imageFiles/{name}/image_00000.jpg" for name in (pw3d._NAMES["test"][0],)]
    images += ["imageFiles/courtyard_drinking_00/image_00000.jpg"]
    assert found == sorted(
        [
            *images,
            "sequenceFiles/train/courtyard_arguing_00.pkl",
            "sequenceFiles/validation/courtyard_drinking_00.pkl",
            "sequenceFiles/test/downtown_arguing_00.pkl",
            "smpl_truth.npz",
            "synthesize.json",
        ]
    )
    assert cv2.imread(str(dataset / images[0])).shape == (72, 128, 3)
    assert cv2.imread(str(dataset / images[3])).shape == (128, 72, 3)


def test_a_sequence_holds_3dpws_keys(dataset):
    path = dataset / "sequenceFiles" / "train" / "courtyard_arguing_00.pkl"
    protocol = next(a for o, a, _ in pickletools.genops(path.read_bytes()) if o.name == "PROTO")
    assert protocol == 2
    labels = safe_pickle.load(str(path))
    shapes = {
        **{"poses": (3, 72), "trans": (3, 3), "jointPositions": (3, 72)},
        **{"poses2d": (3, 3, 18), "campose_valid": (3,), "betas": (10,), "betas_clothed": (10,)},
        **{"poses_60Hz": (6, 72), "trans_60Hz": (6, 3)},
        **{"v_template_clothed": (6890, 3), "texture_maps": (8, 8, 3)},
    }
    for key, shape in shapes.items():
        assert [array.shape for array in labels[key]] == [shape, shape], key
    assert labels["sequence"] == "courtyard_arguing_00"
    assert set(labels["genders"]) <= {"m", "f"} and len(labels["genders"]) == 2
    assert labels["cam_poses"].shape == (3, 4, 4) and labels["cam_intrinsics"].shape == (3, 3)
    assert labels["img_frame_ids"].tolist() == [0, 2, 4]
    assert [valid.tolist() for valid in labels["campose_valid"]] == [[1, 1, 1], [1, 1, 0]]
    detected = [(points[:, 2] > 0).any(axis=1).tolist() for points in labels["poses2d"]]
    assert detected == [[True, True, True], [True, False, False]]


def test_equal_settings_give_equal_files(dataset, tmp_path):
    pw3d.write(str(tmp_path), _CONFIG)
    for path in dataset.rglob("*.*"):
        assert (tmp_path / path.relative_to(dataset)).read_bytes() == path.read_bytes()


def test_long_splits_are_several_sequences():
    config = SynthesisConfig(num_images=200, num_test=50)
    sizes = [(split, size) for split, _, size in pw3d._sequences(config)]
    assert sizes == [("train", 50)] * 3 + [("validation", 25), ("test", 25)]
