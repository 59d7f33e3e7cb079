"""Tests of hmr_tf/data/occluder_shapes.py."""

import cv2
import numpy as np

from hmr_tf.data import occluder_shapes


def _decode(pictures):
    return [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_UNCHANGED) for one in pictures]


def test_shapes_are_pictures_with_an_outline():
    shapes = _decode(occluder_shapes.draw_shapes(60))
    for shape in shapes:
        assert shape.dtype == np.uint8 and shape.shape[2] == 4
        alpha = shape[..., 3]
        assert 5 <= min(alpha.shape) and 40 <= max(alpha.shape) <= 182
        covered = (alpha == 255).mean()
        assert 0.1 < covered < 1.0
        # The shape touches all four sides of its picture, or nearly.
        for line in (alpha[:2], alpha[-2:], alpha[:, :2], alpha[:, -2:]):
            assert line.max() > 0
    colors = np.array([shape[shape[..., 3] == 255][:, :3].mean(axis=0) for shape in shapes])
    assert (np.ptp(colors, axis=0) > 100).all()
    sizes = {shape.shape for shape in shapes}
    assert len(sizes) > 50


def test_shapes_follow_from_the_seed():
    assert occluder_shapes.draw_shapes(3) == occluder_shapes.draw_shapes(3)
    assert occluder_shapes.draw_shapes(3) != occluder_shapes.draw_shapes(3, seed=1)
