"""The training loop: strategy, checkpoints, resume, progress. It knows no model.

The dataset yields this process's share of the global batches from one iterator; every replica takes
its own rows. So any number of replicas sees the same examples in the same order, and a dataset that
can begin at any step (`make_dataset(first_step)`) makes the position in the data a function of the
step counter alone: nothing of it needs saving.

Several processes (`team.Team`) do all things alike and in step, since much of it, saving too,
is communication. Each writes into a folder of its own; only the chief's is kept.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

import numpy as np
import tensorflow as tf

from hmr_tf import config as config_lib
from hmr_tf import saved_weights
from hmr_tf.errors import DataError, TrainingError
from hmr_tf.training import stop_signals, summaries, validation
from hmr_tf.training.journal import PLOT_FILE, Journal
from hmr_tf.training.step_guard import StepGuard
from hmr_tf.training.task import JOINT_ERROR, Task
from hmr_tf.training.team import Team
from hmr_tf.training.validation import Best, Validator

SUMMARY_DIR = "tensorboard"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: steps taken in all.
        was_finished: whether there was nothing left to do.
        stopped_by: name of the signal that ended it early, e.g. ``SIGTERM``; else empty.
        is_early: whether it ended because validations no longer became better.
        best_step: step of the best validation; negative if there was none.
    """

    step: int
    was_finished: bool = False
    stopped_by: str = ""
    is_early: bool = False
    best_step: int = -1


