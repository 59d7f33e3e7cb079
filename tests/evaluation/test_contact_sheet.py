"""The sheet of examples."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from toy_body import toy_body

from hmr_tf.config import HMRConfig
from hmr_tf.evaluation import contact_sheet
from hmr_tf.evaluation.examples import ExamplePicker
from hmr_tf.models.hmr import HMR


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


def test_rows_of_two_people(model, tmp_path):
    path = tmp_path / "examples.png"
    contact_sheet.save_sheet(str(path), model, _picker(20))
    sheet = cv2.imread(str(path))[..., ::-1]
    cell = contact_sheet._CELL
    assert sheet.shape[1] // cell == 6 and 3 * cell < sheet.shape[0] < 4 * cell
    # The mean body stands in the middle of its crop, which it does not fill to the sides.
    middle = sheet[: cell + 4, cell + 8 : 2 * cell + 8]
    crop = np.abs(middle[4:cell].astype(int) - 64).max(axis=-1) > 8
    columns = np.flatnonzero(crop[20:-20].any(axis=0))
    assert abs(columns.mean() - cell / 2) < 12
    assert np.ptp(columns) < 0.9 * cell


def test_few_people(model):
    assert contact_sheet.draw_sheet(model, _picker(1)).ndim == 3


def test_a_camera_that_looks_away_draws_nothing(model):
    picture = np.full((200, 200, 3), 7, np.uint8)
    vertices = np.zeros((3, 3), np.float32)
    drawn = contact_sheet._draw_mesh(
        picture, vertices, np.array([[0, 1, 2]]), np.float32([-0.5, 0, 0])
    )
    np.testing.assert_array_equal(drawn, picture)
