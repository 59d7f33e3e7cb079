"""From a map to volumes: sizes, footprints and what stays in float32."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import ConfigError
from hmr_tf.models import heatmap_head


@pytest.mark.parametrize(("map_side", "image_size", "doublings"), [(3, 96, 3), (16, 64, 0)])
def test_as_many_doublings_as_needed(map_side, image_size, doublings):
    head = heatmap_head.build_heatmap_head((map_side, map_side, 8), image_size, 5, width=6)
    names = [layer.name for layer in head.layers if layer.name.startswith("deconv_")]
    assert names == [f"deconv_{index}" for index in range(doublings)]
    marginals = head(tf.random.normal([2, map_side, map_side, 8]))
    assert marginals.shape == (2, 5, 3, image_size // 4)
    np.testing.assert_allclose(tf.reduce_sum(marginals, axis=-1), np.ones((2, 5, 3)), atol=1e-5)


def test_cells_may_be_larger():
    head = heatmap_head.build_heatmap_head((6, 6, 8), 96, 5, width=6, stride=8)
    assert head.output_shape == (None, 5, 3, 12)
    with pytest.raises(ConfigError, match="of 12 cells"):
        heatmap_head.build_heatmap_head((24, 24, 8), 96, 5, stride=8)


def test_new_heads_begin_in_the_middle():
    head = heatmap_head.build_heatmap_head((2, 2, 16), 64, 3, width=4)
    marginals = head(tf.random.uniform([1, 2, 2, 16]))
    np.testing.assert_allclose(marginals, np.full((1, 3, 3, 16), 1 / 16), atol=1e-4)


def test_maps_that_do_not_double_up_are_refused():
    with pytest.raises(ConfigError, match=r"of 20 cells .* map of 3; give an image_size .* of 32"):
        heatmap_head.build_heatmap_head((3, 3, 8), 80, 5)


def test_one_pixel_s_footprint_is_the_kernel_unflipped():
    """Row i of the map becomes rows 2i - 1 to 2i + 2."""
    head = heatmap_head.build_heatmap_head((4, 4, 1), 32, 1, width=1)
    layer = head.get_layer("deconv_0")
    kernel = np.arange(16, dtype=np.float32).reshape(4, 4, 1, 1)
    layer.kernel.assign(kernel)
    pixel = np.zeros((1, 4, 4, 1), np.float32)
    pixel[0, 1, 2] = 1.0
    expected = np.zeros((8, 8), np.float32)
    expected[1:5, 3:7] = kernel[:, :, 0, 0]
    np.testing.assert_array_equal(layer(pixel)[0, :, :, 0], expected)


def test_logits_are_float32_under_bfloat16():
    head = heatmap_head.build_heatmap_head((2, 2, 8), 64, 3, 4, dtype_policy="mixed_bfloat16")
    assert head.get_layer("deconv_0").compute_dtype == "bfloat16"
    assert head.get_layer("logits").compute_dtype == "float32"
    assert head(tf.zeros([1, 2, 2, 8], tf.bfloat16)).dtype == tf.float32


def test_channels_are_joint_by_joint():
    layer = heatmap_head.VolumeMarginals()
    logits = np.full((1, 4, 4, 8), -1e4, np.float32)
    logits[0, 1, 2, 4 + 3] = 0.0  # Joint 1, depth 3.
    logits[0, 3, 0, 0] = 0.0
    marginals = layer(logits).numpy()[0]
    np.testing.assert_allclose(marginals.argmax(axis=-1), [[0, 3, 0], [2, 1, 3]])
    assert heatmap_head.VolumeMarginals.from_config(layer.get_config()).name == layer.name
