"""HRNet's shape; its numbers against the reference's stand in tests/weights/test_hybrik.py."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models import encoders


@pytest.fixture(scope="module")
def network():
    return encoders.build_encoder("hrnet_w48", 64)


def test_gives_features_and_a_fine_map(network):
    seen = encoders.with_map(network)
    features, finest = seen(tf.zeros([1, 64, 64, 3]))
    assert features.shape == (1, 2048) and finest.shape == (1, 16, 16, 48)


def test_has_the_release_s_number_of_weights(network):
    trainable = sum(int(np.prod(x.shape)) for x in network.trainable_weights)
    # The classification network of the paper's 77.5 million, without its classifier.
    assert trainable == 77_469_864 - (2048 * 1000 + 1000)


def test_names_are_the_release_s(network):
    names = {layer.name for layer in network.layers if layer.weights}
    for name in (
        *("conv2", "layer1_0_downsample_0", "transition1_0_0", "transition1_1_0_0"),
        *("stage2_0_branches_1_3_bn2", "stage4_2_fuse-layers_3_0_2_1", "transition3_3_0_1"),
        *("incre-modules_3_0_conv3", "downsamp-modules_2_0", "final-feat-layer_1"),
    ):
        assert name in names, name
