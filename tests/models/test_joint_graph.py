"""The graph against printed numbers and a NumPy version, joint by joint."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models import joint_graph
from tfrecords_tools import skeletons


def test_printed_adjacency():
    graph = joint_graph.adjacency()
    printed = {
        (0, 0): 0.25,
        (0, 7): 0.223607,
        (7, 8): 0.316228,
        (8, 8): 0.5,
        (3, 5): 0.288675,
        (5, 6): 0.333333,
        (11, 12): 0.25,
        (0, 3): 0.0,
    }
    for place, value in printed.items():
        assert graph[place] == pytest.approx(value, abs=1e-6), place
    assert graph.sum() == pytest.approx(14.900164, abs=1e-5)
    assert np.linalg.eigvalsh(graph.astype(np.float64)).max() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(graph, graph.T)
    degree = (graph > 0).sum(axis=1)
    assert degree.tolist() == [4, 4, 4, 4, 4, 3, 3, 5, 2, 4, 4, 4, 4, 3, 3]


def test_published_joints():
    assert list(joint_graph.JOINTS) == [0, 1, 2, 4, 5, 7, 8, 12, 29, 16, 17, 18, 19, 20, 21]
    # The graph is its own mirror image.
    graph = joint_graph.adjacency()
    slots = [joint_graph.JOINTS.index(skeletons.SGRE30.flip[j]) for j in joint_graph.JOINTS]
    np.testing.assert_array_equal(graph[slots][:, slots], graph)


def _numpy_convolution(layer, features):
    own = np.stack(
        [features[:, j] @ layer.kernel[j].numpy() + layer.bias[j].numpy() for j in range(15)], 1
    )
    gamma, beta, mean, variance = (x.numpy().reshape(15, -1) for x in layer.norm.weights)
    normed = (own - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    return np.maximum(np.einsum("kj,bjo->bko", joint_graph.adjacency(), normed), 0.0)


def test_every_joint_has_weights_of_its_own():
    rng = np.random.default_rng(0)
    graph = joint_graph.JointGraph()
    features = rng.normal(size=(3, 15, 7)).astype(np.float32)
    graph.build(features.shape)
    for variable in graph.weights:
        values = rng.uniform(0.5, 1.5, variable.shape) if "variance" in variable.name else None
        values = rng.normal(scale=0.3, size=variable.shape) if values is None else values
        variable.assign(values.astype(np.float32))
    expected = _numpy_convolution(graph.convolutions[0], features)
    for one, two in zip(graph.convolutions[1::2], graph.convolutions[2::2]):
        expected = expected + _numpy_convolution(two, _numpy_convolution(one, expected))
    found = graph(features)
    assert found.shape == (3, 15 * 128)
    # Joint after joint.
    np.testing.assert_allclose(found, expected.reshape(3, -1), rtol=1e-4, atol=1e-4)


def test_batch_statistics_are_of_each_joint():
    layer = joint_graph.GraphConvolution(4)
    features = np.random.default_rng(1).normal(size=(64, 15, 5)).astype(np.float32)
    features[:, 3] += 100.0
    layer(features, training=True)
    mean = layer.norm.moving_mean.numpy().reshape(15, 4)
    own = np.einsum("bi,io->bo", features[:, 3], layer.kernel[3].numpy()).mean(axis=0)
    np.testing.assert_allclose(mean[3], 0.1 * own, rtol=1e-3)
    assert layer.get_config()["width"] == 4
    assert tf.keras.layers.deserialize(tf.keras.layers.serialize(layer)).width == 4
