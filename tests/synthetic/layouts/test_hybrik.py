"""HybrIK's layouts have the files, keys and shapes of the real ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import hybrik

_CONFIG = SynthesisConfig(num_images=5, num_test=2, image_size=64, seed=1)


def _contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_mpi_inf_3dhp(tmp_path):
    hybrik.write_mpi_inf_3dhp(str(tmp_path), _CONFIG)
    for name, joints, count in (("train_v2", 28, 3), ("test", 17, 2)):
        content = json.loads((tmp_path / f"annotation_mpi_inf_3dhp_{name}.json").read_text())
        assert len(content["images"]) == len(content["annotations"]) == count
        folder = tmp_path / f"mpi_inf_3dhp_{name.split('_')[0]}_set"
        for image, person in zip(content["images"], content["annotations"]):
            assert (folder / image["file_name"]).exists()
            assert np.shape(image["cam_param"]["intrinsic_param"]) == (3, 4)
            assert np.shape(person["keypoints_cam"]) == (joints, 3)
            assert np.min(np.array(person["keypoints_cam"])[:, 2]) > 500  # mm
            assert ("activity_id" in person) == (name == "test")


def test_pw3d(tmp_path):
    hybrik.write_pw3d(str(tmp_path), _CONFIG)
    for name, joints, count in (("train", 29, 3), ("test", 24, 2)):
        content = json.loads((tmp_path / "json" / f"3DPW_{name}_new.json").read_text())
        assert len(content["images"]) == count and len(content["annotations"]) == 2 * count
        for image in content["images"]:
            path = tmp_path / "imageFiles" / image["sequence"] / image["file_name"]
            assert path.exists() and set(image["cam_param"]) == {"focal", "princpt"}
        for person in content["annotations"]:
            shapes = {k: np.shape(v) for k, v in person.items() if k != "smpl_param"}
            assert shapes == {
                **{"id": (), "image_id": (), "bbox": (4,), "h36m_joints": (17, 3)},
                **{"smpl_joint_cam": (joints, 3), "smpl_joint_img": (24, 3)},
            }
            assert np.shape(person["smpl_param"]["pose"]) == (72,)


@pytest.mark.parametrize("write", [hybrik.write_mpi_inf_3dhp, hybrik.write_pw3d])
def test_equal_settings_give_equal_files(tmp_path, write):
    config = SynthesisConfig(num_images=2, num_test=1, image_size=64)
    for name in ("a", "b"):
        write(str(tmp_path / name), config)
    assert _contents(tmp_path / "a") == _contents(tmp_path / "b")
