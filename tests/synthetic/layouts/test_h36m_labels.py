"""The prepared layouts of Human3.6M have the files, keys, types and shapes of the real ones."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import h36m_labels

_CONFIG = SynthesisConfig(num_images=5, num_test=2, image_size=64, seed=1)


def _contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_pytorch_hmr(tmp_path):
    h36m_labels.write_pytorch_hmr(str(tmp_path), _CONFIG)
    with h5py.File(tmp_path / "annot.h5", "r") as file:
        shapes = {name: file[name].shape for name in file}
        names = [name.decode() for name in file["imagename"]]
        centre = np.asarray(file["gt3d"]).reshape(3, 14, 3)[:, 2:4].mean(1)
    assert shapes == {
        **{"gt2d": (3, 42), "gt3d": (3, 42), "pose": (3, 72), "shape": (3, 10)},
        "imagename": (3,),
    }
    assert all(name.startswith("/") and (tmp_path / f"image{name}").exists() for name in names)
    np.testing.assert_allclose(centre, 0.0, atol=1e-6)


def test_hybrik(tmp_path):
    h36m_labels.write_hybrik(str(tmp_path), _CONFIG)
    labels = tmp_path / "annotations"
    train = json.loads(
        (labels / "Sample_5_train_Human36M_smpl_leaf_twist_protocol_2.json").read_text()
    )
    test = json.loads((labels / "Sample_20_test_Human36M_smpl_protocol_2.json").read_text())
    assert [len(train[name]) for name in ("images", "annotations")] == [3, 3]
    assert [len(test[name]) for name in ("images", "annotations")] == [3, 3]
    shapes = {key: np.shape(value) for key, value in train["annotations"][0].items()}
    shapes.pop("angle_twist")
    assert shapes == {
        **{"image_id": (), "id": (), "bbox": (4,), "root_coord": (3,), "betas": (10,)},
        **{"h36m_joints": (17, 3), "smpl_joints": (29, 3), "thetas": (24, 3)},
    }
    assert set(train["images"][0]) == {
        *("id", "image_id", "file_name", "width", "height", "cam_param")
    }
    assert np.shape(test["annotations"][0]["smpl_joints"]) == (24, 3)
    missing = [i for i in test["images"] if not (tmp_path / "images" / i["file_name"]).exists()]
    assert [i["file_name"][:24] for i in missing] == ["s_09_act_05_subact_02_ca"]


def test_sgre(tmp_path):
    h36m_labels.write_sgre(str(tmp_path), _CONFIG)
    ids = []
    for subject in (1, 5, 6, 7, 8, 9, 11):
        files = {
            kind: json.loads(
                (tmp_path / "annotations" / f"Human36M_subject{subject}_{kind}.json").read_text()
            )
            for kind in ("data", "camera", "joint_3d", "smpl_param")
        }
        ids += [image["id"] for image in files["data"]["images"]]
        for image in files["data"]["images"]:
            keys = [str(image[key]) for key in ("action_idx", "subaction_idx", "frame_idx")]
            joints = files["joint_3d"][keys[0]][keys[1]][keys[2]]
            assert np.shape(joints) == (17, 3) and image["subject"] == subject
            assert (tmp_path / "images" / image["file_name"]).exists()
        for camera in files["camera"].values():
            assert set(camera) == {"R", "t", "f", "c"}
    assert len(set(ids)) == len(ids) == 5 + 2  # One more of each test subject.


@pytest.mark.parametrize(
    "write",
    [h36m_labels.write_pytorch_hmr, h36m_labels.write_hybrik, h36m_labels.write_sgre],
)
def test_equal_settings_give_equal_files(tmp_path, write):
    config = SynthesisConfig(num_images=2, num_test=1, image_size=64)
    for name in ("a", "b"):
        write(str(tmp_path / name), config)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
