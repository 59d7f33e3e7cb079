import numpy as np
import pytest
import tensorflow as tf

from hmr_tf import config, losses, outputs
from hmr_tf.training import supervised

ROWS, STEP = 6, tf.constant(0, tf.int64)


class Plane(tf.keras.Model):
    """Height over a plane: as few weights as a model can have."""

    def __init__(self, model_config, body, mean, precision):
        super().__init__()
        del model_config, body, mean
        self.precision = precision
        self.slope, self.offset = tf.Variable([0.5, -0.5]), tf.Variable(0.0)

    @property
    def generator_variables(self):
        return [self.slope, self.offset]


class PlaneTask(supervised.SupervisedTask):
    """Squares of the labelled heights, twice, and the size of the slope, thrice."""

    def __init__(self, **train):
        settings = {"num_steps": 4, "adam_epsilon": 1e-3, "generator_learning_rate": 0.1, **train}
        train = config.TrainConfig(**settings)
        super().__init__("hmr", None, None, train, None)
        self._model_class = Plane
        self.seeds = []

    loss_weights = {"height": 2.0, "slope": 3.0}  # noqa: RUF012

    def estimate(self, batch, seed):
        if seed is not None:
            self.seeds.append(seed)
        height = tf.linalg.matvec(batch["place"], self.model.slope) + self.model.offset
        return {"height": height, outputs.JOINTS_3D: batch["joints_3d"] + 0.001}

    def terms(self, estimate, batch):
        error = batch["weight"] * tf.square(estimate["height"] - batch["height"])
        slope = tf.reduce_sum(tf.square(self.model.slope)) * batch["weight"].shape[0]
        return {
            "height": losses.Loss(tf.reduce_sum(error), tf.reduce_sum(batch["weight"])),
            "slope": losses.Loss(slope, tf.cast(batch["weight"].shape[0], tf.float32)),
        }


def _task(**train):
    task = PlaneTask(**train)
    task.build()
    return task


def _batch(seed=0):
    rng = np.random.default_rng(seed)
    batch = {
        "place": rng.normal(size=(ROWS, 2)),
        "height": rng.normal(size=ROWS),
        "weight": np.array([1, 0, 1, 0, 0, 1]),  # Not alike in all parts.
        "joints_3d": rng.normal(size=(ROWS, 14, 3)),
        "has_3d": np.arange(ROWS) % 2,
    }
    return {key: tf.constant(value.astype(np.float32)) for key, value in batch.items()}


def test_the_loss_is_the_weighted_sum_and_its_gradient_is_followed():
    task, batch = _task(), _batch()
    slope, weight = np.array([0.5, -0.5]), batch["weight"].numpy()
    error = batch["place"].numpy() @ slope - batch["height"].numpy()
    expected = {"height": (weight * error**2).sum() / 3, "slope": 0.5}
    scalars = task.replica_step((batch, {}), STEP)
    assert tuple(scalars) == ("height", "slope", "mpjpe_mm", "loss")
    assert set(scalars) == set(task.metric_names)
    for name, value in expected.items():
        assert float(scalars[name]) == pytest.approx(value, rel=1e-5)
    total = 2 * expected["height"] + 3 * expected["slope"]
    assert float(scalars["loss"]) == pytest.approx(total, rel=1e-5)
    assert float(scalars["mpjpe_mm"]) == pytest.approx(0.0, abs=1e-3)  # Their roots are joined.
    gradient = 2 * (weight * 2 * error) @ batch["place"].numpy() / 3 + 3 * 2 * slope
    # Adam's first step.
    change = -0.1 * gradient / (np.abs(gradient) + 1e-3 / np.sqrt(1 - 0.999))
    np.testing.assert_allclose(task.model.slope, slope + change, rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"accumulate_steps": 3}, {"accumulate_steps": 2, "jit_compile": True}, {"jit_compile": True}],
    ids=["parts", "compiled parts", "compiled"],
)
def test_parts_and_compiled_steps_are_the_plain_one(settings):
    plain = _task(average_decay=0.5, clip_norm=1.0)
    other = _task(average_decay=0.5, clip_norm=1.0, **settings)
    steps = [tf.function(task.replica_step, autograph=False) for task in (plain, other)]
    for number in range(3):
        found = [step((_batch(number), {}), tf.constant(number, tf.int64)) for step in steps]
        for name, value in found[0].items():
            np.testing.assert_allclose(found[1][name], value, rtol=1e-5, err_msg=name)
    for name in ("model", "averaged"):
        items = [task.checkpoint_items()[name] for task in (plain, other)]
        items = [getattr(item, "generator_variables", item) for item in items]
        for before, now in zip(*items):
            np.testing.assert_allclose(now, before, rtol=1e-5)


def test_dropout_follows_from_seed_and_step():
    seeds = []
    for seed, step in ((0, 0), (0, 1), (1, 0), (0, 0)):
        task = _task(seed=seed)
        task.replica_step((_batch(), {}), tf.constant(step, tf.int64))
        seeds.append(task.seeds[-1].numpy())
    np.testing.assert_array_equal(seeds[0], seeds[3])
    assert len({tuple(seed) for seed in seeds}) == 3


def test_float16_counts_overflows():
    task = _task(precision="mixed_float16")
    assert task.metric_names[-1] == "loss_overflows" and task.model.precision == "mixed_float16"
    step = tf.function(task.replica_step, autograph=False)
    for scale, overflows in ((1e38, 1), (4.0, 0)):
        task.optimizer._loss_scale._current_loss_scale.assign(scale)
        scalars = step((_batch(), {}), STEP)
        assert float(scalars["loss_overflows"]) == overflows
        assert np.isfinite(float(scalars["loss"]))


def test_checkpoints_hold_what_a_restart_needs():
    assert set(_task().checkpoint_items()) == {"model", "optimizer"}
    task = _task(average_decay=0.9, schedule="step", decay_steps=(1,))
    assert set(task.checkpoint_items()) == {"model", "optimizer", "averaged"}
    assert task.has_averaged and task.mocap_batch_size == 0 and task.needs_3d
    assert task.learning_rates() == {"learning_rate": pytest.approx(0.1)}
    task.replica_step((_batch(), {}), STEP)
    assert task.learning_rates() == {"learning_rate": pytest.approx(0.01)}
