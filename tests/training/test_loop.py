"""The loop with a task of a dozen weights; HMR itself is trained in test_adversarial.py."""

import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from full_disk import full_beyond

from hmr_tf import config, saved_weights
from hmr_tf.errors import CheckpointError, DataError, TrainingError
from hmr_tf.training import journal, loop, optimizers, validation
from hmr_tf.training.task import Task, Views, global_sums, replica_seed
from tfrecords_tools.errors import OutputError


class LineTask(Task):
    """Fits a line through dropped-out inputs."""

    name = "line"

    def __init__(self, train):
        self.train = train

    def build(self):
        self._model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
        self._model.build([None, 4])
        self.optimizer = optimizers.build_optimizer(self.train, 0.01, self.train.average_decay)
        self.optimizer.build(self._model.trainable_variables)

    @property
    def model(self):
        return self._model

    @property
    def metric_names(self):
        return ("loss", "size")

    def replica_step(self, element, step):
        (batch,) = element
        seed = replica_seed(self.train.seed, step)
        with tf.GradientTape() as tape:
            x = tf.nn.experimental.stateless_dropout(batch["x"], 0.5, seed)
            error = tf.square(self._model(x)[:, 0] - batch["y"])
            count = global_sums({"n": tf.cast(tf.shape(error)[0], tf.float32)})["n"]
            loss = tf.reduce_sum(error) / count
        variables = self._model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return {"loss": loss, "size": tf.cast(tf.shape(error)[0], tf.float32)}

    def checkpoint_items(self):
        return {
            "model": self._model,
            "optimizer": self.optimizer,
            "averaged": optimizers.averages(self.optimizer),
        }

    def learning_rates(self):
        return {"learning_rate": optimizers.current_rate(self.optimizer)}

    def views(self, element):
        return Views({"picture": np.zeros([2, 2, 3], np.uint8)})


def batches(first_step, length=100, bad_step=None):
    def make(step):
        rng = np.random.default_rng(step)
        x = rng.normal(size=(6, 4)).astype(np.float32)
        y = x.sum(axis=1) * (np.nan if step == bad_step else 1.0)
        return x, y.astype(np.float32)

    data = [np.stack(part) for part in zip(*(make(step) for step in range(first_step, length)))]
    dataset = tf.data.Dataset.from_tensor_slices(tuple(data))
    return dataset.map(lambda x, y: ({"x": x, "y": y},))


def settings(num_steps, **changes):
    return config.TrainConfig(
        **{
            **dict(batch_size=6, num_steps=num_steps, average_decay=0.9, schedule="cosine"),
            **dict(warmup_steps=2, log_every=3, image_every=4, checkpoint_every=4),
            **dict(keep_checkpoints=2),
            **changes,
        }
    )


class Scores(validation.Validator):
    """Gives scores by step instead of looking at people, and keeps a note as the best."""

    def __init__(self, scores, folder, **settings):
        settings = config.ValidationConfig(**{"validate_every": 2, **settings})
        super().__init__(settings, config.DataConfig("d"), 32, str(folder))
        self.scores = scores

    def score(self, task):
        return {"pa_mpjpe_mm": self.scores[int(self.loop.step)], "pve_mm": 1.0}, 5

    def save_best(self, task):
        folder = os.path.join(self._log_dir, "best", "weights")
        os.makedirs(folder, exist_ok=True)
        step = int(self.best.step)
        with open(os.path.join(folder, "checkpoint"), "w") as file:
            file.write(f'model_checkpoint_path: "ckpt-{step}"\n')
        with open(os.path.join(folder, f"ckpt-{step}.index"), "w"):
            pass


def make_loop(folder, train, make_dataset=batches, validator=None):
    folder.mkdir(exist_ok=True)
    tf.keras.utils.set_random_seed(train.seed + 1)
    task = LineTask(train)
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    runner = loop.Loop(
        *(task, strategy, train, str(folder), make_dataset),
        *(lambda step: [f"{step}_0.jpg", "b.jpg"], validator),
    )
    if validator is not None:
        validator.loop = runner
    runner.restore()
    return runner, task


def weights(task):
    averages = task.checkpoint_items()["averaged"]
    return [variable.numpy() for variable in [*task.model.variables, *averages]]


def curve(folder):
    rows = journal.read_rows(folder / "curve.csv")
    return [{k: v for k, v in row.items() if k != journal.RATE} for row in rows]


@pytest.fixture
def stop_at(monkeypatch):
    """Sends a signal to this process when a step is taken."""

    def arm(runner, step, number=signal.SIGTERM):
        check = runner._check

        def checked(taken, *arguments):
            check(taken, *arguments)
            if taken == step:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(runner, "_check", checked)

    return arm


