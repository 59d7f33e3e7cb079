import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import toy_body

from hmr_tf import config
from hmr_tf.models import encoders
from hmr_tf.training import hybrik

SMALL = config.HybrIKConfig(
    encoder="tiny", image_size=32, deconv_width=8, hidden_units=16, dropout=0.0
)
BODY = toy_body.toy_body()
SEED = tf.constant([1, 2])
HEADS = {"betas", "twist", "camera"}


def tiny_encoder(name, image_size, pool, dtype_policy):
    """Quick to trace, and without batch normalisation, whose statistics are a replica's own."""
    del name, pool, dtype_policy
    images = tf.keras.Input([image_size, image_size, 3])
    x = tf.keras.layers.Conv2D(8, 5, strides=4, padding="same", activation="relu")(images)
    features = tf.keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return tf.keras.Model(images, features, name="tiny")


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setattr(encoders, "build_encoder", tiny_encoder)


def example(batch_size=4, seed=0):
    """Random images and targets; a part of the people has no body, another only places."""
    rng = np.random.default_rng(seed)
    n = batch_size
    has_smpl = np.arange(n) % 3 != 1
    weights = np.ones((n, 29, 3))
    weights[~has_smpl] = (1, 1, 0)
    weights[~has_smpl, :10] = 0
    angles = rng.uniform(-1, 1, (n, 23))
    batch = {
        "image": rng.random((n, 32, 32, 3)),
        "keypoints_2d": rng.uniform(-1, 1, (n, 19, 2)),
        "visibility": rng.random((n, 19)) > 0.3,
        "joints_3d": 0.3 * rng.normal(size=(n, 14, 3)),
        "has_3d": has_smpl,
        "pose_axis_angle": 0.3 * rng.normal(size=(n, 72)),
        "betas": rng.normal(size=(n, 10)),
        "has_smpl": has_smpl,
        "uvd": rng.uniform(-0.5, 0.5, (n, 29, 3)),
        "uvd_weights": weights,
        "twists": np.stack([np.cos(angles), np.sin(angles)], axis=-1),
        "crop_camera": rng.uniform(0.5, 1.0, (n, 3)),
        "has_crop_camera": has_smpl,
        "view_offset": rng.uniform(-0.5, 0.5, (n, 2)),
        "view_focal": np.full((n, 2), 3.0),
        "view_root_depth": np.full(n, 4.0),
    }
    return {key: tf.constant(value.astype(np.float32)) for key, value in batch.items()}


def make_task(model=SMALL, losses=None, **train):
    tf.keras.utils.set_random_seed(1)
    train = config.TrainConfig(**{"generator_learning_rate": 1e-3, "num_steps": 4, **train})
    task = hybrik.HybrIKTask("hybrik", model, BODY, train, losses or config.HybrIKLossConfig())
    task.build()
    return task


def values(variables):
    return [variable.numpy() for variable in variables]


@pytest.fixture(scope="module")
def task():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoders, "build_encoder", tiny_encoder)
        return make_task()


def test_losses_of_the_release(task):
    """Means of squares over everybody, errors of joints over what is labelled."""
    batch = example(6)
    estimate = {k: v.numpy() for k, v in task.estimate(batch, SEED).items()}
    scalars, _ = task.gradients(batch, SEED)
    gt = {key: value.numpy() for key, value in batch.items()}
    mask = gt["has_smpl"]

    def square(pred, gt, mask):
        mask = mask.reshape(mask.shape + (1,) * (pred.ndim - mask.ndim))
        return np.mean((pred * mask - gt * mask) ** 2)

    weights = gt["uvd_weights"]
    camera, known = estimate["crop_camera"], gt["has_crop_camera"]
    expected = {
        "uvd": 64 * (weights * np.abs(estimate["joints_uvd"] - gt["uvd"])).sum() / weights.sum(),
        "betas": square(estimate["betas"], gt["betas"], mask),
        "twist": square(estimate["twist"], gt["twists"], mask),
        "weak_camera": square(camera[:, 0], gt["crop_camera"][:, 0], known)
        + square(camera[:, 1:], gt["crop_camera"][:, 1:], known),
    }
    for name, value in expected.items():
        assert float(scalars[name]) == pytest.approx(value, rel=1e-4), name
    total = sum(float(scalars[name]) for name in expected) + 0.01 * float(scalars["pose"])
    assert float(scalars["loss"]) == pytest.approx(total, rel=1e-5)
    assert set(scalars) == set(task.metric_names) == {*expected, "pose", "loss", "mpjpe_mm"}


def _head_gradients(task, gradients):
    """Greatest gradient of each head's own layer, by name, and of what draws the heatmaps."""
    pairs = list(zip(task.model.generator_variables, gradients))
    found = {}
    for name, layer in task.model.heads.outputs.items():
        own = {id(variable) for variable in layer.trainable_variables}
        found[name] = max(np.abs(g).max() for v, g in pairs if id(v) in own)
    own = {id(variable) for variable in task.model.heatmap_head.trainable_variables}
    found["heatmaps"] = max(np.abs(g).max() for v, g in pairs if id(v) in own)
    return found


