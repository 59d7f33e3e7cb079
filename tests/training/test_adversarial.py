import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import toy_body

from hmr_tf import config, errors, losses
from hmr_tf.geometry import rotations
from hmr_tf.models import encoders
from hmr_tf.training import adversarial, journal, loop

SMALL = config.HMRConfig(
    encoder="resnet_small_v2",
    image_size=32,
    rotation="6d_contiguous",
    num_iterations=2,
    hidden_units=16,
)
BODY = toy_body.toy_body()
SEED = tf.constant([1, 2])


def example(batch_size=4, seed=0, stages=2):
    """Random images and labels, some of them unknown, and real bodies."""
    rng = np.random.default_rng(seed)
    n = batch_size
    batch = {
        "image": rng.random((n, 32, 32, 3)),
        "keypoints_2d": rng.uniform(-1, 1, (n, 19, 2)),
        "visibility": rng.random((n, 19)) > 0.3,
        "joints_3d": 0.3 * rng.normal(size=(n, 14, 3)),
        "has_3d": np.arange(n) % 3 != 1,
        "pose_axis_angle": 0.3 * rng.normal(size=(n, 72)),
        "betas": rng.normal(size=(n, 10)),
        "has_smpl": np.arange(n) % 4 == 0,
    }
    mocap = {
        "pose_axis_angle": 0.3 * rng.normal(size=(stages * n, 72)),
        "betas": rng.normal(size=(stages * n, 10)),
    }

    def tensors(values):
        return {key: tf.constant(value.astype(np.float32)) for key, value in values.items()}

    return tensors(batch), tensors(mocap)


def tiny_encoder(with_batch_norm=True):
    """Stands in for `build_encoder` where only the loop around a model counts: quick to trace."""

    def build(name, image_size, pool, dtype_policy):
        images = x = tf.keras.Input([image_size, image_size, 3])
        x = tf.keras.layers.Conv2D(8, 5, strides=4)(x)
        if with_batch_norm:
            x = tf.keras.layers.BatchNormalization()(x)
        x = tf.keras.layers.GlobalAveragePooling2D()(tf.nn.relu(x))
        return tf.keras.Model(images, x)

    return build


def make_task(model=SMALL, loss=None, **train):
    tf.keras.utils.set_random_seed(1)
    train = config.TrainConfig(**{"generator_learning_rate": 1e-3, "num_steps": 4, **train})
    task = adversarial.AdversarialTask("hmr", model, BODY, train, loss or config.LossConfig())
    task.build()
    return task


def values(variables):
    return [variable.numpy() for variable in variables]


@pytest.fixture(scope="module")
def task():
    return make_task()


def test_gradients_of_one_pass_are_those_of_two(task):
    batch, mocap = example()
    scalars, generator, critics = tf.function(task.gradients, autograph=False)(batch, mocap, SEED)
    model, weights = task.model, config.LossConfig()
    real = rotations.axis_angle_to_matrix(tf.reshape(mocap["pose_axis_angle"], [-1, 24, 3]))

    def judge(stages):
        fake = {
            "rotations": tf.concat([stage["rotations"][:, 1:] for stage in stages], 0),
            "betas": tf.concat([stage["betas"] for stage in stages], 0),
        }
        return fake, model.discriminator(fake)

    @tf.function(autograph=False)
    def two_passes():
        with tf.GradientTape() as tape:
            stages = model.stages(batch["image"], training=True, seed=SEED)
            last = stages[-1]
            _, outputs = judge(stages)
            gt = rotations.axis_angle_to_matrix(tf.reshape(batch["pose_axis_angle"], [-1, 24, 3]))
            loss = (
                weights.keypoints_2d_weight
                * losses.keypoints_2d_loss(
                    last["keypoints_2d"], batch["keypoints_2d"], batch["visibility"]
                ).mean()
                + weights.joints_3d_weight
                * losses.joints_3d_loss(
                    last["joints_3d"], batch["joints_3d"], batch["has_3d"]
                ).mean()
                + weights.smpl_weight
                * losses.smpl_loss(
                    last["rotations"], last["betas"], gt, batch["betas"], batch["has_smpl"]
                ).mean()
                + tf.reduce_mean(tf.reduce_sum((outputs - 1) ** 2, axis=1))
            )
        first = tape.gradient(loss, model.generator_variables)
        fake, _ = judge(model.stages(batch["image"], training=True, seed=SEED))
        with tf.GradientTape() as tape:
            real_outputs = model.discriminator({"rotations": real[:, 1:], "betas": mocap["betas"]})
            critic_loss = tf.reduce_mean(
                tf.reduce_sum((real_outputs - 1) ** 2, axis=1)
            ) + tf.reduce_mean(tf.reduce_sum(model.discriminator(fake) ** 2, axis=1))
        return (
            loss,
            critic_loss,
            first,
            tape.gradient(critic_loss, model.discriminator.trainable_variables),
        )

    loss, critic_loss, expected_generator, expected_critics = two_passes()
    assert float(scalars["loss"]) == pytest.approx(float(loss), rel=1e-5)
    assert float(scalars["discriminator"]) == pytest.approx(float(critic_loss), rel=1e-5)
    for expected, found in zip(expected_generator + expected_critics, generator + critics):
        # A bias before batch normalisation has no gradient but rounding; hence the floor.
        scale = float(tf.reduce_max(tf.abs(expected))) + 0.1
        np.testing.assert_allclose(found, expected, atol=1e-4 * scale)