def test_stopping_and_resuming_changes_nothing(tmp_path, stop_at):
    whole, whole_task = make_loop(tmp_path / "whole", settings(10))
    assert whole.run() == loop.Outcome(10)
    runner, _ = make_loop(tmp_path / "parts", settings(10))
    stop_at(runner, 4)  # Between two rows of the curve, and not at a checkpoint.
    outcome = runner.run()
    assert outcome.stopped_by == "SIGTERM" and 4 < outcome.step < 10
    again, task = make_loop(tmp_path / "parts", settings(10))
    assert again.step == outcome.step
    assert again.run() == loop.Outcome(10)
    for expected, found in zip(weights(whole_task), weights(task)):
        np.testing.assert_array_equal(expected, found)
    assert curve(tmp_path / "whole") == curve(tmp_path / "parts")
    assert [row["step"] for row in curve(tmp_path / "parts")] == ["3", "6", "9"]


def test_a_kill_costs_the_steps_since_the_checkpoint(tmp_path, monkeypatch):
    whole, whole_task = make_loop(tmp_path / "whole", settings(10))
    whole.run()
    runner, _ = make_loop(tmp_path / "parts", settings(10))

    class KilledError(Exception):
        pass

    report = runner._report

    def die(writer, step, *arguments):
        report(writer, step, *arguments)
        if step == 6:
            raise KilledError

    monkeypatch.setattr(runner, "_report", die)
    with pytest.raises(KilledError):
        runner.run()
    # What a kill in the middle of saving leaves.
    (tmp_path / "parts" / "weights" / "ckpt-8.data-00000-of-00001.tempstate1").write_text("")
    (tmp_path / "parts" / "weights" / "ckpt-8_temp").mkdir()
    with open(tmp_path / "parts" / "curve.csv", "a") as file:
        file.write("9,0.1")
    again, task = make_loop(tmp_path / "parts", settings(10))
    assert again.step == 4
    again.run()
    for expected, found in zip(weights(whole_task), weights(task)):
        np.testing.assert_array_equal(expected, found)
    assert curve(tmp_path / "whole") == curve(tmp_path / "parts")
    assert not list((tmp_path / "parts" / "weights").glob("*temp*"))


def test_a_finished_run_says_so(tmp_path):
    runner, _ = make_loop(tmp_path, settings(4))
    runner.run()
    again, _ = make_loop(tmp_path, settings(4))
    assert again.run() == loop.Outcome(4, was_finished=True)


def test_files_of_a_run(tmp_path):
    runner, _ = make_loop(tmp_path, settings(9))
    runner.run()
    names = {path.name for path in (tmp_path / "weights").glob("*.index")}
    assert names == {"ckpt-8.index", "ckpt-9.index"}
    assert saved_weights.latest_weights(tmp_path).endswith("ckpt-9")
    log = (tmp_path / "train_log.txt").read_text()
    assert "starting of 9: batches of 6 on 1 replica in float32" in log
    assert "step 9/9  loss" in log and "images/s" in log and "finished 9 steps" in log
    assert (tmp_path / "picture.png").is_file()
    (events,) = (tmp_path / "tensorboard").iterdir()
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert tags == {"loss", "size", "learning_rate", "images_per_second", "picture"}
    first = curve(tmp_path)[0]
    assert float(first["size"]) == 6
    # The rate of step 3 of 9 after two steps of warm-up: cosine at (2 - 2) / 7.
    assert float(first["learning_rate"]) == pytest.approx(0.01)


def test_numbers_that_are_not_finite_stop_the_run(tmp_path):
    runner, _ = make_loop(tmp_path, settings(10), lambda first: batches(first, bad_step=6))
    with pytest.raises(TrainingError) as error:
        runner.run()
    message = str(error.value)
    assert message.startswith("Step 7 gave numbers that are not finite (loss); the last checkpoint")
    assert message.endswith("the images of step 7: 7_0.jpg, b.jpg; of step 6: 6_0.jpg, b.jpg.")
    assert "\n" not in message
    assert saved_weights.latest_weights(tmp_path).endswith("ckpt-4")
    assert message in (tmp_path / "train_log.txt").read_text()


class LeapingTask(LineTask):
    """Its loss is finite while its update is not."""

    def replica_step(self, element, step):
        scalars = super().replica_step(element, step)
        kernel = self._model.trainable_variables[0]
        kernel.assign(tf.where(step == 7, np.nan, kernel))
        return scalars


