"""From whole images to estimates and back: squares, cameras, batches, bad input."""

import numpy as np
import pytest
import tensorflow as tf
from stub_model import StubModel

from hmr_tf import outputs, predictor
from hmr_tf.errors import ConfigError
from hmr_tf.geometry import camera

RNG = np.random.default_rng(4)


@pytest.fixture(scope="module")
def stub():
    return predictor.Predictor(StubModel())


def _image(height, width):
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def test_an_image_of_the_crop_size_is_not_resampled(stub):
    image = _image(32, 32)
    from_image = stub.predict_images([image])
    from_crop = stub.predict_crops(image[None] / np.float32(255.0))
    for key, value in from_crop.items():
        np.testing.assert_allclose(from_image[key], value, atol=1e-5, err_msg=key)


def test_a_whole_image_fills_the_crop_without_loss_or_shift():
    # Twice the crop's size: every crop pixel is the mean of four image pixels.
    from hmr_tf.data import crops

    image = _image(64, 64)
    crop = crops.crop_image(image, *predictor.whole_image_square([64, 64], 32), 32)
    expected = image.reshape(32, 2, 32, 2, 3).mean((1, 3)) / 255
    np.testing.assert_allclose(crop, expected, atol=1e-5)


def test_squares_of_images_and_boxes():
    center, window = predictor.whole_image_square(tf.constant([600, 400]), 224)
    assert float(window) == 600
    # Half a crop pixel from the middle of the pixels, (199.5, 299.5); see the reference release,
    # whose rounding puts the same image's centre at (198.2, 300).
    np.testing.assert_allclose(center, np.array([199.5, 299.5]) + 300 / 224, rtol=1e-6)
    center, window = predictor.box_square(tf.constant([[10.0, 20.0, 100.0, 140.0]]))
    np.testing.assert_allclose(center, [[55, 80]])
    np.testing.assert_allclose(window, [150 * 224 / 150])
    _, tighter = predictor.box_square(tf.constant([[10.0, 20.0, 100.0, 140.0]]), window_px=180.0)
    np.testing.assert_allclose(tighter, [150 * 180 / 150])
    assert float(predictor.box_square(tf.zeros([4]))[1]) == 1.0


def test_printed_numbers_of_the_original_demo():
    # Image 600 x 400, camera (0.9, 0.1, -0.2), the original's centre of the square.
    estimate = {
        outputs.CAMERA: tf.constant([[0.9, 0.1, -0.2]]),
        outputs.KEYPOINTS_2D: tf.constant([[[0.9 * 0.2, 0.0]]]),
    }
    square = tf.constant([[198.2143, 300.0]]), tf.constant([600.0]), tf.constant([[600, 400]])
    view = predictor.view_of_crops(StubModel(), *square)
    full = predictor.add_full_image_keys(estimate, view, *square)
    assert float(full["focal_length_px"][0]) == pytest.approx(1339.2857, abs=1e-3)
    assert float(full["translation"][0, 2]) == pytest.approx(4.960317, abs=1e-5)
    np.testing.assert_allclose(full["keypoints_2d_image"], [[[252.2143, 300.0]]], atol=1e-3)
    point = tf.constant([[[0.1, 0.2, 0.0]]]) + full["translation"][:, None]
    landed = camera.perspective(point, full["focal_length_px"], [[199.5, 299.5]])
    np.testing.assert_allclose(landed, [[[252.2143, 300.0]]], atol=1e-3)


@pytest.mark.parametrize("box", [None, (30, 5, 61, 80)])
def test_the_full_camera_agrees_with_the_crop_at_the_bodys_depth(stub, box):
    image = _image(90, 120)
    estimate = stub.predict_images([image], [box])
    flat = estimate["joints_3d"][0] * [1, 1, 0] + estimate["translation"][0]
    focal = estimate["focal_length_px"][0]
    landed = focal * flat[:, :2] / flat[:, 2:] + [(120 - 1) / 2, (90 - 1) / 2]
    np.testing.assert_allclose(landed, estimate["keypoints_2d_image"][0], atol=1e-2)
    # By hand from the crop: centre of the square plus half its side per crop unit.
    center, side = ((59.5 + 120 / 64, 44.5 + 120 / 64), 120.0)
    if box:
        center, side = ((45.5, 42.5), np.hypot(31, 75) * 180 / 150)
    by_hand = np.array(center) + side / 2 * estimate["keypoints_2d"][0]
    np.testing.assert_allclose(estimate["keypoints_2d_image"][0], by_hand, atol=1e-2)


