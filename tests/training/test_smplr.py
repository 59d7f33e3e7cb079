"""A stage trains its parts and no others, by its own losses."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from toy_body import toy_body

from hmr_tf import config, outputs
from hmr_tf.errors import ConfigError
from hmr_tf.models.smplr import SMPLR
from hmr_tf.training import hourglass_errors, smplr

SMALL = config.SMPLRConfig(
    image_size=32, num_stacks=1, hourglass_width=8, depths=4, dense_width=16, limb_maps=True
)
BODY = toy_body()
SEED = tf.constant([1, 2])
TRAIN = config.TrainConfig(batch_size=4, num_steps=10, generator_learning_rate=1e-3)


def example(batch_size=4, seed=0):
    """Random images with bodies, of which one is not known."""
    rng = np.random.default_rng(seed)
    n = batch_size
    has_smpl = np.arange(n) % 4 != 1
    batch = {
        "image": rng.random((n, 32, 32, 3)),
        "joints_3d": 0.3 * rng.normal(size=(n, 14, 3)),
        "has_3d": has_smpl,
        "pose_axis_angle": 0.3 * rng.normal(size=(n, 72)),
        "betas": rng.normal(size=(n, 10)),
        "has_smpl": has_smpl,
        "points": 0.3 * rng.normal(size=(n, 41, 3)),
        "points_camera": np.tile([0.4, 0.05, -0.05], (n, 1)),
        "has_points_camera": has_smpl,
    }
    batch = {key: tf.constant(np.asarray(x, np.float32)) for key, x in batch.items()}
    batch["gender"] = tf.constant((np.arange(n) % 3).astype(np.int32))
    return batch


@functools.cache
def _model():
    tf.keras.utils.set_random_seed(0)
    model = SMPLR(SMALL, BODY)
    return model, model.get_weights()


def _task(stage, initial_folder=None, model=SMALL, **losses):
    """A task with the one model, as good as new."""
    losses = config.SMPLRLossConfig(stage=stage, **losses)
    task = smplr.SMPLRTask("smplr", model, BODY, TRAIN, losses, None, initial_folder)
    task._initial_folder = None  # It is not there.
    shared, weights = _model()
    shared.set_weights(weights)
    task._model_class = lambda *arguments, **keywords: shared
    task.build()
    return task


@pytest.mark.parametrize("stage", smplr.STAGES)
def test_trains_its_parts_and_no_others(stage):
    task = _task(stage)
    before = {name: [x.numpy() for x in part.weights] for name, part in task.model.parts.items()}
    scalars = task.replica_step((example(), {}), tf.constant(0, tf.int64))
    assert set(scalars) == set(task.metric_names)
    assert all(np.isfinite(value) for value in scalars.values())
    for name, part in task.model.parts.items():
        changed = [not np.array_equal(old, new) for old, new in zip(before[name], part.weights)]
        assert any(changed) == (name in smplr.STAGES[stage].parts), name


def test_what_is_not_known_does_not_count():
    task = _task("end_to_end", missing_probability=0.0)
    results = []
    for value in (0.0, 5.0):
        batch = example()
        for key in ("points", "betas", "pose_axis_angle", "points_camera"):
            row = tf.fill([1, *batch[key].shape[1:]], value)
            batch[key] = tf.concat([batch[key][:1], row, batch[key][2:]], axis=0)
        batch["gender"] = tf.constant([1, 0, 2, 1])
        scalars, _ = task.gradients(batch, SEED)
        results.append(scalars)
    for name in task.loss_weights:
        assert float(results[0][name]) == pytest.approx(float(results[1][name]), rel=1e-5), name


def test_the_loss_is_the_weighted_sum():
    task = _task("reverse", body_joints_weight=3.0, betas_size_weight=0.0)
    assert "betas_size" not in task.loss_weights
    scalars, _ = task.gradients(example(), SEED)
    expected = sum(weight * scalars[name] for name, weight in task.loss_weights.items())
    assert float(scalars["loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_the_noise_is_what_the_hourglass_gets_wrong(monkeypatch):
    monkeypatch.setattr(hourglass_errors, "COUNT", 6)
    task = _task("autoencoder", "some", noise_law="hourglass", missing_probability=0.0)
    asked = []

    def look(batch_size):
        asked.append(batch_size)
        return itertools.repeat((example(), {}))

    task.prepare(look)
    assert asked == [hourglass_errors.BATCH_SIZE]
    batch = example()
    found = task.model(batch["image"])[outputs.HEATMAP_JOINTS_3D][:, 1:]
    known = batch["has_smpl"] > 0
    errors = (found - batch["points"])[known]
    np.testing.assert_allclose(task._errors[:3], errors, atol=1e-5)
    estimate = task.estimate(batch, SEED)
    noise = (estimate["located"] - batch["points"]).numpy()
    for row in noise:
        assert np.abs(errors - row).max((1, 2)).min() < 1e-5
    # A young autoencoder changes nothing.
    np.testing.assert_allclose(estimate[outputs.DENOISED_JOINTS_3D], estimate["located"], atol=1e-6)


def test_no_noise_is_collected_where_none_is_needed():
    for stage, law in (("hourglass", "hourglass"), ("autoencoder", "normal")):
        _task(stage, noise_law=law).prepare(lambda _: pytest.fail("looked at images"))


def test_the_hourglass_s_points_can_be_the_source():
    task = _task("reverse", source="images")
    batch = example()
    points = task.estimate(batch, SEED)["located"]
    located = task.model(batch["image"])[outputs.HEATMAP_JOINTS_3D][:, 1:]
    np.testing.assert_allclose(points, located, atol=1e-5)


def test_refuses_what_cannot_be_trained():
    with pytest.raises(ConfigError, match="Unknown stage 'all'"):
        _task("all")
    with pytest.raises(ConfigError, match="no autoencoder"):
        _task("autoencoder", model=dataclasses.replace(SMALL, denoise=False))
    with pytest.raises(ConfigError, match=r"noise of an hourglass that is not trained"):
        _task("pose", noise_law="hourglass")