def test_adversary_sees_every_iteration(task):
    batch, mocap = example()
    scalars, _, _ = task.gradients(batch, mocap, SEED)
    parts = [float(scalars[f"adversarial_{stage}"]) for stage in (1, 2)]
    assert float(scalars["adversarial"]) == pytest.approx(np.mean(parts), rel=1e-5)
    assert parts[0] != parts[1]


def test_critics_may_see_the_last_iteration_alone(task):
    """With as many real bodies as images, as mmhuman3d has them."""
    later = make_task(loss=config.LossConfig(adversarial_stages="last"))
    batch, mocap = example(stages=1)
    scalars, generator, _ = later.gradients(batch, mocap, SEED)
    assert "adversarial_2" in later.metric_names and "adversarial_1" not in later.metric_names
    assert float(scalars["adversarial"]) == pytest.approx(float(scalars["adversarial_2"]), rel=1e-6)
    whole, every, _ = task.gradients(batch, example(stages=2)[1], SEED)
    # Equal weights, equal estimates: the last iteration is judged alike.
    assert float(scalars["adversarial_2"]) == pytest.approx(float(whole["adversarial_2"]), rel=1e-4)
    assert any(np.abs(a - b).max() > 1e-6 for a, b in zip(generator, every) if a is not None)


def test_steep_critics_are_flattened_and_the_generator_is_left_alone(task):
    flat = make_task(loss=config.LossConfig(critic_gradient_weight=10.0))
    assert "critic_gradient" in flat.metric_names and "critic_gradient" not in task.metric_names
    scalars, generator, critics = flat.gradients(*example(), SEED)
    before, own_generator, own_critics = task.gradients(*example(), SEED)
    for one, other in zip(generator, own_generator):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    expected = float(before["discriminator"]) + 10.0 * float(scalars["critic_gradient"])
    assert float(scalars["discriminator"]) == pytest.approx(expected, rel=1e-5)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(critics, own_critics))


def test_critics_are_told_apart(task):
    batch, mocap = example()
    scalars, _, _ = task.gradients(batch, mocap, SEED)
    real = rotations.axis_angle_to_matrix(tf.reshape(mocap["pose_axis_angle"], [-1, 24, 3]))
    scores = task.model.discriminator({"rotations": real[:, 1:], "betas": mocap["betas"]})
    stages = task.model.stages(batch["image"], training=True, seed=SEED)
    fakes = [
        task.model.discriminator({"rotations": s["rotations"][:, 1:], "betas": s["betas"]})
        for s in stages
    ]
    for index, name in ((0, "left_hip"), (11, "neck"), (23, "all_joints"), (24, "shape")):
        expected = np.mean(scores[:, index])
        assert float(scalars[f"critics_real/{name}"]) == pytest.approx(expected, abs=1e-5)
        expected = np.mean(tf.concat(fakes, axis=0)[:, index])
        assert float(scalars[f"critics_fake/{name}"]) == pytest.approx(expected, abs=1e-4)
    assert sum(name.startswith("critics_") for name in task.metric_names) == 50