class Loop:
    """Trains a task until its last step, from its last checkpoint if there is one.

    Args:
        task: what is trained; built here.
        strategy: where.
        config: the run.
        log_dir: folder of checkpoints, logs and pictures.
        make_dataset: number of steps already taken -> dataset of this process's share of the global
            batches: nested dicts and tuples of tensors whose first dimension is a multiple of the
            number of its replicas.
        batch_files: step, from 1 -> names of its images, to name a bad batch; None if unknown.
        validator: scores held-out people on the way; None for nobody.
    """

    def __init__(
        self,
        task: Task,
        strategy: tf.distribute.Strategy,
        config: config_lib.TrainConfig,
        log_dir: str,
        make_dataset: Callable[[int], tf.data.Dataset],
        batch_files: Callable[[int], Sequence[str]] | None = None,
        validator: Validator | None = None,
    ) -> None:
        self._task = task
        self._strategy = strategy
        self._config = config
        self._log_dir = log_dir
        self._make_dataset = make_dataset
        self._validator = validator
        self._best = Best() if validator is None else validator.best
        with strategy.scope():
            task.build()
            self._step = tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
        self._names = task.metric_names
        # Sums since the last row of the curve and their number: a run stopped between two rows
        # writes the same rows as one that was not.
        self._window = tf.Variable(tf.zeros([len(self._names) + 1], tf.float64), trainable=False)
        self._team = Team(strategy)
        # Processes must stop at the same step: whether one has been told to goes with its metrics.
        self._told_to_stop = tf.Variable(0.0, trainable=False)
        self._all_stop = False
        self._sums = np.zeros(len(self._names) + 1)
        self._items = {
            **task.checkpoint_items(),
            **{"step": self._step, "window": self._window, "best": self._best},
        }
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**self._items),
            saved_weights.weights_dir(log_dir),
            max_to_keep=config.keep_checkpoints if self._team.worker.is_chief else 1,
        )
        self._train_step = tf.function(self._distributed_step, autograph=False)
        self._last_loss = float("nan")
        self._guard = StepGuard(self._names, batch_files)

    @property
    def step(self) -> int:
        """Steps taken."""
        return int(self._step.numpy())

    def restore(self, source: str | None = None) -> int:
        """Goes to the newest checkpoint, if there is one.

        Args:
            source: the chief's folder; by default this loop's own.

        Returns:
            Steps taken.

        Raises:
            CheckpointError: if it is damaged or of something else.
            ConfigError: if other processes have found another checkpoint.
        """
        path = saved_weights.latest_weights(source or self._log_dir)
        if path is not None:
            saved_weights.restore(path, self._items)
            self._sums = self._window.numpy()
        saved_weights.remove_unfinished(self._manager)
        self._team.check_step(self._step)
        if self._validator is not None:
            self._validator.restore_best(self._task, self.step, source or self._log_dir)
        return self.step

    def save(self) -> None:
        """Writes a checkpoint of the current step, unless it is there already.

        Raises:
            TrainingError: if a weight is not finite.
            OutputError: if it cannot be written; the one before is kept.
        """
        path = self._manager.latest_checkpoint
        if path is not None and path.endswith(f"-{self.step}"):
            return
        # Finite losses can have gradients that are not; only the next step's losses would tell.
        weights = self._task.model.trainable_variables
        if not all(bool(tf.reduce_all(tf.math.is_finite(weight))) for weight in weights):
            raise self._guard.not_finite("weights", [self.step])
        self._window.assign(self._sums)
        saved_weights.save(self._manager, self.step)

    def run(self) -> Outcome:
        """Trains from the current step to the last.

        Returns:
            How it ended. After SIGINT or SIGTERM a checkpoint has been saved; a second signal
            ends the process at once.

        Raises:
            TrainingError: if a metric is not finite; nothing has been saved since.
            OutputError: if the disk is full; the last checkpoint is kept.
        """
        with saved_weights.writing(self._summary_dir):
            return self._run()

    def _run(self) -> Outcome:
        first_step, config, validator = self.step, self._config, self._validator
        if first_step >= config.num_steps or self._is_exhausted:
            return self._outcome(was_finished=True)
        columns = [name for name in self._names if "/" not in name]
        journal = Journal(
            self._log_dir,
            (*columns, *self._task.learning_rates()),
            config.num_steps,
            first_step,
            config.batch_size,
            metrics=validator.metrics if validator is not None else (),
        )
        writer = tf.summary.create_file_writer(self._summary_dir)
        try:
            lost = self._team.noticing_loss(self._step)
            with stop_signals.collected() as received, writer.as_default(), lost:
                journal.say(self._opening(first_step))
                self._steps(journal, received)
                with _paused(journal):
                    self.save()
                    journal.plot()
            # Another process may have been told to stop, and this one with it.
            stopped_by = received[0] if received else signal.SIGTERM.name if self._all_stop else ""
            if stopped_by and self.step < config.num_steps and not self._is_exhausted:
                journal.say(f"stopped by {stopped_by}; checkpoint of step {self.step} saved")
                return self._outcome(stopped_by=stopped_by)
            self._say_summary(journal)
            return self._outcome()
        except TrainingError as error:
            journal.say(str(error))
            raise
        finally:
            writer.close()
            journal.close()

    @property
    def _summary_dir(self) -> str:
        return os.path.join(self._log_dir, SUMMARY_DIR)

    @property
    def _is_exhausted(self) -> bool:
        return self._validator is not None and self._validator.is_exhausted

    def _outcome(self, **how: Any) -> Outcome:
        is_early = self._is_exhausted and self.step < self._config.num_steps
        return Outcome(self.step, is_early=is_early, best_step=int(self._best.step), **how)

    def _say_summary(self, journal: Journal) -> None:
        """Says how the run went and where everything lies; once, not for each process."""
        if not self._team.worker.is_chief:
            return
        if self._is_exhausted:
            patience = self._validator.config.early_stop_patience
            journal.say(f"stopping early: no better validation in the last {patience}")
        first, *others = journal.summary(self.step, int(self._best.step))
        journal.say(f"finished {first}")
        for line in others:
            journal.say(line)
        best = os.path.join(self._log_dir, validation.BEST_DIR)
        journal.say(
            f"checkpoint: {self._log_dir}"
            f"{f'; of the best validation: {best}' if self._best.step >= 0 else ''}; "
            f"curve: {os.path.join(self._log_dir, PLOT_FILE)}; "
            f"TensorBoard: tensorboard --logdir {self._summary_dir}"
        )

    def _opening(self, first_step: int) -> str:
        config, replicas = self._config, self._strategy.num_replicas_in_sync
        count = self._team.worker.count
        begin = f"resuming at step {first_step}" if first_step else "starting"
        return (
            f"{begin} of {config.num_steps}: batches of {config.batch_size} on {replicas} "
            f"replica{'s' if replicas > 1 else ''}{f' of {count} workers' if count > 1 else ''} "
            f"in {config.precision}"
        )

    def _steps(self, journal: Journal, received: list[str]) -> None:
        """Takes steps until the last or a signal; the checkpoint after that is the caller's."""
        config, step = self._config, self.step
        unchecked: tuple[int, tf.Tensor] | None = None
        for element in iter(self._make_dataset(step)):
            if received:
                self._told_to_stop.assign(1.0)
            rates = self._task.learning_rates() if (step + 1) % config.log_every == 0 else {}
            values = self._train_step(element)
            step += 1
            # A step's numbers are read only after the next one is under way, so that a GPU never
            # waits for Python; they are read at once where anything depends on them.
            if unchecked:
                self._check(*unchecked)
            unchecked = (step, values)
            stops = bool(received) if self._team.is_alone else self._all_stop
            is_last = step == config.num_steps or stops
            if is_last or self._is_due(step):
                self._check(*unchecked)
                unchecked = None
                self._report(journal, step, rates, element)
            journal.tick(step, self._last_loss)
            if is_last or self._is_exhausted:
                return
        raise DataError(f"The training data ended after {step} of {config.num_steps} steps.")

    def _is_due(self, step: int) -> bool:
        config = self._config
        return self._validates(step) or any(
            every and step % every == 0
            for every in (config.log_every, config.image_every, config.checkpoint_every)
        )

    def _validates(self, step: int) -> bool:
        validator = self._validator
        return validator is not None and validator.is_due(step, self._config.num_steps)

    def _check(self, step: int, values: tf.Tensor) -> None:
        """Adds a step's metrics to the window.

        Raises:
            TrainingError: as `StepGuard.check`.
        """
        *values, told_to_stop = values.numpy().astype(np.float64)
        self._all_stop = told_to_stop > 0
        self._guard.check(step, values)
        self._sums[:-1] += values
        self._sums[-1] += 1
        self._last_loss = float(values[self._names.index("loss")])

    def _report(
        self, journal: Journal, step: int, rates: Mapping[str, float], element: Any
    ) -> None:
        """Writes what is due after a step: a row, a validation, pictures, a checkpoint."""
        config = self._config
        if step % config.log_every == 0:
            means = dict(zip(self._names, (self._sums[:-1] / self._sums[-1]).tolist()))
            self._sums[:] = 0
            if means.get(JOINT_ERROR) == 0.0:
                del means[JOINT_ERROR]  # Nobody was measured, which is not without error.
            whole = {name: value for name, value in means.items() if "/" not in name}
            rate = journal.row(step, {**whole, **rates})
            for name, value in {**means, **rates, "images_per_second": rate}.items():
                tf.summary.scalar(name, value, step=step)
        with _paused(journal):
            is_best = self._validates(step) and self._validate(journal, step)
            if config.image_every and step % config.image_every == 0:
                summaries.write(self._task.views(element), step, self._log_dir)
            every = config.checkpoint_every
            if self._validates(step) or (every and step % every == 0):
                self.save()
                journal.plot()
            if is_best:
                self._validator.save_best(self._task)

    def _validate(self, journal: Journal, step: int) -> bool:
        """Scores held-out people; returns whether the weights are the best so far."""
        validator, best = self._validator, self._best
        means, num_people = validator.score(self._task)
        metric = validator.config.best_metric
        is_best = best.update(step, self._team.mean(means[metric]))
        note = f"best {metric} {float(best.value):.1f} at step {int(best.step)}"
        journal.validation(step, means, num_people, "the best so far" if is_best else note)
        for name, value in means.items():
            tf.summary.scalar(f"validation/{name}", value, step=step)
        return is_best

    def _distributed_step(self, element: Any) -> tf.Tensor:
        """One step on all replicas.

        Returns:
            `[num_metrics + 1]` float32, in the order of the names; the last is positive if a
            process has been told to stop.
        """

        def replica(element: Any) -> tf.Tensor:
            scalars = self._task.replica_step(self._team.own_rows(element), self._step)
            values = [tf.cast(scalars[name], tf.float32) for name in self._names]
            return tf.stack([*values, self._told_to_stop.read_value()])

        values = self._strategy.run(replica, args=(element,))
        self._step.assign_add(1)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)


@contextlib.contextmanager
def _paused(journal: Journal) -> Iterator[None]:
    started = time.perf_counter()
    yield
    journal.pause(time.perf_counter() - started)
