"""SGRE's task: what it asks of records, and that a step of it learns."""

import numpy as np
import pytest
import tensorflow as tf
import toy_body

from hmr_tf import config
from hmr_tf.training import TASKS, sgre, sgre_losses
from tfrecords_tools import skeletons

MODEL = config.SGREConfig(encoder="resnet_small_v2", image_size=64, needs_pose=False)
BODY = toy_body.toy_body()
SEED = tf.constant([1, 2])


def example(count=4, seed=0):
    """Random images and targets; a part of the people has no body, another no pose."""
    rng = np.random.default_rng(seed)
    has_body = np.arange(count) % 3 != 1
    pose = np.concatenate([rng.uniform(-1, 1, (count, 30, 2)), np.ones((count, 30, 1))], -1)
    uvd = rng.uniform(-0.5, 0.5, (count, 30, 3))
    batch = {
        "image": rng.random((count, 64, 64, 3)),
        "keypoints_2d": rng.uniform(-1, 1, (count, 19, 2)),
        "visibility": np.ones((count, 19)),
        "joints_3d": 0.3 * rng.normal(size=(count, 14, 3)),
        "has_3d": has_body,
        "pose_axis_angle": 0.3 * rng.normal(size=(count, 72)),
        "betas": rng.normal(size=(count, 10)),
        "has_smpl": has_body,
        "pose_2d": pose * (np.arange(count) != 2)[:, None, None],
        "label_uvd": uvd,
        "label_uvd_weights": np.ones((count, 30, 3)),
        "label_joints": 0.3 * rng.normal(size=(count, 30, 3)),
        "label_joints_weights": np.ones((count, 30)),
        "body_uvd": uvd,
        "body_uvd_weights": np.ones((count, 30)) * has_body[:, None],
        "body_joints": 0.3 * rng.normal(size=(count, 30, 3)),
        "has_body": has_body,
        "body_betas": rng.normal(size=(count, 10)),
    }
    return {key: tf.constant(value.astype(np.float32)) for key, value in batch.items()}


def make_task(**losses):
    tf.keras.utils.set_random_seed(1)
    train = config.TrainConfig(generator_learning_rate=1e-3, num_steps=8)
    losses = config.SGRELossConfig(own_pose_share=0.25, **losses)
    task = sgre.SGRETask("sgre", MODEL, BODY, train, losses)
    task.build()
    return task


@pytest.fixture(scope="module")
def task():
    return make_task()


def test_registered(task):
    assert isinstance(task, TASKS.get("sgre"))


def test_losses_and_weights(task):
    scalars, gradients = task.gradients(example(), SEED)
    weights = task.loss_weights
    assert tuple(weights) == sgre_losses.NAMES and set(weights.values()) == {1.0}
    total = sum(weight * float(scalars[name]) for name, weight in weights.items())
    assert float(scalars["loss"]) == pytest.approx(total, rel=1e-5)
    assert set(scalars) == set(task.metric_names)
    for variable, gradient in zip(task.model.generator_variables, gradients):
        assert np.isfinite(gradient).all(), variable.name


def test_marginals_are_trained_if_asked_for(task):
    assert "marginal" not in task.loss_weights
    scalars, _ = make_task(marginal_weight=2.0).gradients(example(), SEED)
    # Even marginals of two cells: this small encoder's steps are of 32 px.
    assert float(scalars["marginal"]) == pytest.approx(np.log(2), rel=0.05)


def test_every_part_learns(task):
    _, gradients = task.gradients(example(), SEED)
    found = dict(zip(map(id, task.model.generator_variables), gradients))
    model = task.model
    parts = (model.guided.fusion, model.position_net, model.graph, model.chain)
    for part in parts:
        greatest = max(np.abs(found[id(x)]).max() for x in part.trainable_variables)
        assert greatest > 0, part.name


def test_steps_lower_the_loss(task):
    batch = example()
    before = float(task.gradients(batch, SEED)[0]["loss"])
    step = tf.function(lambda number: task.replica_step((batch, {}), number), autograph=False)
    for number in range(20):  # The first of Adam's overshoot.
        step(tf.constant(number, tf.int64))
    assert float(task.gradients(batch, SEED)[0]["loss"]) < 0.85 * before


def test_targets_follow_the_settings(task):
    made = task.targets()
    assert made._own_pose_share == 0.25 and made._use_pose_errors
    assert skeletons.SGRE30.num_joints == 30
