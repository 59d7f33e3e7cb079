"""Errors are the hourglass's own, of people whose points are known."""

import itertools
import types

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import DataError
from hmr_tf.geometry import volume_axes
from hmr_tf.training import hourglass_errors

RNG = np.random.default_rng(0)
GIVEN = np.float32([[0.5, 0.1, -0.2]])
PREDICTED = np.float32([[0.4, 0.0, 0.0]])


def _model(camera):
    """Draws nothing: its images are the places that it finds."""
    return types.SimpleNamespace(
        config=types.SimpleNamespace(camera=camera, axes="camera"),
        observe=lambda images, training: (
            [images],
            tf.repeat(tf.constant(PREDICTED), tf.shape(images)[0], axis=0),
        ),
        places=lambda drawn: drawn,
    )


def _element(known):
    count = len(known)
    return {
        "image": RNG.uniform(-0.3, 0.3, (count, 41, 3)).astype(np.float32),
        "points": RNG.normal(size=(count, 41, 3)).astype(np.float32),
        "points_camera": np.repeat(GIVEN, count, axis=0),
        "has_smpl": np.float32(known),
    }, {}


@pytest.mark.parametrize("camera", ["predicted", "given"])
def test_errors_are_what_was_found_less_the_truth(camera):
    elements = [_element([1, 0, 1]), _element([0, 0, 0]), _element([1, 1, 1])]
    errors = hourglass_errors.collect(_model(camera), elements, count=4).numpy()
    expected = []
    for batch, _ in elements:
        scale, x, y = (GIVEN if camera == "given" else PREDICTED)[0]
        found = batch["image"] * [1 / scale, 1 / scale, volume_axes.EDGE] - [x, y, 0]
        expected.append((found - batch["points"])[batch["has_smpl"] > 0])
    np.testing.assert_allclose(errors, np.concatenate(expected)[:4], atol=1e-5)


def test_people_without_labels_teach_nothing():
    elements = itertools.repeat(_element([0, 0, 0]))
    with pytest.raises(DataError, match="None of 6 people has SMPL labels"):
        hourglass_errors.collect(_model("predicted"), elements, count=5)