def test_weights_that_are_not_finite_are_not_saved(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "LineTask", LeapingTask)
    runner, _ = make_loop(tmp_path, settings(10))
    with pytest.raises(TrainingError, match=r"Step 8 .*\(weights\).* of step 8: 8_0.jpg, b.jpg.$"):
        runner.run()
    assert saved_weights.latest_weights(tmp_path).endswith("ckpt-4")


def test_not_even_a_checkpoint_of_the_same_step_takes_bad_numbers(tmp_path):
    runner, _ = make_loop(tmp_path, settings(10), lambda first: batches(first, bad_step=7))
    with pytest.raises(TrainingError, match="Step 8 "):
        runner.run()
    assert saved_weights.latest_weights(tmp_path).endswith("ckpt-4")


def test_data_that_ends_is_an_error(tmp_path):
    runner, _ = make_loop(tmp_path, settings(10), lambda first: batches(first, length=3))
    with pytest.raises(DataError, match="ended after 3 of 10 steps"):
        runner.run()


def test_interrupt_is_caught_and_handlers_return(tmp_path, stop_at):
    before = signal.getsignal(signal.SIGINT)
    runner, _ = make_loop(tmp_path, settings(10))
    stop_at(runner, 2, signal.SIGINT)
    outcome = runner.run()
    assert outcome.stopped_by == "SIGINT"
    assert saved_weights.latest_weights(tmp_path).endswith(f"ckpt-{outcome.step}")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("limit", [10, 2000])
def test_a_full_disk_ends_a_run_and_the_next_goes_on(tmp_path, limit):
    make_loop(tmp_path, settings(4))[0].run()
    runner, _ = make_loop(tmp_path, settings(8))
    with full_beyond(limit), pytest.raises(OutputError, match="cannot be written: File too large"):
        runner.run()
    assert saved_weights.latest_step(tmp_path) == 4
    assert make_loop(tmp_path, settings(8))[0].run().step == 8


def test_a_disk_too_full_for_tensorboard_is_one_line(tmp_path, monkeypatch):
    def full(folder):
        message = f"{folder}/events; No space left on device\n\tCould not initialize events writer."
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(tf.summary, "create_file_writer", full)
    message = r"tensorboard cannot be written: No space left on device\. Make room .*again\.$"
    with pytest.raises(OutputError, match=message):
        make_loop(tmp_path, settings(8))[0].run()


