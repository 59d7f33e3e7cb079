"""Crops keep labels, cameras and pixels together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tfrecords_tools import images, person_crop
from tfrecords_tools.errors import ImageError


def _spotted(height, width, spots, radius):
    image = np.zeros((height, width, 3), np.uint8)
    for x, y in spots:
        cv2.circle(image, (round(x), round(y)), radius, (255, 255, 255), -1)
    return image


def _found(image):
    """Returns the centres of bright blobs, from left to right."""
    bright = (image[..., 0].astype(float)) / 255
    _, labels = cv2.connectedComponents((bright > 0.15).astype(np.uint8))
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    centers = []
    for label in range(1, labels.max() + 1):
        weight = bright * (labels == label)
        centers.append([(weight * columns).sum(), (weight * rows).sum()] / weight.sum())
    return np.array(sorted(centers, key=lambda point: point[0]))


@pytest.mark.parametrize("size", [(433, 377), (432, 376)])
@pytest.mark.parametrize(("scale", "radius"), [(0.26, 12), (0.613, 9), (1.0, 6), (3.7, 3)])
def test_labels_stay_on_what_they_label(scale, radius, size):
    spots = np.array([[120.0, 150.0], [160.0, 260.0], [215.0, 190.0]])
    image = _spotted(*size, spots, radius)
    crop = person_crop.crop_scaled(image, np.array([165.0, 200.0]), scale, 240)
    np.testing.assert_allclose(_found(crop.image), crop.points(spots), atol=0.12)


def test_the_crop_is_a_square_around_the_middle():
    image = np.zeros((700, 900, 3), np.uint8)
    points = np.array([[300.0, 200.0], [480.0, 440.0]])  # 300 px apart
    crop = person_crop.crop_scaled(image, points.mean(axis=0), 0.5, 100)
    moved = crop.points(points)
    assert np.linalg.norm(moved[1] - moved[0]) == pytest.approx(150, abs=0.5)
    assert crop.image.shape == (200, 200, 3)
    np.testing.assert_allclose(moved.mean(axis=0), [100, 100], atol=0.51)
    np.testing.assert_allclose(crop.scale_factors, 0.5)
    assert crop.crop_origin.dtype.kind == "i" and crop.crop_origin.tolist() == [95, 60]


def test_sizes_are_the_originals():
    # Integer sizes make two factors: floor(101 * 0.37) = 37 of 101 rows, 73 of 199 columns.
    crop = person_crop.crop_scaled(np.zeros((101, 199, 3), np.uint8), np.array([90, 50]), 0.37, 300)
    assert crop.image.shape == (37, 73, 3)
    np.testing.assert_allclose(crop.scale_factors, [37 / 101, 73 / 199])
    assert crop.crop_origin.tolist() == [0, 0]


def test_a_camera_still_projects_what_it_did():
    rng = np.random.default_rng(0)
    intrinsics = np.array([800.0, 790.0, 320.0, 250.0])
    joints = rng.uniform([-1, -1, 3], [1, 1, 5], (10, 3))
    points = joints[:, :2] / joints[:, 2:] * intrinsics[:2] + intrinsics[2:]
    crop = person_crop.crop_scaled(np.zeros((501, 647, 3), np.uint8), points.mean(0), 0.41, 60)
    moved = crop.intrinsics(intrinsics)
    projected = joints[:, :2] / joints[:, 2:] * moved[:2] + moved[2:]
    np.testing.assert_allclose(projected, crop.points(points), atol=1e-9)
    confident = np.concatenate([points, np.full((10, 1), 7.0)], axis=1)
    np.testing.assert_array_equal(crop.points(confident)[:, 2], 7)
    box = crop.box(np.array([10.0, 20.0, 30.0, 40.0]))
    np.testing.assert_allclose(box, crop.points(np.array([[10.0, 20], [30, 40]])).reshape(-1))


@pytest.mark.parametrize("scale", [0.19, 0.4])
def test_shrinking_by_steps_is_like_the_mean_over_each_pixels_area(scale):
    image = np.random.default_rng(0).integers(0, 255, (512, 768, 3), np.uint8)
    new_size = int(768 * scale), int(512 * scale)
    shrunk = person_crop.crop_scaled(image, np.array([384, 256]), scale, 600).image
    direct = cv2.resize(image, new_size, interpolation=cv2.INTER_AREA)
    assert shrunk.shape == direct.shape
    # Skipped pixels leave more of the noise.
    assert shrunk.std() < 1.3 * direct.std()
    assert cv2.resize(image, new_size, interpolation=cv2.INTER_LINEAR).std() > 1.5 * direct.std()
    smooth = cv2.GaussianBlur(image, (0, 0), 4)
    shrunk = person_crop.crop_scaled(smooth, np.array([384, 256]), scale, 600).image
    direct = cv2.resize(smooth, new_size, interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(float) - direct).mean() < 0.6


@pytest.mark.parametrize("scale", [0.06, 0.11, 0.2, 0.3, 0.7, 1.3])
@pytest.mark.parametrize("size", [(512, 768), (511, 767), (510, 770)])
def test_a_file_is_cropped_like_its_image(size, scale):
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6).astype(float)
    image = np.clip(127 + 8 * (smooth - smooth.mean()), 0, 255).astype(np.uint8)
    data = images.encode_jpeg(image)
    center = np.array([400.0, 250.0])
    whole = person_crop.crop_scaled(images.decode_rgb(data, ""), center, scale, 100)
    pixels, whole_size = person_crop.decode_for(data, "", scale)
    assert (pixels.shape < image.shape) == (scale < 0.5 and size != (511, 767))
    fast = person_crop.crop_scaled(pixels, center, scale, 100, whole_size)
    np.testing.assert_array_equal(fast.scale_factors, whole.scale_factors)
    np.testing.assert_array_equal(fast.crop_origin, whole.crop_origin)
    assert fast.image.shape == whole.image.shape
    assert fast.image.std() > 2
    assert np.abs(fast.image.astype(float) - whole.image).mean() < 1.0
    with pytest.raises(ImageError, match=r"^corrupt image: a.jpg"):
        person_crop.decode_for(data[:-100], "a.jpg", scale)


def test_far_enlarged_people_need_no_large_image():
    image = np.zeros((2000, 2000, 3), np.uint8)
    crop = person_crop.crop_scaled(image, np.array([1000.5, 1000.5]), 106.0, 150)
    assert crop.image.shape == (300, 300, 3)


def test_nothing_to_cut_out():
    image = np.zeros((50, 60, 3), np.uint8)
    assert person_crop.crop_scaled(image, np.array([949.5, 49.5]), 1.07, 50) is None