def test_both_updates_use_the_weights_of_the_forward_pass():
    task, batch_and_mocap = make_task(discriminator_learning_rate=1e-2), example()
    generator, critics = (
        task.model.generator_variables,
        task.model.discriminator.trainable_variables,
    )
    before = values(generator + critics)
    step = tf.constant(0, tf.int64)
    _, *gradients = task.gradients(*batch_and_mocap, adversarial.replica_seed(0, step))
    scalars = task.replica_step(batch_and_mocap, step)
    assert tuple(sorted(scalars)) == tuple(sorted(task.metric_names))
    rates = [1e-3] * len(generator) + [1e-2] * len(critics)
    rows = zip(before, gradients[0] + gradients[1], rates, values(generator + critics))
    for old, gradient, rate, new in rows:
        gradient = gradient.numpy()
        # Adam's first step: rate g / (|g| + eps / sqrt(1 - 0.999)).
        expected = old - rate * gradient / (np.abs(gradient) + 1e-8 / np.sqrt(1 - 0.999))
        sure = np.abs(gradient) > 1e-5  # Rounding decides the sign of smaller ones.
        np.testing.assert_allclose(new[sure], expected[sure], atol=1e-5)


def test_training_lowers_the_loss():
    task, element = make_task(model=config.HMRConfig(**{**vars(SMALL), "dropout": 0.0})), example()
    step = tf.function(task.replica_step, autograph=False)
    first = step(element, tf.constant(0, tf.int64))
    for number in range(1, 20):
        last = step(element, tf.constant(number, tf.int64))
    assert float(last["loss"]) < 0.9 * float(first["loss"])


def test_without_adversary():
    task = make_task(loss=config.LossConfig(use_adversary=False))
    critics = values(task.model.discriminator.trainable_variables)
    scalars = task.replica_step((example()[0], {}), tf.constant(0, tf.int64))
    assert (
        set(scalars)
        == set(task.metric_names)
        == {
            *("loss", "keypoints_2d", "joints_3d", "smpl", "mpjpe_mm"),
        }
    )
    for old, new in zip(critics, values(task.model.discriminator.trainable_variables)):
        np.testing.assert_array_equal(old, new)
    assert set(task.learning_rates()) == {"learning_rate"}


def test_without_3d_labels():
    # A weight of labels that are not used asks for nothing: this encoder draws no heatmaps.
    loss = config.LossConfig(use_3d_labels=False, use_adversary=False, depth_weight=1.0)
    task = make_task(loss=loss)
    batch, _ = example()
    scalars, gradients, _ = task.gradients(batch, {}, SEED)
    assert set(scalars) == set(task.metric_names) == {"loss", "keypoints_2d", "mpjpe_mm"}
    assert float(scalars["loss"]) == pytest.approx(60 * float(scalars["keypoints_2d"]), rel=1e-6)
    other, _ = example(seed=1)
    for key in ("joints_3d", "has_3d", "pose_axis_angle", "betas", "has_smpl"):
        batch[key] = other[key]
    _, same, _ = task.gradients(batch, {}, SEED)
    for before, after in zip(gradients, same):
        np.testing.assert_array_equal(before, after)


def test_heatmaps_are_trained_with_an_encoder_that_draws_them():
    model = dataclasses.replace(SMALL, encoder="resnet_keypoints_v2")
    loss = config.LossConfig(use_adversary=False, heatmap_weight=2.0, depth_weight=3.0)
    task = make_task(model, loss)
    batch, mocap = example()
    scalars, gradients, _ = task.gradients(batch, mocap, SEED)
    assert {"heatmap", "depth"} < set(task.metric_names)
    images = 60 * (scalars["keypoints_2d"] + scalars["joints_3d"] + scalars["smpl"])
    expected = images + 2 * scalars["heatmap"] + 3 * scalars["depth"]
    assert float(scalars["loss"]) == pytest.approx(float(expected), rel=1e-5)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert set(task.model(batch["image"])) == set(task.model.stages(batch["image"])[-1]) - {
        "heatmaps",
        "depths",
    }


