"""The hourglass: the release's sizes, the order of its channels, and what is free."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models import hourglass


def _count(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


@pytest.fixture(scope="module")
def published():
    with tf.Graph().as_default():  # Where weights get no values: there are many.
        return hourglass.build_hourglass(256, 45)


def test_has_the_release_s_weights(published):
    assert _count(published.trainable_variables) == 16_475_456
    assert _count(published.non_trainable_variables) == 70_784
    kernels = [x for x in published.weights if x.shape.rank == 4]
    assert len(kernels) == 225
    parts = {}
    for kernel in kernels:
        name = kernel.name.partition("/")[0]
        part = name.partition("_")[0] if name.startswith("stem") else name.partition("_")[2]
        parts[part.partition("_")[0]] = parts.get(part.partition("_")[0], 0) + _count([kernel])
    sums = {"stem": 346_880, "seen": 5 * 65_536, "merge": 4 * 65_536}
    sums.update(volume=5 * 184_320, back=4 * 184_320)
    sums.update({f"level{level}": 5 * (4 if level == 3 else 3) * 212_992 for level in range(4)})
    assert parts == sums


def test_gives_the_release_s_shapes(published):
    shapes = [tuple(tensor.shape) for tensor in published.outputs]
    assert shapes == [(None, 64, 64, 16, 45)] * 5 + [(None, 256)]
    assert published.get_layer("stem").output.shape[1:] == (128, 128, 64)
    grids = [published.get_layer(f"stack4_level{i}_in").output.shape[1] for i in range(4)]
    assert grids == [32, 16, 8, 4]


def test_names_its_residuals_in_order(published):
    names = {layer.name for layer in published.layers if isinstance(layer, hourglass.Residual)}
    ordered = hourglass.residual_names(5)
    assert len(ordered) == 68 and set(ordered) == names
    assert ordered[3:8] == [f"stack0_level{x}" for x in ("0_up", "0_in", "1_up", "1_in", "2_up")]
    assert ordered[9:13] == [f"stack0_level3_{x}" for x in ("up", "in", "mid", "out")]


def _small(image_size=64, **others):
    tf.keras.utils.set_random_seed(0)
    arguments = {"num_maps": 3, "depths": 5, "num_stacks": 2, "width": 16, **others}
    return hourglass.build_hourglass(image_size, **arguments)


IMAGES = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def small():
    return _small()


def test_maps_are_the_fast_index_of_channels(small):
    drawn = small.get_layer("stack1_volume").output
    both = tf.keras.Model(small.input, [drawn, small.outputs[1]])
    channels, volume = (x.numpy() for x in both(IMAGES))
    for depth in range(5):
        for number in range(3):
            channel = channels[..., 3 * depth + number]
            np.testing.assert_array_equal(volume[:, :, :, depth, number], channel)


def test_takes_images_of_other_sizes():
    """Also those whose maps cannot be halved four times."""
    *drawn, features = _small(72)(np.zeros((1, 72, 72, 3), np.float32))
    assert [tuple(x.shape) for x in drawn] == [(1, 18, 18, 5, 3)] * 2
    assert features.shape == (1, 16)
    with pytest.raises(ConfigError, match="multiple of 4"):
        _small(70)


def test_brightness_and_contrast_do_not_matter(small):
    plain, changed = small(IMAGES), small(0.3 + 0.4 * IMAGES)
    np.testing.assert_allclose(plain[1], changed[1], atol=1e-3)


def test_logits_stay_float32():
    network = _small(dtype_policy="mixed_bfloat16", num_stacks=1)
    assert network.get_layer("stack0_level0_up").compute_dtype == "bfloat16"
    *drawn, features = network(IMAGES)
    assert {x.dtype for x in (*drawn, features)} == {tf.float32}
    exact = _small(num_stacks=1)
    exact.set_weights(network.get_weights())
    wanted = exact(IMAGES)[0].numpy()
    assert np.abs(drawn[0] - wanted).max() < 0.1 * np.abs(wanted).max()


def test_is_saved_by_itself(tmp_path):
    network = _small(num_stacks=1)
    network.save(tmp_path / "hourglass.keras")
    loaded = tf.keras.models.load_model(tmp_path / "hourglass.keras")
    for one, other in zip(network(IMAGES), loaded(IMAGES)):
        np.testing.assert_array_equal(one, other)


def test_every_stack_learns(small):
    with tf.GradientTape() as tape:
        *drawn, features = small(IMAGES, training=True)
        loss = tf.reduce_sum(tf.square(drawn[1][..., 0])) + tf.reduce_sum(tf.square(features))
    gradients = tape.gradient(loss, small.trainable_variables)
    assert all(x is not None for x in gradients)
