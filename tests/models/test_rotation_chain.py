"""The chain against printed numbers and a version that goes joint by joint."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.models.rotation_chain import NUM_BRANCHES, TREE, RotationChain

_START = np.tile(np.float32([1, 0, 0, 1, 0, 0]), (24, 1))
_GRAPH, _LOCAL = 11, 7


def _chain(is_sequential=True, start=_START):
    chain = RotationChain(start, is_sequential)
    chain.build([[None, _GRAPH], [None, NUM_BRANCHES, _LOCAL]])
    return chain


def _randomize(chain, seed=0):
    rng = np.random.default_rng(seed)
    for variable in chain.weights:
        variable.assign(rng.normal(scale=0.1, size=variable.shape).astype(np.float32))


def _inputs(count=3, seed=1):
    rng = np.random.default_rng(seed)
    graph = rng.normal(size=(count, _GRAPH)).astype(np.float32)
    return graph, rng.normal(size=(count, NUM_BRANCHES, _LOCAL)).astype(np.float32)


def test_printed_chain():
    chain = _chain()
    for variable in chain.weights:
        variable.assign(tf.zeros_like(variable))
    chain.root.bias.assign(_START[0])
    biases = np.zeros((NUM_BRANCHES, 6), np.float32)
    biases[:, 4] = 0.001 * np.arange(1, 24)
    chain.last_bias.assign(biases)
    found = chain(_inputs())[0].numpy()
    printed = {22: 0.107, 23: 0.112, 15: 0.045, 10: 0.022, 11: 0.026}
    for joint, value in printed.items():
        assert found[joint, 4] == pytest.approx(value, abs=1e-6)
    np.testing.assert_array_equal(found[:, [0, 3]], 1.0)


@pytest.mark.parametrize("is_sequential", [True, False])
def test_goes_along_the_tree(is_sequential):
    chain = _chain(is_sequential)
    _randomize(chain)
    graph, local = _inputs()
    expected = [graph @ chain.root.kernel.numpy() + chain.root.bias.numpy()]
    weights = {x.name.split("/")[-1][:-2]: x.numpy() for x in chain.weights}
    for joint in range(1, 24):
        branch, parent = joint - 1, expected[TREE.parents[joint]]
        kernels = [weights["graph_kernel"][:, branch], weights["local_kernel"][branch]]
        seen = [graph, local[:, branch]]
        if is_sequential:
            kernels.append(weights["parent_kernel"][branch])
            seen.append(parent)
        x = np.concatenate(seen, axis=1) @ np.concatenate(kernels)
        x = np.maximum(x + weights["hidden_bias"][branch], 0)
        x = np.maximum(x @ weights["middle_kernel"][branch] + weights["middle_bias"][branch], 0)
        x = x @ weights["last_kernel"][branch] + weights["last_bias"][branch]
        expected.append(x + parent if is_sequential else x)
    np.testing.assert_allclose(chain((graph, local)), np.stack(expected, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("is_sequential", [True, False])
def test_begins_at_the_start(is_sequential):
    start = np.random.default_rng(3).normal(size=(24, 6)).astype(np.float32)
    chain = _chain(is_sequential, start)
    found = chain((np.zeros((1, _GRAPH)), np.zeros((1, 23, _LOCAL))))
    np.testing.assert_allclose(found[0], start, atol=0.01)
    chain.last_kernel.assign(tf.zeros_like(chain.last_kernel))
    found = chain((np.zeros((1, _GRAPH)), np.zeros((1, 23, _LOCAL))))
    np.testing.assert_allclose(found[0], start, atol=1e-5)


def test_what_a_joint_sees_reaches_itself_and_what_hangs_on_it():
    chain = _chain()
    _randomize(chain)
    graph, local = _inputs()
    before = chain((graph, local)).numpy()
    for joint, reached in ((22, {22}), (9, {9, *range(12, 24)})):
        changed = local.copy()
        changed[:, joint - 1] += 1.0
        moved = np.abs(chain((graph, changed)).numpy() - before).max(axis=(0, 2))
        assert set(np.flatnonzero(moved > 1e-6).tolist()) == reached
    moved = np.abs(chain((graph + 1.0, local)).numpy() - before).max(axis=(0, 2))
    assert (moved > 1e-6).all()


def test_gradients_with_zero_branches():
    chain = _chain()
    chain.last_kernel.assign(tf.zeros_like(chain.last_kernel))
    graph, local = _inputs()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(chain((graph, local)) - 0.3))
    for variable, gradient in zip(chain.weights, tape.gradient(loss, chain.weights)):
        assert np.isfinite(gradient).all(), variable.name
    assert chain.get_config()["is_sequential"]