def test_rows_keep_their_order_and_do_not_depend_on_the_batch():
    model = StubModel()
    images = [_image(20 + 7 * k, 90 - 9 * k) for k in range(5)]
    boxes = [None, (1, 2, 15, 20), None, (3, 3, 30, 33), (0, 0, 10, 48)]
    together = predictor.Predictor(model, batch_size=5).predict_images(images, boxes)
    for batch_size in (1, 2):
        split = predictor.Predictor(model, batch_size=batch_size).predict_images(images, boxes)
        for key, value in together.items():
            assert value.shape[0] == 5 and value.dtype == np.float32
            np.testing.assert_allclose(split[key], value, rtol=1e-5, atol=1e-5, err_msg=key)
    assert set(together) == {
        *outputs.ESTIMATE_KEYS,
        *outputs.FULL_IMAGE_KEYS,
        outputs.VERTICES,
    }


def test_poses_go_with_their_people_into_the_crop():
    model = StubModel(takes_poses=True)
    images, box = [_image(64, 64), _image(40, 60), _image(64, 64)], (10, 20, 40, 60)
    pose = np.zeros((3, 30, 3), np.float32)
    pose[0, 4] = (31.5, 31.5, 1)  # The middle of the pixels: half a crop pixel from the crop's.
    pose[1, 4] = (25 + 36, 40 - 18, 1)  # The box's middle, and its diagonal 50: 60 px of crop.
    pose[1, 5:8] = [(25, 70.5, 1), (25, 10, 1), (25, 40, 0)]  # Outside, inside, and not seen.
    pose[2, 4] = (np.inf, np.nan, 0)
    shown = {}
    for size in (1, 2, 3):
        ours = predictor.Predictor(model, batch_size=size)
        shown = ours.predict_images(images, [None, box, None], pose_2d=pose)[outputs.POSE_2D]
        np.testing.assert_allclose(shown[0, 4], [-1 / 32, -1 / 32, 1], atol=1e-6)
        np.testing.assert_allclose(shown[1, 4], [0, 0, 0])  # 36 px are 1.2 half sides.
        np.testing.assert_allclose(shown[1, 5:8], [[0, 0, 0], [0, -1, 1], [0, 0, 0]], atol=1e-6)
        assert not shown[2].any()
    in_crop = ours.predict_crops(np.zeros((3, 32, 32, 3)), pose_2d=pose[:, ::-1] * 0.01)
    np.testing.assert_allclose(in_crop[outputs.POSE_2D][:2], pose[:2, ::-1] * 0.01)
    assert not ours.predict_images(images)[outputs.POSE_2D].any()


def test_poses_that_cannot_be_used_are_named(stub):
    image, pose = _image(8, 8), np.ones((1, 30, 3))
    with pytest.raises(ValueError, match="takes nothing beside images; received pose_2d"):
        stub.predict_images([image], pose_2d=pose)
    model = StubModel(takes_poses=True)
    ours = predictor.Predictor(model)
    with pytest.raises(ValueError, match=r"pose_2d must be \[2, 30, 3\]; received \[1, 30, 3\]"):
        ours.predict_images([image, image], pose_2d=pose)
    model.needs_extra_inputs = True
    pose = np.concatenate([pose, np.zeros_like(pose)])
    for given in ({}, {"pose_2d": pose}):
        with pytest.raises(ConfigError, match="finds no pose by itself"):
            ours.predict_images([image, image], **given)


def test_vertices_only_when_asked_for():
    bare = predictor.Predictor(StubModel(), with_vertices=False)
    assert outputs.VERTICES not in bare.predict_images([_image(10, 10)])


def test_a_large_photograph(stub):
    estimate = stub.predict_images([np.full((3000, 4000, 3), 90, np.uint8)])
    assert all(np.isfinite(value).all() for value in estimate.values())


@pytest.mark.parametrize(
    ("images", "boxes", "words"),
    [
        ([], None, "at least one"),
        ([np.zeros((4, 4), np.uint8)], None, "height, width, 3"),
        ([np.zeros((4, 4, 3), np.float32)], None, "uint8"),
        ([np.zeros((4, 4, 3), np.uint8)], [(0, 0, 0, 4)], "right > left"),
        ([np.zeros((4, 4, 3), np.uint8)], [(0, 0, np.nan, 4)], "right > left"),
        ([np.zeros((4, 4, 3), np.uint8)], [None, None], "2 for 1 images"),
    ],
)
def test_bad_input_is_named(stub, images, boxes, words):
    with pytest.raises(ValueError, match=words):
        stub.predict_images(images, boxes)
