"""Official files of Human3.6M: lenses that distort, masks, damaged metadata."""

from __future__ import annotations

import cv2
import h5py
import numpy as np
import pytest

from tfrecords_tools import h36m_files
from tfrecords_tools.errors import DatasetError


def _metadata(path, numbers):
    text = " ".join(map(str, numbers))
    path.write_text(f"<metadata><w0>[{text}]</w0></metadata>")
    return str(path)


def test_cameras_are_the_last_36_numbers(tmp_path):
    numbers = np.arange(300) / 10
    cameras = h36m_files.read_cameras(_metadata(tmp_path / "metadata.xml", numbers))
    camera = cameras["55011271"]
    np.testing.assert_allclose(camera.intrinsics, [27.3, 27.4, 27.5, 27.6])
    np.testing.assert_allclose(camera.radial, [27.7, 27.8, 27.9])
    np.testing.assert_allclose(camera.tangential, [28.0, 28.1])


def test_lenses_distort_as_opencv_does():
    """The two differ in the tangential terms, which Human3.6M's tools count once, not twice."""
    points = np.random.default_rng(0).uniform([-1, -1, 3], [1, 1, 5], (20, 3))
    intrinsics = np.array([1145.0, 1143.0, 512.0, 515.0])
    radial = np.array([-0.2071, 0.2478, -0.0031])
    matrix = np.array([[1145.0, 0, 512.0], [0, 1143.0, 515.0], [0, 0, 1]])
    for tangential in (np.zeros(2), np.array([-0.001, -0.0014])):
        camera = h36m_files.Camera(intrinsics, radial, tangential)
        order = np.array([*radial[:2], *tangential, radial[2]])
        expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, order)
        # x (p1 y + p2 x) is missing once.
        rays = points[:, :2] / points[:, 2:]
        once = rays * (rays[:, :1] * tangential[1] + rays[:, 1:] * tangential[0])
        expected = expected[:, 0] - once * intrinsics[:2]
        np.testing.assert_allclose(camera.project(points), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<metadata><w0>[1 2 3]</w0></metadata>", "list of 300 numbers; it has 3"),
        ("<metadata></metadata>", "list of 300 numbers; it has 0"),
        ("<metadata><w0>[1 two]</w0></metadata>", "cannot be read"),
        ("<metadata><w0>[1", "cannot be read"),
    ],
)
def test_damaged_metadata_is_one_line(tmp_path, text, message):
    (tmp_path / "metadata.xml").write_text(text)
    with pytest.raises(DatasetError, match=rf"^h36m: .*metadata\.xml.*{message}|.*{message}"):
        h36m_files.read_cameras(str(tmp_path / "metadata.xml"))


def test_boxes_are_around_the_masks(tmp_path):
    masks = np.zeros((3, 8, 12), np.uint8)
    masks[0, 2:5, 3:9] = 1
    masks[2] = 1
    with h5py.File(tmp_path / "a.mat", "w") as file:
        group = file.create_group("#refs#")
        references = [group.create_dataset(str(k), data=mask.T).ref for k, mask in enumerate(masks)]
        data = np.array(references, h5py.ref_dtype)[:, None]
        file.create_dataset("Masks", data=data, dtype=h5py.ref_dtype)
    boxes = h36m_files.PersonBoxes(str(tmp_path / "a.mat"))
    np.testing.assert_allclose(boxes.box(0), [2.5, 1.5, 8.5, 4.5])
    np.testing.assert_allclose(boxes.box(2), [-0.5, -0.5, 11.5, 7.5])
    assert boxes.box(1) is None and boxes.box(3) is None


def test_poses_of_other_files_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"a\.cdf is not there"):
        h36m_files.read_poses(str(tmp_path / "a.cdf"), 2)
    with h5py.File(tmp_path / "b.cdf", "w") as file:
        file["Pose"] = np.zeros((1, 3, 96))
    with pytest.raises(DatasetError, match=r"b\.cdf is not a readable \.cdf file") as caught:
        h36m_files.num_frames(str(tmp_path / "b.cdf"))
    assert "\n" not in str(caught.value)
