from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.synthetic import staging


def column_of_points(height=1.7):
    """A standing figure: a few points above each other, arms to both sides."""
    y = np.linspace(0.05, height, 8)
    body = np.stack([np.zeros(8), y, np.zeros(8)], axis=1)
    arms = np.array([[-0.4, 1.2, 0.1], [0.4, 1.2, -0.1]])
    return np.concatenate([body, arms])


def seen(points, arranged, intrinsics):
    camera = points @ arranged.camera_from_world.T + arranged.camera_translation
    fx, fy, cx, cy = intrinsics
    return camera[:, :2] / camera[:, 2:] * [fx, fy] + [cx, cy], camera[:, 2]


@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 360), (224, 224)])
@pytest.mark.parametrize("count", [1, 3])
def test_everybody_is_in_the_picture_and_apart(height, width, count):
    for seed in range(10):
        random = np.random.default_rng(seed)
        intrinsics = staging.draw_intrinsics(random, height, width)
        figures = [column_of_points()] * count
        arranged = staging.stage(random, figures, intrinsics, height, width)
        depths = []
        for figure, place in zip(figures, arranged.places):
            pixels, depth = seen(figure + place, arranged, intrinsics)
            assert (pixels > -0.5).all() and (pixels < [width - 0.5, height - 0.5]).all()
            # The head is above the feet, and the person is no dot.
            assert pixels[0, 1] - pixels[7, 1] > 0.15 * min(height, width)
            depths.append(depth.mean())
        assert min(depths) > 1.4
        gaps = np.diff(np.sort(depths))
        assert (gaps > 0.6).all()


def test_the_camera_is_a_rotation_above_the_ground():
    random = np.random.default_rng(0)
    intrinsics = (300.0, 300.0, 159.5, 119.5)
    arranged = staging.stage(random, [column_of_points()], intrinsics, 240, 320)
    rotation = arranged.camera_from_world
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) > 0
    eye = -rotation.T @ arranged.camera_translation
    np.testing.assert_allclose(eye[[0, 2]], 0, atol=1e-12)
    assert 0.7 <= eye[1] <= 2.0
    assert arranged.places[0, 1] == 0


def test_the_first_person_may_stand_at_the_border():
    for seed in range(6):
        random = np.random.default_rng(seed)
        intrinsics = (300.0, 300.0, 159.5, 119.5)
        figures = [column_of_points(), column_of_points()]
        arranged = staging.stage(random, figures, intrinsics, 240, 320, at_border=True)
        pixels, _ = seen(figures[0] + arranged.places[0], arranged, intrinsics)
        is_inside = (pixels[:, 0] >= 0) & (pixels[:, 0] < 320)
        assert not is_inside[8:].all()
        other, _ = seen(figures[1] + arranged.places[1], arranged, intrinsics)
        assert (other > -0.5).all() and (other < [319.5, 239.5]).all()
