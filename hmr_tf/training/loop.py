"""The training loop: strategy, checkpoints, resume, progress. It knows no model.

The dataset yields global batches from one iterator; every replica takes its own rows. So any number
of replicas sees the same examples in the same order, and a dataset that can begin at any step
(`make_dataset(first_step)`) makes the position in the data a function of the step counter alone:
nothing of it needs saving.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

import cv2
import numpy as np
import tensorflow as tf

from hmr_tf import checkpoints
from hmr_tf import config as config_lib
from hmr_tf.errors import DataError, TrainingError
from hmr_tf.training.journal import Journal, duration
from hmr_tf.training.task import Task

SUMMARY_DIR = "tensorboard"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: steps taken in all.
        was_finished: whether there was nothing left to do.
        stopped_by: name of the signal that ended it early, e.g. ``SIGTERM``; else empty.
    """

    step: int
    was_finished: bool = False
    stopped_by: str = ""


class Loop:
    """Trains a task until its last step, from its last checkpoint if there is one.

    Args:
        task: what is trained; built here.
        strategy: where.
        config: the run.
        log_dir: folder of checkpoints, logs and pictures.
        make_dataset: number of steps already taken -> dataset of global batches: nested dicts and
            tuples of tensors whose first dimension is a multiple of the number of replicas.
        batch_files: step, from 1 -> names of its images, to name a bad batch; None if unknown.
    """

    def __init__(
        self,
        task: Task,
        strategy: tf.distribute.Strategy,
        config: config_lib.TrainConfig,
        log_dir: str,
        make_dataset: Callable[[int], tf.data.Dataset],
        batch_files: Callable[[int], Sequence[str]] | None = None,
    ) -> None:
        self._task = task
        self._strategy = strategy
        self._config = config
        self._log_dir = log_dir
        self._make_dataset = make_dataset
        self._batch_files = batch_files
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
        self._sums = np.zeros(len(self._names) + 1)
        self._items = {**task.checkpoint_items(), "step": self._step, "window": self._window}
        self._manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**self._items),
            checkpoints.weights_dir(log_dir),
            max_to_keep=config.keep_checkpoints,
        )
        self._train_step = tf.function(self._distributed_step)
        self._last_loss = float("nan")

    @property
    def step(self) -> int:
        """Steps taken."""
        return int(self._step.numpy())

    def restore(self) -> int:
        """Goes to the newest checkpoint, if there is one.

        Returns:
            Steps taken.

        Raises:
            CheckpointError: if it is damaged or of something else.
        """
        path = self._manager.latest_checkpoint
        if path is not None:
            checkpoints.restore(path, self._items)
            self._sums = self._window.numpy()
        self._remove_unfinished()
        return self.step

    def _remove_unfinished(self) -> None:
        """Removes what a kill in the middle of saving left: files of no known checkpoint."""
        known = {os.path.basename(path) for path in self._manager.checkpoints}
        for path in pathlib.Path(self._manager.directory).glob("ckpt-*"):
            if path.name.partition(".")[0] in known:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def save(self) -> None:
        """Writes a checkpoint of the current step, unless it is there already."""
        path = self._manager.latest_checkpoint
        if path is not None and path.endswith(f"-{self.step}"):
            return
        self._window.assign(self._sums)
        self._manager.save(checkpoint_number=self.step)

    def run(self) -> Outcome:
        """Trains from the current step to the last.

        Returns:
            How it ended. After SIGINT or SIGTERM a checkpoint has been saved; a second signal
            ends the process at once.

        Raises:
            TrainingError: if a metric is not finite; nothing has been saved since.
        """
        first_step, started = self.step, time.perf_counter()
        config = self._config
        if first_step >= config.num_steps:
            return Outcome(first_step, was_finished=True)
        columns = (*self._names, *self._task.learning_rates())
        journal = Journal(self._log_dir, columns, config.num_steps, first_step, config.batch_size)
        writer = tf.summary.create_file_writer(os.path.join(self._log_dir, SUMMARY_DIR))
        try:
            with _signals() as received, writer.as_default():
                journal.say(self._opening(first_step))
                self._steps(journal, received)
                with _paused(journal):
                    self.save()
                    journal.plot()
            spent = duration(time.perf_counter() - started)
            if received and self.step < config.num_steps:
                journal.say(f"stopped by {received[0]}; checkpoint of step {self.step} saved")
                return Outcome(self.step, stopped_by=received[0])
            journal.say(f"finished {config.num_steps} steps; this part took {spent}")
            return Outcome(self.step)
        except TrainingError as error:
            journal.say(str(error))
            raise
        finally:
            writer.close()
            journal.close()

    def _opening(self, first_step: int) -> str:
        config, replicas = self._config, self._strategy.num_replicas_in_sync
        begin = f"resuming at step {first_step}" if first_step else "starting"
        return (
            f"{begin} of {config.num_steps}: batches of {config.batch_size} on {replicas} "
            f"replica{'s' if replicas > 1 else ''} in {config.precision}"
        )

    def _steps(self, journal: Journal, received: list[str]) -> None:
        """Takes steps until the last or a signal; the checkpoint after that is the caller's."""
        config, step = self._config, self.step
        unchecked: tuple[int, tf.Tensor] | None = None
        for element in iter(self._make_dataset(step)):
            rates = self._task.learning_rates() if (step + 1) % config.log_every == 0 else {}
            values = self._train_step(element)
            step += 1
            # A step's numbers are read only after the next one is under way, so that a GPU never
            # waits for Python; they are read at once where anything depends on them.
            if unchecked:
                self._check(*unchecked)
            unchecked = (step, values)
            is_last = step == config.num_steps or bool(received)
            if is_last or self._is_due(step):
                self._check(*unchecked)
                unchecked = None
                self._report(journal, step, rates, element)
            journal.tick(step, self._last_loss)
            if is_last:
                return
        raise DataError(f"The training data ended after {step} of {config.num_steps} steps.")

    def _is_due(self, step: int) -> bool:
        config = self._config
        return any(
            every and step % every == 0
            for every in (config.log_every, config.image_every, config.checkpoint_every)
        )

    def _check(self, step: int, values: tf.Tensor) -> None:
        """Adds a step's metrics to the window.

        Raises:
            TrainingError: if one is not finite.
        """
        values = values.numpy().astype(np.float64)
        if not np.isfinite(values).all():
            bad = [name for name, value in zip(self._names, values) if not np.isfinite(value)]
            names = self._batch_files(step) if self._batch_files else ["names unknown"]
            raise TrainingError(
                f"Step {step} gave numbers that are not finite ({', '.join(bad)}); the last "
                "checkpoint is unharmed. Lower the learning rate, or look at the labels of its "
                f"images: {', '.join(names)}."
            )
        self._sums[:-1] += values
        self._sums[-1] += 1
        self._last_loss = float(values[self._names.index("loss")])

    def _report(
        self, journal: Journal, step: int, rates: Mapping[str, float], element: Any
    ) -> None:
        """Writes what is due after a step: a row, pictures, a checkpoint."""
        config = self._config
        if step % config.log_every == 0:
            means = dict(zip(self._names, (self._sums[:-1] / self._sums[-1]).tolist()))
            self._sums[:] = 0
            rate = journal.row(step, {**means, **rates})
            for name, value in {**means, **rates, "images_per_second": rate}.items():
                tf.summary.scalar(name, value, step=step)
        with _paused(journal):
            if config.image_every and step % config.image_every == 0:
                for name, picture in self._task.overlays(element).items():
                    tf.summary.image(name, picture[np.newaxis], step=step)
                    path = os.path.join(self._log_dir, f"{name}.png")
                    cv2.imwrite(path, picture[..., ::-1])
            if config.checkpoint_every and step % config.checkpoint_every == 0:
                self.save()
                journal.plot()

    def _distributed_step(self, element: Any) -> tf.Tensor:
        """One step on all replicas; returns `[num_metrics]` float32, in the order of the names."""

        def replica(element: Any) -> tf.Tensor:
            scalars = self._task.replica_step(self._own_rows(element), self._step)
            return tf.stack([tf.cast(scalars[name], tf.float32) for name in self._names])

        values = self._strategy.run(replica, args=(element,))
        self._step.assign_add(1)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

    def _own_rows(self, element: Any) -> Any:
        """Returns this replica's rows of every tensor."""
        replicas = self._strategy.num_replicas_in_sync
        if replicas == 1:
            return element
        index = tf.distribute.get_replica_context().replica_id_in_sync_group

        def rows(tensor: tf.Tensor) -> tf.Tensor:
            # On the host, so that a GPU is sent its own rows only.
            with tf.device("/cpu:0"):
                share = tensor.shape[0] // replicas
                return tensor[index * share : (index + 1) * share]

        return tf.nest.map_structure(rows, element)


@contextlib.contextmanager
def _signals() -> Iterator[list[str]]:
    """Collects the names of stop signals; the second one acts as it would have without us."""
    received: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # Python delivers signals to the main thread only.
        return
    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}

    def handle(number: int, frame: Any) -> None:
        del frame
        received.append(signal.Signals(number).name)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in _STOP_SIGNALS:
        signal.signal(number, handle)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _paused(journal: Journal) -> Iterator[None]:
    started = time.perf_counter()
    yield
    journal.pause(time.perf_counter() - started)
