import numpy as np
import tensorflow as tf
from toy_body import toy_body

from hmr_tf.body.smpl import SMPL
from hmr_tf.evaluation import crop_views


def test_what_records_know_of_their_cameras():
    body = SMPL(toy_body())
    betas = np.zeros((3, 10), np.float32)
    betas[1, 0] = 2.0
    batch = {
        "center": np.float32([[100, 60], [100, 60], [7, 8]]),
        "window": np.float32([50, 200, 10]),
        "intrinsics": np.float32([[500, 450, 120, 70], [500, 450, 120, 70], [0, 0, 0, 0]]),
        "has_intrinsics": np.float32([1, 1, 0]),
        "translation": np.float32([[0, 0, 3], [0, 0, 3], [0, 0, 0]]),
        "has_translation": np.float32([0, 1, 0]),
        "betas": betas,
    }
    view = crop_views.batch_view({key: tf.constant(x) for key, x in batch.items()}, body)
    np.testing.assert_allclose(view.offset, [[-0.4, -0.2], [-0.1, -0.05], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(view.focal, [[10, 9], [2.5, 2.25], [0, 0]])
    shaped = toy_body().template + 2.0 * toy_body().shape_basis[..., 0]
    pelvis = (toy_body().joint_regressor @ shaped)[0, 2]
    np.testing.assert_allclose(view.root_depth, [0, 3 + pelvis, 0], atol=1e-5)
