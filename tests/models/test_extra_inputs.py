import types

import numpy as np
import pytest

from hmr_tf.errors import ConfigError
from hmr_tf.models import extra_inputs

POSED = types.SimpleNamespace(extra_inputs=("pose_2d",))
PLAIN = types.SimpleNamespace()


def test_what_a_model_names_is_taken_where_it_is():
    model = types.SimpleNamespace(extra_inputs=("pose_2d", "depth"))
    assert extra_inputs.names(model) == ("pose_2d", "depth")
    assert extra_inputs.of_batch(model, {"image": 1, "pose_2d": 2}) == {"pose_2d": 2}
    assert extra_inputs.names(PLAIN) == ()
    assert extra_inputs.of_batch(PLAIN, {"pose_2d": 2}) == {}


def test_signatures():
    assert extra_inputs.signature(PLAIN) == {}
    (spec,) = extra_inputs.signature(POSED).values()
    assert spec.name == "pose_2d" and spec.shape.as_list() == [None, 30, 3]


def test_zeros_stand_for_what_is_not_given():
    assert extra_inputs.filled(PLAIN, {}, 2) == {}
    (zeros,) = extra_inputs.filled(POSED, {}, 2).values()
    assert zeros.shape == (2, 30, 3) and not zeros.any()
    pose = np.ones((2, 30, 3))
    np.testing.assert_array_equal(extra_inputs.filled(POSED, {"pose_2d": pose}, 2)["pose_2d"], 1)


def test_a_model_that_needs_them_gets_them_of_everybody():
    model = types.SimpleNamespace(extra_inputs=("pose_2d",), needs_extra_inputs=True)
    assert extra_inputs.are_needed(model) and not extra_inputs.are_needed(POSED)
    pose = np.ones((2, 30, 3))
    extra_inputs.filled(model, {"pose_2d": pose}, 2)
    pose[1, :, 2] = 0
    with pytest.raises(ConfigError, match="give the pose_2d of everybody"):
        extra_inputs.filled(model, {"pose_2d": pose}, 2)


def test_points_move_into_the_crop_and_end_at_its_border():
    points = np.float32([[[100, 50, 1], [140, 30, 0.5], [141, 50, 1], [60, 10, 1], [100, 50, 0]]])
    center, window = np.float32([[100, 50]]), np.float32([80])
    found = extra_inputs.to_crop({"pose_2d": points}, center, window)["pose_2d"]
    expected = [[0, 0, 1], [0, 0, 0], [0, 0, 0], [-1, -1, 1], [0, 0, 0]]
    np.testing.assert_allclose(found[0], expected)
    inside = extra_inputs.to_crop({"pose_2d": points}, center, 2 * window)["pose_2d"]
    np.testing.assert_allclose(inside[0, 1], [0.5, -0.25, 0.5])
