"""Rows of archives become samples, whatever they lack."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tfrecords_tools import archive_people
from tfrecords_tools.archive_people import ArchivePerson
from tfrecords_tools.converter import Drop

_HEIGHT, _WIDTH = 400, 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An image folder: in `a.jpg` pixel (x, y) says where it is."""
    path = tmp_path_factory.mktemp("images")
    columns, rows = np.meshgrid(np.arange(_WIDTH), np.arange(_HEIGHT))
    image = np.stack([columns * 0.8, rows * 0.6, 0 * rows], axis=-1).astype(np.uint8)
    cv2.imwrite(str(path / "a.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
    return str(path)


def _keypoints(scale=1.0):
    """J24 points in a box of 120 x 160 px about (150, 200), times the scale: a diagonal of 200."""
    rng = np.random.default_rng(0)
    points = np.ones((24, 3))
    points[:, :2] = rng.uniform(-1, 1, (24, 2)) * [60, 80] * scale
    points[[0, 9], :2] = np.array([[-60, 80], [60, -80]]) * scale
    points[:, :2] += [150, 200]
    return points


def _person(folder, **fields):
    box = np.array([90.0, 120, 210, 280])
    return ArchivePerson(folder=folder, image_path="a.jpg", box_xyxy=box, **fields)


def test_people_are_brought_to_size(folder):
    keypoints = _keypoints()
    intrinsics = np.array([500.0, 510, 151, 199])
    sample = archive_people.to_sample(_person(folder, keypoints=keypoints, intrinsics=intrinsics))
    factors, corner = sample.scale_factors, sample.crop_origin
    np.testing.assert_allclose(factors, 0.75, atol=0.003)
    assert sample.height == min(int(_HEIGHT * factors[0]), 300)
    for found, expected in zip(sample.keypoints_24_2d, keypoints):
        source = (found[:2] + corner + 0.5) / factors[::-1] - 0.5
        np.testing.assert_allclose(source, expected[:2], atol=1e-9)
    np.testing.assert_array_equal(sample.keypoints_2d[:14], sample.keypoints_24_2d[:14])
    np.testing.assert_array_equal(sample.keypoints_2d[14:], sample.keypoints_24_2d[19:])
    image = cv2.imdecode(np.frombuffer(sample.image, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    x, y = np.rint(sample.keypoints_2d[3, :2]).astype(int)
    np.testing.assert_allclose(image[y, x, :2] / [0.8, 0.6], keypoints[3, :2], atol=4)
    ray = np.array([0.1, -0.05])
    fx, fy, cx, cy = sample.intrinsics
    pixel = (ray * intrinsics[:2] + intrinsics[2:] + 0.5) * factors[::-1] - 0.5 - corner
    np.testing.assert_allclose(ray * [fx, fy] + [cx, cy], pixel)


def test_people_of_that_size_keep_their_image(folder):
    with open(f"{folder}/a.jpg", "rb") as file:
        data = file.read()
    whole = archive_people.to_sample(_person(folder, keypoints=_keypoints()), person_px=0)
    assert whole.image == data and (whole.height, whole.width) == (_HEIGHT, _WIDTH)
    np.testing.assert_allclose(whole.keypoints_24_2d, _keypoints())
    assert whole.person_px == pytest.approx(200.0)
    # The image is too large to be kept whole, so it is cut.
    fitting = archive_people.to_sample(_person(folder, keypoints=_keypoints(0.75)))
    assert fitting.height == 300 and fitting.image != data and fitting.person_px is None
    # With people at 200 px it is not.
    fitting = archive_people.to_sample(_person(folder, keypoints=_keypoints()), person_px=200)
    assert fitting.image == data and fitting.person_px == 200


def test_without_joints_the_box_tells(folder):
    sample = archive_people.to_sample(_person(folder, box_scale=1.25))
    # 200 px of diagonal, 160 px without the margin.
    np.testing.assert_allclose(sample.scale_factors, 150 / 160, atol=0.003)
    middle = (sample.center + sample.crop_origin + 0.5) / sample.scale_factors[::-1] - 0.5
    np.testing.assert_allclose(middle, [150, 200])
    assert sample.keypoints_24_2d is None and not sample.keypoints_2d.any()


def test_the_head_top_stands_in_for_the_crown(folder):
    keypoints, joints = _keypoints(), np.ones((24, 4))
    joints[:, :3] = np.arange(72).reshape(24, 3)
    for points in (keypoints, joints):
        points[13] = 0
    sample = archive_people.to_sample(_person(folder, keypoints=keypoints, joints=joints))
    np.testing.assert_array_equal(sample.keypoints_2d[13], sample.keypoints_24_2d[18])
    assert not sample.keypoints_24_2d[13].any() and not sample.joints_24_3d[13].any()
    np.testing.assert_array_equal(sample.joints_3d[:13], joints[:13, :3])
    np.testing.assert_array_equal(sample.joints_3d[13], joints[18, :3])
    joints[4, 3] = 0  # An unknown knee: 14 joints are not complete.
    sample = archive_people.to_sample(_person(folder, joints=joints))
    assert sample.joints_3d is None and not sample.joints_24_3d[4].any()


def test_translations_are_the_bodys_not_the_pelviss(folder):
    translation = np.array([0.1, 0.2, 3.0])
    sample = archive_people.to_sample(_person(folder, translation=translation))
    np.testing.assert_array_equal(sample.translation, translation)
    person = _person(folder, translation=translation, joints=np.ones((24, 4)))
    assert archive_people.to_sample(person).translation is None


@pytest.mark.parametrize(
    ("fields", "reason", "is_error"),
    [
        ({"betas": np.array([np.nan] * 10)}, "label that is not finite", True),
        ({"keypoints": np.full((24, 3), [1, np.inf, 1])}, "label that is not finite", True),
        ({"box_xyxy": np.array([5.0, 5, 5, 5])}, "too little labelled to tell the size", False),
        ({"box_xyxy": np.array([5000.0, 5, 5100, 90])}, "person outside of the image", False),
        ({"image_path": "b.jpg"}, "missing image", True),
    ],
)
def test_drops(folder, fields, reason, is_error):
    values = {"folder": folder, "image_path": "a.jpg", "box_xyxy": np.array([0.0, 0, 9, 9])}
    drop = archive_people.to_sample(ArchivePerson(**{**values, **fields}))
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.is_error) == (reason, is_error)
    assert drop.name.endswith(".jpg")


def test_points_that_are_not_known_may_be_anything(folder):
    keypoints = _keypoints()
    keypoints[5] = [np.nan, np.inf, 0]
    sample = archive_people.to_sample(_person(folder, keypoints=keypoints))
    assert not sample.keypoints_24_2d[5].any() and not sample.keypoints_2d[5].any()


@pytest.mark.parametrize(
    ("path", "dataset", "expected"),
    [
        ("images/S1_Posing 1.54138969_000006.jpg", "h36m", ("S1", "S1_Posing 1.54138969", 6)),
        ("S5/images/f/S5_a.1_000001.jpg", "human_data/h36m_mosh", ("S5", "S5_a.1", 1)),
        (
            "S2/Seq1/imageFrames/video_0/frame_000010.jpg",
            "mpi_inf_3dhp",
            ("S2", "S2/Seq1/imageFrames/video_0", 10),
        ),
        ("x_test_set/TS6/imageSequence/img_000002.jpg", "mpi_inf_3dhp", ("TS6", None, 2)),
        ("imageFiles/downtown_bar_00/image_00012.jpg", "3dpw", ("", None, 12)),
    ],
)
def test_origins(path, dataset, expected):
    found = archive_people.origin(path, dataset)
    sequence = path.rpartition("/")[0] if expected[1] is None else expected[1]
    assert found == {"subject": expected[0], "sequence": sequence, "frame": expected[2]}
    assert archive_people.origin(path, "mpii") == {}