def test_heatmap_losses_need_such_an_encoder():
    with pytest.raises(errors.ConfigError, match="needs an encoder that draws heatmaps"):
        make_task(loss=config.LossConfig(depth_weight=1.0))


def test_batch_without_any_label_is_finite(task):
    batch, mocap = example()
    for key in ("visibility", "has_3d", "has_smpl"):
        batch[key] = tf.zeros_like(batch[key])
    scalars, generator, _ = task.gradients(batch, mocap, SEED)
    assert float(scalars["loss"]) == pytest.approx(float(scalars["adversarial"]), rel=1e-6)
    assert all(np.isfinite(gradient).all() for gradient in generator)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_close(task, precision):
    batch, mocap = example()
    expected, _, _ = task.gradients(batch, mocap, SEED)
    mixed = make_task(precision=precision, average_decay=0.9)
    for new, old in zip(mixed.model.variables, task.model.variables):
        new.assign(old)
    step = tf.function(mixed.replica_step, autograph=False)
    before = values(mixed.model.generator_variables)
    found = step((batch, mocap), tf.constant(0, tf.int64))
    if precision == "mixed_float16":
        for _ in range(12):  # The first scales overflow; such steps change nothing.
            step((batch, mocap), tf.constant(0, tf.int64))
    assert all(variable.dtype == tf.float32 for variable in mixed.model.variables)
    for name in ("loss", "keypoints_2d", "adversarial"):
        assert float(found[name]) == pytest.approx(float(expected[name]), rel=0.1)
    after = values(mixed.model.generator_variables)
    assert all(np.isfinite(value).all() for value in after)
    assert np.mean([np.any(a != b) for a, b in zip(before, after)]) > 0.9


def test_overflows_are_counted(monkeypatch):
    monkeypatch.setattr(encoders, "build_encoder", tiny_encoder())
    task = make_task(precision="mixed_float16")
    assert task.metric_names[-1] == "loss_overflows"
    step = tf.function(task.replica_step, autograph=False)
    for scale, overflows in ((1e38, 1), (4.0, 0)):
        task.generator_optimizer._loss_scale._current_loss_scale.assign(scale)
        scalars = step(example(), tf.constant(0, tf.int64))
        assert float(scalars["loss_overflows"]) == overflows
        assert np.isfinite(float(scalars["loss"]))


def _two_steps(monkeypatch, with_batch_norm, **train):
    """Returns the scalars of two steps and the weights after them."""
    monkeypatch.setattr(encoders, "build_encoder", tiny_encoder(with_batch_norm))
    model = dataclasses.replace(SMALL, dropout=0.0)
    train = {"adam_epsilon": 1e-3, "average_decay": 0.5, "clip_norm": 0.1, **train}
    task = make_task(model, loss=config.LossConfig(critic_gradient_weight=1.0), **train)
    step = tf.function(task.replica_step, autograph=False)
    scalars = [step(example(12, seed), tf.constant(seed, tf.int64)) for seed in range(2)]
    weights = [*task.model.variables, *task.checkpoint_items()["averaged"]]
    return scalars, values(weights)


