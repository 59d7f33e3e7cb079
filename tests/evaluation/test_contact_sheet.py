"""The sheet of examples."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from toy_body import toy_body

from hmr_tf.config import HMRConfig
from hmr_tf.evaluation import contact_sheet
from hmr_tf.evaluation.examples import ExamplePicker
from hmr_tf.models.hmr import HMR
from tfrecords_tools import skeletons


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    model = HMR(HMRConfig("resnet_small_v2", image_size=32, hidden_units=8), toy_body())
    model.regressor.output_layers[0].kernel.assign(
        tf.zeros_like(model.regressor.output_layers[0].kernel)
    )
    return model


def _picker(count):
    picker = ExamplePicker(num_each=2)
    batch = {
        "image": np.full((count, 32, 32, 3), 0.25, np.float32),
        "keypoints_2d": np.zeros((count, 19, 2), np.float32),
        "visibility": np.zeros((count, 19), np.float32),
    }
    picker.add(np.arange(count, dtype=np.float32), batch, [f"im{k}" for k in range(count)])
    return picker


def test_rows_of_two_people(model):
    draw = functools.partial(contact_sheet.draw_person, model)
    sheet = contact_sheet.draw_sheet(draw, _picker(20))
    cell = contact_sheet._CELL
    assert sheet.shape[1] // cell == 6 and 3 * cell < sheet.shape[0] < 4 * cell
    # The mean body stands in the middle of its crop, which it does not fill to the sides.
    middle = sheet[: cell + 4, cell + 8 : 2 * cell + 8]
    crop = np.abs(middle[4:cell].astype(int) - 64).max(axis=-1) > 8
    columns = np.flatnonzero(crop[20:-20].any(axis=0))
    assert abs(columns.mean() - cell / 2) < 12
    assert np.ptp(columns) < 0.9 * cell


def test_few_people(model):
    draw = functools.partial(contact_sheet.draw_person, model)
    assert contact_sheet.draw_sheet(draw, _picker(1)).ndim == 3


def test_a_mesh_without_a_camera_is_drawn_from_the_side(model):
    (example,) = _picker(1).pick()["best"]
    estimate = {"vertices": model.body_model.template, "camera": None}
    truth, front, side = contact_sheet.draw_estimate(example, estimate, model.body_model.faces)
    np.testing.assert_array_equal(truth, front)
    assert (side != 255).any()


def test_joints_alone_are_drawn_from_the_front_and_from_the_side():
    (example,) = _picker(1).pick()["best"]
    joints = np.zeros((17, 3))
    joints[:, 1] = np.linspace(-0.8, 0.8, 17)  # Upright, and leaning away from the camera.
    joints[:, 2] = 0.5 * joints[:, 1]
    _, front, side = contact_sheet.draw_joints(example, joints, skeletons.H36M17)
    widths = [np.ptp(np.flatnonzero((view != 255).any(axis=(0, 2)))) for view in (front, side)]
    assert widths[0] < 10 and widths[1] > 80
    again = contact_sheet.draw_joints(example, joints[:14], skeletons.J17)
    assert again[0].shape == front.shape


def test_a_camera_that_looks_away_draws_nothing(model):
    picture = np.full((200, 200, 3), 7, np.uint8)
    vertices = np.zeros((3, 3), np.float32)
    drawn = contact_sheet._draw_mesh(
        picture, vertices, np.array([[0, 1, 2]]), np.float32([-0.5, 0, 0])
    )
    np.testing.assert_array_equal(drawn, picture)