def test_damaged_checkpoint_is_named(tmp_path):
    runner, _ = make_loop(tmp_path, settings(4))
    runner.run()
    (data,) = (tmp_path / "weights").glob("ckpt-4.data*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="ckpt-4' are damaged"):
        make_loop(tmp_path, settings(8))


SCORES = {2: 9.0, 4: 7.0, 6: 8.0, 8: 6.0, 10: 6.5, 11: 5.0}


def validations(folder):
    rows = journal.read_rows(folder / "validation.csv")
    return [(int(row["step"]), float(row["pa_mpjpe_mm"])) for row in rows]


def test_validations_on_the_way(tmp_path):
    scores = Scores(SCORES, tmp_path)
    runner, _ = make_loop(tmp_path, settings(11), validator=scores)
    assert runner.run() == loop.Outcome(11, best_step=11)
    assert validations(tmp_path) == list(SCORES.items())
    assert saved_weights.latest_step(tmp_path / "best") == 11
    log = (tmp_path / "train_log.txt").read_text()
    assert "validation at step 4: pa_mpjpe_mm 7.0  pve_mm 1.0  (5 people; the best so far)" in log
    assert "(5 people; best pa_mpjpe_mm 7.0 at step 4)" in log
    for line in (
        *("finished 11 steps, ", "images/s overall", "last validation, step 11: pa_mpjpe_mm 5.0"),
        *("best validation, step 11", f"of the best validation: {tmp_path}/best"),
        *(f"checkpoint: {tmp_path}", "tensorboard --logdir"),
    ):
        assert line in log
    (events,) = (tmp_path / "tensorboard").iterdir()
    found = [
        (event.step, round(float(tf.make_ndarray(value.tensor)), 3))
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "validation/pa_mpjpe_mm"
    ]
    assert found == list(SCORES.items())


class KilledError(Exception):
    pass


@pytest.mark.parametrize("moment", ["save", "save_best"])
def test_a_kill_in_a_validation_changes_nothing(tmp_path, monkeypatch, moment):
    """Before the run's checkpoint, and between it and the best weights."""
    scores = Scores(SCORES, tmp_path)
    runner, _ = make_loop(tmp_path, settings(10, checkpoint_every=0), validator=scores)
    owner = runner if moment == "save" else scores
    act = getattr(owner, moment)

    def die(*arguments):
        if runner.step == 8:
            raise KilledError
        act(*arguments)

    monkeypatch.setattr(owner, moment, die)
    with pytest.raises(KilledError):
        runner.run()
    assert saved_weights.latest_step(tmp_path / "best") == 4
    scores = Scores(SCORES, tmp_path)
    again, _ = make_loop(tmp_path, settings(10, checkpoint_every=0), validator=scores)
    assert again.step == (6 if moment == "save" else 8)
    assert saved_weights.latest_step(tmp_path / "best") == again.step - again.step % 4
    assert again.run() == loop.Outcome(10, best_step=8)
    assert validations(tmp_path) == list(SCORES.items())[:5]
    assert saved_weights.latest_step(tmp_path / "best") == 8


def test_a_run_ends_early_also_if_it_was_interrupted(tmp_path, stop_at):
    values = {2: 5.0, 4: 6.0, 6: 7.0, 8: 8.0, 10: 1.0}
    whole, _ = make_loop(
        tmp_path / "whole", settings(10),
        validator=Scores(values, tmp_path / "whole", early_stop_patience=3),
    )  # fmt: skip
    assert whole.run() == loop.Outcome(8, is_early=True, best_step=2)
    folder = tmp_path / "parts"
    runner, _ = make_loop(
        folder, settings(10), validator=Scores(values, folder, early_stop_patience=3)
    )
    stop_at(runner, 4)
    assert runner.run().stopped_by == "SIGTERM"
    again, _ = make_loop(
        folder, settings(10), validator=Scores(values, folder, early_stop_patience=3)
    )
    assert again.run() == loop.Outcome(8, is_early=True, best_step=2)
    assert (
        "stopping early: no better validation in the last 3"
        in (folder / "train_log.txt").read_text()
    )
    # Ended is ended, until somebody has more patience.
    again, _ = make_loop(
        folder, settings(10), validator=Scores(values, folder, early_stop_patience=3)
    )
    assert again.run() == loop.Outcome(8, was_finished=True, is_early=True, best_step=2)
    patient, _ = make_loop(
        folder, settings(10), validator=Scores(values, folder, early_stop_patience=4)
    )
    assert patient.run() == loop.Outcome(10, best_step=10)


def test_validations_may_begin_later(tmp_path):
    runner, _ = make_loop(tmp_path, settings(4))
    runner.run()
    runner, _ = make_loop(tmp_path, settings(8), validator=Scores(SCORES, tmp_path))
    assert runner.run() == loop.Outcome(8, best_step=8)
    assert validations(tmp_path) == [(6, 8.0), (8, 6.0)]


class DetailedTask(LineTask):
    """Also gives a metric of its input."""

    @property
    def metric_names(self):
        return ("loss", "size", "inputs/mean")

    def replica_step(self, element, step):
        return {
            **super().replica_step(element, step),
            "inputs/mean": tf.reduce_mean(element[0]["x"]),
        }


class MeasuringTask(LineTask):
    """Measures people of the first three batches only."""

    @property
    def metric_names(self):
        return ("loss", "mpjpe_mm")

    def replica_step(self, element, step):
        loss = super().replica_step(element, step)["loss"]
        return {"loss": loss, "mpjpe_mm": tf.where(step < 3, 50.0, 0.0)}


def test_an_error_measured_on_nobody_is_not_zero(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "LineTask", MeasuringTask)
    runner, _ = make_loop(tmp_path, settings(6))
    runner.run()
    assert [row["mpjpe_mm"] for row in curve(tmp_path)] == ["50", ""]
    measured, nobody = [
        line for line in (tmp_path / "train_log.txt").read_text().splitlines() if " step " in line
    ]
    assert "mpjpe_mm 50" in measured
    assert "mpjpe_mm" not in nobody


def test_details_are_for_tensorboard_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "LineTask", DetailedTask)
    runner, _ = make_loop(tmp_path, settings(3))
    runner.run()
    assert "inputs/mean" not in curve(tmp_path)[0]
    assert "inputs/mean" not in (tmp_path / "train_log.txt").read_text()
    (events,) = (tmp_path / "tensorboard").iterdir()
    (mean,) = [
        float(tf.make_ndarray(value.tensor))
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
        if value.tag == "inputs/mean"
    ]
    expected = np.mean([batch["x"].numpy() for (batch,) in batches(0).take(3)])
    assert mean == pytest.approx(expected, rel=1e-5)
