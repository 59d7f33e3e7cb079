"""Files of MPI-INF-3DHP, written by hand."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from tfrecords_tools import mpi_inf_format
from tfrecords_tools.errors import DatasetError

# The beginning of a real file.
_CALIBRATION = """Skeletool Camera Calibration File V1.0
name          0
  sensor      10 10
  size        2048 2048
  animated    0
  intrinsic   1497.693 0 1024.704 0 0 1497.103 1051.394 0 0 0 1 0 0 0 0 1 
  extrinsic   0.96 0.02 0.25 -562.8 -0.009 0.99 -0.05 1398.1 -0.25 0.04 0.96 3852.6 0 0 0 1 
  radial      0
name          13
  sensor      10 10
  size        2048 2048
  animated    0
  intrinsic   1500.7 0 1020.7 0 0 1499.1 1050.5 0 0 0 1 0 0 0 0 1 
  extrinsic   1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 
  radial      0
"""


def test_calibration(tmp_path):
    path = tmp_path / "camera.calibration"
    path.write_text(_CALIBRATION)
    cameras = mpi_inf_format.read_calibration(str(path))
    assert {camera: values.tolist() for camera, values in cameras.items()} == {
        0: [1497.693, 1497.103, 1024.704, 1051.394],
        13: [1500.7, 1499.1, 1020.7, 1050.5],
    }
    path.write_bytes(b"\xff\xfe" * 50)
    with pytest.raises(DatasetError, match="cannot be read"):
        mpi_inf_format.read_calibration(str(path))


def test_annotations(tmp_path):
    cells = {name: np.empty((14, 1), object) for name in ("annot2", "annot3")}
    for camera in range(14):
        cells["annot2"][camera, 0] = 100 * camera + np.arange(5 * 56).reshape(5, 56)
        cells["annot3"][camera, 0] = 1000 * camera + np.arange(5 * 84).reshape(5, 84)
    path = str(tmp_path / "annot.mat")
    scipy.io.savemat(path, {**cells, "frames": np.arange(5)[:, None], "cameras": np.arange(14)})
    labels = mpi_inf_format.read_annotations(path, (3, 8))
    assert labels.frames.tolist() == [0, 1, 2, 3, 4]
    assert set(labels.points_2d) == set(labels.points_3d) == {3, 8}
    # Joint by joint, x y (z) together.
    assert labels.points_2d[8][2, 1].tolist() == [800 + 2 * 56 + 2, 800 + 2 * 56 + 3]
    assert labels.points_3d[3][0, 27].tolist() == [3081, 3082, 3083]
    cells["annot2"][3, 0] = np.zeros((5, 34))
    scipy.io.savemat(path, {**cells, "frames": np.arange(5)[:, None]})
    with pytest.raises(DatasetError, match=r"of \(F, 56\); that of camera 3 is \(5, 34\)"):
        mpi_inf_format.read_annotations(path, (3,))


def test_test_annotations(tmp_path):
    path = str(tmp_path / "annot_data.mat")
    rng = np.random.default_rng(0)
    arrays = {
        **{"annot2": rng.normal(size=(4, 1, 17, 2)), "annot3": rng.normal(size=(4, 1, 17, 3))},
        **{"univ_annot3": rng.normal(size=(4, 1, 17, 3)), "valid_frame": np.eye(4)[:, 1:2]},
    }

    def write(**changes):
        with h5py.File(path, "w") as file:
            for name, values in {**arrays, **changes}.items():
                if values is not None:
                    file[name] = values

    write()
    labels = mpi_inf_format.read_test_annotations(path)
    np.testing.assert_array_equal(labels.points_2d, arrays["annot2"][:, 0])
    np.testing.assert_array_equal(labels.points_3d, arrays["annot3"][:, 0])
    np.testing.assert_array_equal(labels.universal_3d, arrays["univ_annot3"][:, 0])
    assert labels.is_valid.tolist() == [False, True, False, False]
    write(annot3=None)
    with pytest.raises(DatasetError, match=r"not a test set's HDF5 file or is damaged .*annot3"):
        mpi_inf_format.read_test_annotations(path)
    write(annot2=np.zeros((4, 1, 28, 2)))
    with pytest.raises(DatasetError, match=r"annot2 in .* must be \(4, 1, 17, 2\)"):
        mpi_inf_format.read_test_annotations(path)


@pytest.mark.parametrize(
    ("files", "expected", "is_video"),
    [
        (["imageSequence/video_4.avi"], "imageSequence/video_4.avi", True),
        ([], "imageSequence/video_4.avi", True),
        (["imageFrames/video_4/frame_000007.jpg"], "imageFrames/video_4/frame_000003.jpg", False),
        (["video_4/000002.jpg", "video_4/x.txt"], "video_4/000003.jpg", False),
        (["imageSequence/img_4_000009.jpg"], "imageSequence/img_4_000003.jpg", False),
        (["imageSequence/img_0_000001.jpg"], "imageSequence/video_4.avi", True),
    ],
)
def test_find_pictures(tmp_path, files, expected, is_video):
    folder = tmp_path / "a {0} b"
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    path, found_video = mpi_inf_format.find_pictures(str(folder), 4)
    assert found_video == is_video
    assert (path if is_video else path.format(number=3)) == str(folder / expected)
