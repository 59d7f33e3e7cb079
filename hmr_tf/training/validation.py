"""Held-out people during training: their scores, the best weights, and when to stop early.

Averaged weights are scored where a run keeps them. What must survive a restart is in the run's
checkpoints (`Best`); the best weights are a checkpoint folder of their own, ``LOG/best``. The run
saves its checkpoint first and the best weights then, so that a restart after a kill in between can
still write those (`Validator.restore_best`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from hmr_tf import checkpoints, saved_weights
from hmr_tf import config as config_lib
from hmr_tf.data import pipeline, root_crop
from hmr_tf.errors import DataError
from hmr_tf.evaluation import evaluator
from hmr_tf.evaluation.protocols import VALIDATION
from hmr_tf.training import devices
from hmr_tf.training.task import Task

BEST_DIR = "best"
_BATCH_SIZE = 32


class Best(tf.Module):
    """The best validation so far; belongs into a run's checkpoints.

    Attributes:
        value: its metric; infinite before the first.
        step: its step; -1 before the first.
        num_since: validations since then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value = tf.Variable(np.inf, trainable=False, dtype=tf.float64)
        self.step = tf.Variable(-1, trainable=False, dtype=tf.int64)
        self.num_since = tf.Variable(0, trainable=False, dtype=tf.int64)

    def update(self, step: int, value: float) -> bool:
        """Takes in a validation; returns whether it is the new best, i.e. has a lower value."""
        is_best = value < float(self.value)
        if is_best:
            self.value.assign(value)
            self.step.assign(step)
        self.num_since.assign(0 if is_best else self.num_since + 1)
        return is_best


class Validator:
    """Scores the people of some records and keeps the best weights.

    Args:
        config: when, and by what.
        data: the records, of `held_out`.
        image_size: side of the model's input, px.
        log_dir: the run's folder, or this process's own; holds the run's description by the time a
            best is saved.
        deterministic: whether the run is.
    """

    metrics = VALIDATION.metrics

    def __init__(
        self,
        config: config_lib.ValidationConfig,
        data: config_lib.DataConfig,
        image_size: int,
        log_dir: str,
        deterministic: bool = False,
    ) -> None:
        self.config = config
        self.best = Best()
        self._data = data
        self._image_size = image_size
        self._log_dir = log_dir
        self._deterministic = deterministic
        self._people: tf.data.Dataset | None = None
        self._evaluator: evaluator.Evaluator | None = None

    def is_due(self, step: int, num_steps: int) -> bool:
        """Whether a step is followed by a validation."""
        every = self.config.validate_every
        return bool(every) and (step % every == 0 or step == num_steps)

    @property
    def is_exhausted(self) -> bool:
        """Whether the run should end: too many validations without a new best."""
        patience = self.config.early_stop_patience
        return bool(patience) and int(self.best.num_since) >= patience

    def score(self, task: Task) -> tuple[dict[str, float], int]:
        """Scores a task's model as it is now.

        Args:
            task: its model's weights are the same afterwards.

        Returns:
            (mean of every metric that somebody has the truth for, number of people).

        Raises:
            DataError: if the metric of the best is not among them.
        """
        if self._evaluator is None:
            self._people = self._dataset(task.model)
            self._evaluator = evaluator.Evaluator(task.model, VALIDATION)
        with averaged_weights(task):
            result = self._evaluator.run(self._people, self.config.validation_limit or None)
        metrics = result.report()["metrics"]
        means = {name: value for name, value in metrics.items() if value is not None}
        if self.config.best_metric not in means:
            raise DataError(
                f"--best_metric={self.config.best_metric} could not be measured on the "
                f"{result.num_people} people of the validation; name one that their labels allow "
                f"({', '.join(means) or 'none does'})."
            )
        return means, result.num_people

    def save_best(self, task: Task) -> None:
        """Writes the weights as ``best``, in place of those that were there.

        Args:
            task: its model was scored with these weights at the step of `best`.
        """
        folder = os.path.join(self._log_dir, BEST_DIR)
        if not checkpoints.has_description(folder):
            description = dataclasses.replace(
                checkpoints.read_description(self._log_dir), task="", has_averaged=False
            )
            checkpoints.save_description(folder, description, task.model.body_model)
        with averaged_weights(task):
            manager = tf.train.CheckpointManager(
                tf.train.Checkpoint(model=task.model),
                saved_weights.weights_dir(folder),
                max_to_keep=1,
            )
            saved_weights.save(manager, int(self.best.step))

    def restore_best(self, task: Task, step: int, run_dir: str) -> None:
        """Writes ``best`` if a kill came between the run's checkpoint and it.

        Args:
            task: restored from the checkpoint.
            step: of that checkpoint.
            run_dir: folder of the run, the same for all of several processes.
        """
        saved = saved_weights.latest_step(os.path.join(run_dir, BEST_DIR))
        if int(self.best.step) == step != saved:
            self.save_best(task)

    def _dataset(self, model: tf.keras.Model) -> tf.data.Dataset:
        """Returns the people, the same number from each dataset if there is a limit."""
        squares = root_crop.squares_of(model.config, model.body_model)
        parts = []
        for pair in self._data.datasets:
            one = dataclasses.replace(self._data, datasets=(pair,))
            part = pipeline.evaluation_dataset(one, self._image_size, _BATCH_SIZE, squares=squares)
            if self.config.validation_limit:
                share = -(-self.config.validation_limit // len(self._data.datasets))
                part = part.unbatch().take(share).batch(_BATCH_SIZE)
            parts.append(part)
        people = functools.reduce(tf.data.Dataset.concatenate, parts)
        return devices.with_own_threads(people) if self._deterministic else people


def held_out(
    config: config_lib.ValidationConfig, data: config_lib.DataConfig
) -> config_lib.DataConfig:
    """Returns the data of a run's validations.

    Args:
        config: of the validations.
        data: of the training.
    """
    names: Sequence[str] = config.validation_datasets or [name for name, _ in data.datasets]
    return dataclasses.replace(
        data, datasets=tuple((name, 1.0) for name in names), split=config.validation_split
    )


@contextlib.contextmanager
def averaged_weights(task: Task) -> Iterator[None]:
    """Puts the averaged weights into a task's model for a while, if it keeps any."""
    averages = task.checkpoint_items().get("averaged") or ()
    variables = task.model.generator_variables if averages else ()
    held = [tf.identity(variable) for variable in variables]
    for variable, average in zip(variables, averages):
        variable.assign(average)
    try:
        yield
    finally:
        for variable, value in zip(variables, held):
            variable.assign(value)
