"""A picture follows from the settings and its number alone."""

from __future__ import annotations

import numpy as np

from hmr_tf import config
from hmr_tf.synthetic import lsp_pictures


def test_pictures_follow_from_their_numbers(tmp_path):
    settings = config.SynthesisConfig(num_images=4, num_test=1, image_size=64, seed=3)
    first, second = (lsp_pictures.Drawer(tmp_path, settings) for _ in range(2))
    assert [first.split(index) for index in range(4)] == ["train", "train", "train", "test"]
    _, person, drawn = first.compose(2)
    first.compose(0)
    _, again, redrawn = second.compose(2)
    np.testing.assert_array_equal(again.pose_axis_angle, person.pose_axis_angle)
    np.testing.assert_array_equal(redrawn.image, drawn.image)
    _, other, _ = second.compose(1)
    assert np.abs(other.pose_axis_angle - person.pose_axis_angle).max() > 0.1
    assert lsp_pictures.image_name(2) == "im0003.jpg"