def test_people_without_bodies_train_the_joints_alone(task):
    """As of a batch of COCO: no loss and no gradient for shape, twists, rotations and camera."""
    batch = example()
    for key in ("has_smpl", "has_3d", "has_crop_camera", "pose_axis_angle", "betas"):
        batch[key] = tf.zeros_like(batch[key])
    weights = np.zeros((4, 29, 3), np.float32)
    weights[:, [4, 5, 7, 8, 16, 17, 18, 19, 20, 21], :2] = 1.0
    batch["uvd_weights"] = tf.constant(weights)
    scalars, gradients = task.gradients(batch, SEED)
    for name in ("betas", "pose", "twist", "weak_camera"):
        assert float(scalars[name]) == 0.0
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    found = _head_gradients(task, gradients)
    assert all(found[name] == 0.0 for name in HEADS)
    assert found["heatmaps"] > 0.0


def test_nothing_labelled_is_finite(task):
    batch = example()
    for key in batch:
        if key not in ("image", "twists"):
            batch[key] = tf.zeros_like(batch[key])
    scalars, gradients = task.gradients(batch, SEED)
    assert float(scalars["loss"]) == 0.0
    assert all(not np.any(gradient) for gradient in gradients)


def test_rotations_give_the_joints_no_gradient():
    """The release's policy: they reach shape and twists alone."""
    losses = config.HybrIKLossConfig(
        uvd_weight=0.0, betas_weight=0.0, pose_weight=1.0, twist_weight=0.0, weak_camera_weight=0.0
    )
    task = make_task(losses=losses)
    _, gradients = task.gradients(example(), SEED)
    found = _head_gradients(task, gradients)
    assert found["heatmaps"] == 0.0
    assert found["twist"] > 0.0 and found["betas"] > 0.0


def test_laplace_trains_the_deviations():
    task = make_task(losses=config.HybrIKLossConfig(uvd_loss="laplace"))
    scalars, gradients = task.gradients(example(), SEED)
    assert _head_gradients(task, gradients)["sigma"] > 0.0
    assert np.isfinite(float(scalars["loss"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"num_joints": 24},
        {"camera": "refined"},
        {"camera": "given"},
        {"joints_from": "features"},
        {"num_joints": 24, "camera": "given"},
    ],
    ids=str,
)
def test_variants_learn(changes):
    task = make_task(dataclasses.replace(SMALL, **changes), generator_learning_rate=1e-2)
    assert ("weak_camera" in task.metric_names) == (changes.get("camera") != "given")
    step = tf.function(task.replica_step, autograph=False)
    rows = [step((example(), {}), tf.constant(n, tf.int64)) for n in range(12)]
    first, last = (float(row["loss"]) for row in (rows[0], rows[-1]))
    assert last < 0.97 * first


def test_marginals_are_trained_if_asked_for():
    task = make_task(losses=config.HybrIKLossConfig(marginal_weight=1.0))
    scalars, _ = task.gradients(example(), SEED)
    # Even marginals of 8 cells.
    assert float(scalars["marginal"]) == pytest.approx(np.log(8), rel=0.05)


def test_dropout_follows_from_the_seed():
    task = make_task(dataclasses.replace(SMALL, dropout=0.5))
    batch = example()
    one, same, other = (
        task.gradients(batch, tf.constant(seed))[0]["twist"] for seed in ([1, 2], [1, 2], [1, 3])
    )
    assert float(one) == float(same) != float(other)


@pytest.mark.slow  # XLA compiles for long.
def test_parts_and_compiled_steps_are_the_plain_one():
    results = []
    for changes in ({}, {"accumulate_steps": 2, "jit_compile": True}):
        task = make_task(adam_epsilon=1e-3, **changes)
        step = tf.function(task.replica_step, autograph=False)
        scalars = [step((example(8, n), {}), tf.constant(n, tf.int64)) for n in range(2)]
        results.append((scalars, values(task.model.variables)))
    for before, now in zip(results[0][0], results[1][0]):
        for name, value in before.items():
            np.testing.assert_allclose(now[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    for before, now in zip(results[0][1], results[1][1]):
        np.testing.assert_allclose(now, before, atol=2e-5 * (np.abs(before).max() + 1e-3))


TWO_REPLICAS = """
import sys
import numpy as np
import tensorflow as tf
from hmr_tf import config
from hmr_tf.training import devices, loop
two = devices.build_strategy(num_logical_cpus=2)
sys.path.insert(0, sys.argv[1])
import test_hybrik as here

here.encoders.build_encoder = here.tiny_encoder
results = []
for strategy in (tf.distribute.MirroredStrategy(["/cpu:0"]), two):
    tf.keras.utils.set_random_seed(1)
    train = config.TrainConfig(batch_size=8, generator_learning_rate=1e-3, adam_epsilon=1e-3,
                               average_decay=0.5, num_steps=2)
    losses = config.HybrIKLossConfig(marginal_weight=0.5)
    task = here.hybrik.HybrIKTask("hybrik", here.SMALL, here.BODY, train, losses)
    runner = loop.Loop(task, strategy, train, sys.argv[2], lambda step: None)
    assert strategy.num_replicas_in_sync == len(results) + 1
    scalars = [runner._train_step((here.example(8, seed), {})).numpy() for seed in range(2)]
    averages = task.checkpoint_items()["averaged"]
    results.append(scalars + here.values(task.model.variables) + here.values(averages))
worst = max(np.abs(a - b).max() / (np.abs(a).max() + 1e-3) for a, b in zip(*results))
print("worst", worst)
"""


def test_two_replicas_are_one_with_twice_the_batch(tmp_path):
    # Devices can be split in a new process only.
    here = pathlib.Path(__file__).parent
    paths = os.pathsep.join([str(here.parents[1]), str(here.parent)])
    found = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS, str(here), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert float(found.stdout.split("worst")[1]) < 2e-5
