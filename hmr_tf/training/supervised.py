"""Training on labels alone: one network, one Adam.

What is learned is a model's own (`SupervisedTask.loss_weights`, `estimate`, `terms`): a model that
is trained like this has a class of its own below this one, which says that and nothing else.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf import losses as losses_lib
from hmr_tf import outputs
from hmr_tf.body import model_file
from hmr_tf.config import TrainConfig
from hmr_tf.models import MODELS
from hmr_tf.training import accumulation, image_losses, optimizers, summaries
from hmr_tf.training.task import (
    JOINT_ERROR,
    OVERFLOWS,
    Task,
    Views,
    global_sums,
    replica_seed,
)
from hmr_tf.weights import initial_weights

Batch = Mapping[str, tf.Tensor]
# (scalars, gradients of the model's variables)
Gradients = tuple[dict[str, tf.Tensor], list[tf.Tensor]]


class SupervisedTask(Task):
    """Trains a model that has `generator_variables`.

    Each dataset element is a pair as `hmr_tf.data.pipeline` makes them, without motion capture.

    Args:
        model_name: name in ``hmr_tf.models.MODELS``.
        model_config: the model's settings.
        body: the body that is estimated.
        train: the run.
        losses: weights and switches of the losses.
        mean: (pose ``[72]``, betas) at which estimation begins; None for the model's default.
        initial_folder: folder of weights to begin with (`hmr_tf.weights.initial_weights`), checked
            to fit the model; None for new ones.
    """

    name = "supervised"
    needs_3d = True

    def __init__(
        self,
        model_name: str,
        model_config: Any,
        body: model_file.Body,
        train: TrainConfig,
        losses: Any,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        initial_folder: str | None = None,
    ) -> None:
        self._model_class = MODELS.get(model_name)
        self._model_config = model_config
        self._body = body
        self._train = train
        self._losses = losses
        self._mean = mean
        self._initial_folder = initial_folder
        self._model: tf.keras.Model | None = None

    @property
    @abc.abstractmethod
    def loss_weights(self) -> Mapping[str, float]:
        """Name of each loss that `terms` gives -> its weight, in the order of the report."""

    @abc.abstractmethod
    def estimate(self, batch: Batch, seed: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Runs the model as in training.

        Args:
            batch: a replica's images and labels.
            seed: `[2]` int32 seed of dropout; None where only labels will be looked at.

        Returns:
            What `terms` needs, `joints_3d` among it.
        """

    @abc.abstractmethod
    def terms(self, estimate: Batch, batch: Batch) -> dict[str, losses_lib.Loss]:
        """Computes the losses, without their weights; their counts depend on labels alone."""

    def build(self) -> None:
        """Creates the model and its Adam."""
        train = self._train
        self._model = self._model_class(
            self._model_config, self._body, self._mean, precision=train.precision
        )
        # Before the optimizer, whose averages begin at the weights.
        if self._initial_folder:
            initial_weights.load(self._initial_folder, self._model)
        self.optimizer = optimizers.build_optimizer(
            train, train.generator_learning_rate, train.average_decay
        )
        self.optimizer.build(self._model.generator_variables)

    @property
    def model(self) -> tf.keras.Model:
        """The model."""
        return self._model

    @property
    def metric_names(self) -> tuple[str, ...]:
        """`loss` is the whole, weights included; the others come without theirs.

        `mpjpe_mm` is measured on the (augmented, dropped-out) training batch.
        """
        names = ["loss", *self.loss_weights, JOINT_ERROR]
        if self._train.precision == "mixed_float16":
            names.append(OVERFLOWS)
        return tuple(names)

    def checkpoint_items(self) -> Mapping[str, Any]:
        """Model, averaged weights if kept, and the optimizer."""
        items = {"model": self._model, "optimizer": self.optimizer}
        averages = optimizers.averages(self.optimizer)
        if averages:
            items["averaged"] = averages
        return items

    def learning_rates(self) -> dict[str, float]:
        """Returns the rate of the next step."""
        return {"learning_rate": optimizers.current_rate(self.optimizer)}

    def replica_step(self, element: Any, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update; see `Task`."""
        batch = element[0]
        seed = replica_seed(self._train.seed, step)
        num_parts, jit_compile = self._train.accumulate_steps, self._train.jit_compile
        if num_parts == 1 and not jit_compile:
            scalars, gradients = self.gradients(batch, seed)
        else:
            # A graph computes nothing of the estimate for these.
            terms = self._all_terms(self.estimate(batch, None), batch)
            counts = global_sums({name: term.count for name, term in terms.items()})
            scalars, gradients = accumulation.compiled(
                self.gradients, (batch,), seed, counts, num_parts, jit_compile
            )
        was_skipped = optimizers.update(self.optimizer, gradients, self._model.generator_variables)
        if was_skipped is not None:
            scalars[OVERFLOWS] = was_skipped
        return scalars

    def gradients(self, batch: Batch, seed: tf.Tensor, counts: Batch | None = None) -> Gradients:
        """Runs one forward and one backward pass.

        Args:
            batch: this replica's images and labels.
            seed: `[2]` int32 seed of dropout.
            counts: counts of the global batch by term, if it is more than what the replicas are
                given in this call.

        Returns:
            (scalars, gradients of `generator_variables`).
        """
        variables = self._model.generator_variables
        with tf.GradientTape() as tape:
            terms = self._all_terms(self.estimate(batch, seed), batch)
            if counts is None:
                counts = global_sums({name: term.count for name, term in terms.items()})
            scalars = {name: term.mean(counts[name]) for name, term in terms.items()}
            scalars["loss"] = sum(
                weight * scalars[name] for name, weight in self.loss_weights.items()
            )
            loss = optimizers.scaled(self.optimizer, scalars["loss"])
        found = tape.gradient(loss, variables, None, tf.UnconnectedGradients.ZERO)
        return scalars, optimizers.unscaled(self.optimizer, found)

    def _all_terms(self, estimate: Batch, batch: Batch) -> dict[str, losses_lib.Loss]:
        """Returns the losses and the joint error."""
        error = image_losses.joint_error(estimate[outputs.JOINTS_3D], batch)
        return {**self.terms(estimate, batch), JOINT_ERROR: error}

    def views(self, element: Any) -> Views:
        """Shows the first images of a batch with truth, estimate and meshes."""
        return summaries.show(self._model, element[0])
