"""HumanData by its published places."""

from __future__ import annotations

import numpy as np
import pytest

from tfrecords_tools import human_data_format
from tfrecords_tools.errors import DatasetError

# Published places among the 190 of: right ankle, left hip, neck, left ear; head top, head, jaw.
_PLACES = {0: 8, 3: 145, 12: 146, 22: 59}
_HEAD_TOP, _HEAD, _JAW = 147, 152, 151


def _file(folder, known, part="x_train", compressed=True, **changes):
    """Writes a file of one row in which the joint at place p stands at (p, -p)."""
    mask = np.zeros(190, np.uint8)
    mask[list(known)] = 1
    points = np.stack([np.arange(190), -np.arange(190), np.ones(190)], axis=1)[None]
    data = {
        "__key_strict__": False,
        "__data_len__": 1,
        "__keypoints_compressed__": compressed,
        "image_path": np.array(["S1/images/S1_a.54138969/S1_a.54138969_000001.jpg"]),
        "bbox_xywh": np.array([[1.0, 2, 3, 4, 1]]),
        "keypoints2d": points[:, mask > 0] if compressed else points,
        "keypoints2d_mask": mask,
        **changes,
    }
    path = folder / f"{part}.npz"
    np.savez_compressed(path, **{key: value for key, value in data.items() if value is not None})
    return human_data_format.read_file(str(path), part)


@pytest.mark.parametrize("compressed", [True, False])
def test_joints_come_from_their_places(tmp_path, compressed):
    data = _file(tmp_path, _PLACES.values(), compressed=compressed)
    assert np.flatnonzero(data.keypoints[0, :, 2]).tolist() == sorted(_PLACES)
    for slot, place in _PLACES.items():
        assert data.keypoints[0, slot].tolist() == [place, -place, 1]
    np.testing.assert_array_equal(data.boxes, [[1, 2, 3, 4]])
    assert data.config == "x" and data.poses is None


@pytest.mark.parametrize(
    ("part", "config", "with_jaw", "expected"),
    [
        ("lsp_train", "lsp", False, {13: _HEAD_TOP, 18: _HEAD}),
        ("h36m_train", "h36m", False, {18: _HEAD_TOP, 17: _HEAD}),
        ("mpi_inf_3dhp_train", None, False, {18: _HEAD_TOP, 17: _HEAD}),
        # Made of SPIN's files: SPIN's jaw is there, too.
        ("spin_mpi_inf_3dhp_train", "mpi_inf_3dhp", True, {13: _HEAD_TOP, 17: _JAW, 18: _HEAD}),
    ],
)
def test_the_head_is_told_by_the_origin(tmp_path, part, config, with_jaw, expected):
    known = [_HEAD_TOP, _HEAD, *[_JAW] * with_jaw]
    config = None if config is None else np.array(config)
    data = _file(tmp_path, known, part=part, config=config)
    found = {slot: data.keypoints[0, slot, 0] for slot in np.flatnonzero(data.keypoints[0, :, 2])}
    assert found == expected


def test_bodies_are_read_in_all_their_shapes(tmp_path):
    smpl = {
        "body_pose": np.arange(69.0).reshape(1, 23, 3),
        "global_orient": np.full((1, 3), -1.0),
        "betas": np.ones((1, 10)),
        "transl": np.array([[1.0, 2, 3]]),
    }
    for changes in ({}, {"body_pose": np.arange(69.0)[None], "global_orient": [[[-1.0] * 3]]}):
        data = _file(tmp_path, [4], smpl={**smpl, **changes}, meta={"gender": np.array(["f"])})
        assert data.poses[0].tolist() == [-1.0] * 3 + list(range(69))
        assert data.translations.tolist() == [[1, 2, 3]] and data.genders.tolist() == [2]
        assert data.has_smpl.tolist() == [True]
    data = _file(tmp_path, [4], smpl=smpl, has_smpl=np.array([0]))
    assert data.has_smpl.tolist() == [False]
    # Lists of lists, as mmhuman3d leaves them in some versions.
    plain = {key: value.tolist() for key, value in smpl.items()}
    assert _file(tmp_path, [4], smpl=plain).betas.tolist() == [[1.0] * 10]


def test_cameras_by_row_and_by_name(tmp_path):
    camera = {"in_mat": [[5.0, 0, 7], [0, 6, 8], [0, 0, 1]], "H": 9}
    by_row = _file(tmp_path, [4], cam_param=np.array([camera]))
    by_name = _file(tmp_path, [4], cam_param={("S1", "54138969"): camera, ("S1", "1"): {}})
    wide = {"in_mat": np.pad(np.array(camera["in_mat"]), ((0, 1), (0, 1)))}
    for data in (by_row, by_name, _file(tmp_path, [4], cam_param=np.array([wide]))):
        assert data.intrinsics(0).tolist() == [5, 6, 7, 8]
    other = _file(tmp_path, [4], cam_param={("S5", "54138969"): camera})
    assert other.intrinsics(0) is None
    assert _file(tmp_path, [4]).intrinsics(0) is None


def test_motion_capture_has_no_images(tmp_path):
    smpl = {
        "body_pose": np.zeros((3, 23, 3)),
        "global_orient": np.zeros((3, 3)),
        "betas": np.zeros((3, 10)),
    }
    nothing = dict.fromkeys(("image_path", "bbox_xywh", "keypoints2d", "keypoints2d_mask"))
    data = _file(tmp_path, [4], smpl=smpl, **nothing)
    assert data.image_paths == [] and data.poses.shape == (3, 72)
    smpl["betas"] = np.zeros((2, 10))
    with pytest.raises(DatasetError, match=r"equally many rows; .*betas \(2, 10\)") as caught:
        _file(tmp_path, [4], smpl=smpl, **nothing)
    assert "\n" not in str(caught.value)