# Parts have batch statistics and dropout of their own; XLA draws other random numbers.
@pytest.mark.parametrize(
    ("with_batch_norm", "settings"),
    [
        (False, ({"accumulate_steps": 3}, {"accumulate_steps": 2, "jit_compile": True})),
        (True, ({"jit_compile": True},)),
    ],
    ids=["parts", "compiled"],
)
def test_parts_and_compiled_steps_are_the_plain_one(monkeypatch, with_batch_norm, settings):
    expected, weights = _two_steps(monkeypatch, with_batch_norm)
    for changes in settings:
        found, own_weights = _two_steps(monkeypatch, with_batch_norm, **changes)
        for before, now in zip(expected, found):
            assert set(before) == set(now)
            for name, value in before.items():
                np.testing.assert_allclose(now[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
        for before, now in zip(weights, own_weights):
            np.testing.assert_allclose(now, before, atol=2e-5 * (np.abs(before).max() + 1e-3))


def test_parts_draw_dropout_of_their_own(monkeypatch):
    monkeypatch.setattr(encoders, "build_encoder", tiny_encoder(with_batch_norm=False))
    batch, mocap = example(1)
    twice = [{key: tf.concat([x, x], 0) for key, x in part.items()} for part in (batch, mocap)]
    task = make_task(accumulate_steps=2)
    single = float(task.gradients(batch, mocap, SEED)[0]["keypoints_2d"])
    double = float(task._batch_gradients(*twice, SEED)[0]["keypoints_2d"])
    assert double != pytest.approx(single, rel=1e-3)


def _dataset(first_step):
    elements = [example(seed=seed) for seed in range(first_step, 4)]
    stacked = tf.nest.map_structure(lambda *parts: tf.stack(parts), *elements)
    return tf.data.Dataset.from_tensor_slices(stacked)


def _run(folder, num_steps):
    """Trains to a step; the settings are those of a run of four, as if it had been stopped."""
    folder.mkdir(exist_ok=True)
    task = make_task(average_decay=0.9, schedule="cosine", batch_size=4, log_every=1)
    runner = loop.Loop(
        task,
        tf.distribute.MirroredStrategy(["/cpu:0"]),
        config.TrainConfig(num_steps=num_steps, batch_size=4, log_every=1, image_every=4),
        str(folder),
        _dataset,
    )
    runner.restore()
    runner.run()
    return values(task.model.variables) + values(task.checkpoint_items()["averaged"])


def test_resumed_training_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "build_encoder", tiny_encoder())
    whole = _run(tmp_path / "whole", 4)
    _run(tmp_path / "parts", 2)
    parts = _run(tmp_path / "parts", 4)
    for expected, found in zip(whole, parts):
        np.testing.assert_array_equal(expected, found)
    rows = [journal.read_rows(tmp_path / name / "curve.csv") for name in ("whole", "parts")]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    for name in ("overlay.png", "inputs.png"):
        assert (tmp_path / "parts" / name).is_file()


TWO_REPLICAS = """
import sys
import numpy as np
import tensorflow as tf
from hmr_tf import config
from hmr_tf.training import devices, loop
two = devices.build_strategy(num_logical_cpus=2)
sys.path.insert(0, sys.argv[1])
import test_adversarial as here

# Batch normalisation's statistics are local to a replica; this encoder has none.
here.encoders.build_encoder = here.tiny_encoder(with_batch_norm=False)
results = []
for strategy in (tf.distribute.MirroredStrategy(["/cpu:0"]), two):
    tf.keras.utils.set_random_seed(1)
    model = config.HMRConfig(**{**vars(here.SMALL), "dropout": 0.0})
    train = config.TrainConfig(batch_size=8, generator_learning_rate=1e-3, adam_epsilon=1e-3,
                               average_decay=0.5, num_steps=2, **eval(sys.argv[3]))
    task = here.adversarial.AdversarialTask(
        "hmr", model, here.BODY, train, config.LossConfig(critic_gradient_weight=1.0))
    runner = loop.Loop(task, strategy, train, sys.argv[2], lambda step: None)
    assert strategy.num_replicas_in_sync == len(results) + 1
    scalars = [runner._train_step(here.example(8, seed)).numpy() for seed in range(2)]
    averages = task.checkpoint_items()["averaged"]
    results.append(scalars + here.values(task.model.variables) + here.values(averages))
worst = max(np.abs(a - b).max() / (np.abs(a).max() + 1e-3) for a, b in zip(*results))
print("worst", worst)
"""


@pytest.mark.parametrize(
    "settings",
    [{}, {"accumulate_steps": 2, "clip_norm": 0.1, "precision": "mixed_float16"}],
    ids=["plain", "accumulated"],
)
def test_two_replicas_are_one_with_twice_the_batch(tmp_path, settings):
    # Devices can be split in a new process only.
    here = pathlib.Path(__file__).parent
    paths = os.pathsep.join([str(here.parents[1]), str(here.parent)])
    found = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS, str(here), str(tmp_path), repr(settings)],
        env={**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert float(found.stdout.split("worst")[1]) < 2e-5
