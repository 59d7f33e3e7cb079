"""SPIN's files are read and their fits taken in order."""

from __future__ import annotations

import numpy as np
import pytest

from tfrecords_tools import spin_format
from tfrecords_tools.errors import DatasetError

_ROWS = {"imgname": np.array(["a.jpg", "b.jpg"]), "center": np.ones((2, 2)), "scale": np.ones(2)}


def _read(folder, **arrays):
    np.savez(folder / "x.npz", **{**_ROWS, **arrays})
    return spin_format.read_file(str(folder / "x.npz"))


def test_files_are_read(tmp_path):
    arrays = _read(tmp_path, gender=np.array(["m", "f"]), part=np.zeros((2, 24, 3)))
    assert arrays["imgname"] == ["a.jpg", "b.jpg"]
    assert arrays["gender"].tolist() == [1, 2]
    assert set(arrays) == {"imgname", "center", "scale", "part", "gender"}
    # As Python 2 wrote them.
    arrays = _read(tmp_path, imgname=np.array(["a.jpg", "b.jpg"], object))
    assert arrays["imgname"] == ["a.jpg", "b.jpg"]


def test_whose_bodies_are_taken(tmp_path):
    own = _read(tmp_path, pose=np.ones((2, 72)), shape=np.ones((2, 10)))
    none = _read(tmp_path)
    multi, static = spin_format.fit_files(str(tmp_path), "lsp_dataset_original")
    assert (multi, static) == tuple(
        str(tmp_path / "static_fits" / name) for name in ("lsp-orig_mview_fits.npz",
                                                          "lsp-orig_fits.npy")
    )  # fmt: skip
    (tmp_path / "static_fits").mkdir()
    views = {"pose": np.full((2, 72), 2.0), "shape": np.full((2, 10), 2.0)}
    np.savez(multi, **views, has_smpl=np.array([0, 1]))
    np.save(static, np.full((2, 82), 3.0))

    def taken(*arguments):
        bodies = spin_format.read_bodies(*arguments)
        found = [bodies.of(row) for row in range(2)]
        return [body["betas"][0] if body else None for body in found]

    assert taken(none) == [None, None]
    assert taken(own, multi) == [1, 1]
    assert taken({**own, "has_smpl": np.array([1.0, 0.0])}, multi) == [1, None]
    assert taken(none, multi) == [None, 2]
    assert taken(none, multi, static) == [3, 2]
    assert taken(none, "", static) == [3, 3]


def test_unfit_fits_are_one_line(tmp_path):
    none = _read(tmp_path)
    path = tmp_path / "fits.npy"
    with pytest.raises(DatasetError, match="is not there; unpack static_fits"):
        spin_format.read_bodies(none, "", str(path))
    np.save(path, np.zeros((3, 82)))
    with pytest.raises(DatasetError, match=r"must be \(2, 82\); it is \(3, 82\)"):
        spin_format.read_bodies(none, "", str(path))
    for content in (b"", b"\x93NUMPY\x01\x00", path.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="is damaged") as caught:
            spin_format.read_bodies(none, "", str(path))
        assert "\n" not in str(caught.value)


def test_openpose_fills_gaps_by_name():
    part, openpose = np.zeros((1, 24, 3)), np.zeros((1, 25, 3))
    part[0, 1] = [5, 6, 1]  # right knee
    openpose[0, :, 0] = np.arange(25)
    openpose[0, :, 2] = 0.5
    arrays = {"part": part, "openpose": openpose}
    assert spin_format.keypoints(arrays, with_openpose=False) is part
    filled = spin_format.keypoints(arrays, with_openpose=True)[0]
    # OpenPose's places of right ankle, left wrist, nose and right ear.
    assert filled[[0, 11, 19, 23], 0].tolist() == [11, 7, 0, 17]
    assert filled[1].tolist() == [5, 6, 1]
    assert not filled[13:19].any()
