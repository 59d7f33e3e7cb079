import numpy as np
import tensorflow as tf
import toy_body

from hmr_tf.body import mean_parameters, posing
from hmr_tf.training import summaries

BODY = toy_body.toy_body()


def _case(scale=0.9):
    pose, betas = mean_parameters.load_mean_parameters()
    vertices, _ = posing.pose_body(BODY, pose, betas)
    keypoints = BODY.regressor("cocoplus") @ vertices
    camera = np.array([scale, 0.1, -0.05], np.float32)
    points = camera[0] * (keypoints[:, :2] + camera[1:])
    batch = {
        "image": tf.fill([3, 64, 64, 3], 0.5),
        "keypoints_2d": tf.constant(np.tile(points, [3, 1, 1]), tf.float32),
        "visibility": tf.ones([3, 19]),
    }
    estimate = {
        "keypoints_2d": batch["keypoints_2d"][:2],
        "camera": tf.constant(np.tile(camera, [2, 1])),
        "vertices": tf.constant(np.tile(vertices, [2, 1, 1]), tf.float32),
    }
    return batch, estimate


def test_sheet_has_a_row_per_estimate():
    sheet = summaries.overlay_sheet(*_case(), BODY)
    assert sheet.shape == (2 * 224, 3 * 224, 3) and sheet.dtype == np.uint8
    np.testing.assert_array_equal(sheet[:224], sheet[224:])


def test_mesh_lies_on_the_keypoints():
    batch, estimate = _case()
    sheet = summaries.overlay_sheet(batch, estimate, BODY)
    changed = np.any(sheet[:224, 448:] != 128, axis=-1)
    points = np.round(112 * (batch["keypoints_2d"][0].numpy() + 1)).astype(int)
    # Knees, elbows, shoulders: inside the mesh. The wide margin catches a shifted or turned mesh.
    for x, y in points[[1, 4, 7, 10, 8, 9]]:
        assert changed[y - 2 : y + 3, x - 2 : x + 3].any(), (x, y)
    rows, columns = np.nonzero(changed)
    assert abs(columns.mean() - points[:, 0].mean()) < 12
    assert rows.min() > points[:, 1].min() - 25 and rows.max() < points[:, 1].max() + 25


def test_hidden_points_are_not_drawn():
    batch, estimate = _case()
    batch["visibility"] = tf.zeros([3, 19])
    sheet = summaries.overlay_sheet(batch, estimate, BODY)
    assert np.all(sheet[:, :224] == 128) and np.any(sheet[:, 224:448] != 128)


def test_wild_estimates_are_survived():
    batch, estimate = _case()
    estimate["keypoints_2d"] = estimate["keypoints_2d"] * np.nan
    estimate["camera"] = tf.constant([[-1.0, 0.0, 0.0], [np.nan, 0.0, 0.0]])
    sheet = summaries.overlay_sheet(batch, estimate, BODY)
    assert np.all(sheet[:, 224:] == 128)
