"""Adversarial training of HMR: encoder-regressor and discriminators from one forward pass.

The discriminators judge the estimates of all iterations, or of the last one, and as many bodies
from motion capture. Both sets of weights get their gradients from the same forward pass, through
the same discriminator outputs, and both are updated after it, each by its own Adam. Losses on
images use the last iteration.

Reference: A. Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018, section 3,
and the updates of its release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf import config as config_lib
from hmr_tf import losses as losses_lib
from hmr_tf import outputs
from hmr_tf.body import model_file
from hmr_tf.errors import ConfigError
from hmr_tf.models import MODELS
from hmr_tf.training import accumulation, critic_losses, image_losses, optimizers, summaries
from hmr_tf.training.task import (
    JOINT_ERROR,
    OVERFLOWS,
    Task,
    Views,
    global_sums,
    replica_seed,
)
from hmr_tf.weights import initial_weights

# (scalars, gradients of the generator's variables, gradients of the discriminators')
Gradients = tuple[dict[str, tf.Tensor], list[tf.Tensor], list[tf.Tensor]]

_ZERO = tf.UnconnectedGradients.ZERO


class AdversarialTask(Task):
    """Trains a model that has `stages`, `generator_variables` and a `discriminator`.

    Each dataset element is a pair (batch, mocap) as `hmr_tf.data.pipeline` makes them. Without the
    adversary, motion capture is not looked at and the discriminators keep their first weights.

    Args:
        model_name: name in ``hmr_tf.models.MODELS``.
        model_config: the model's settings.
        body: the body that is estimated.
        train: the run.
        losses: weights and switches of the losses.
        mean: (pose ``[72]``, betas) at which the regressor begins; None for the default.
        initial_folder: folder of weights to begin with (`hmr_tf.weights.initial_weights`), checked
            to fit the model; None for new ones.
    """

    name = "adversarial"

    def __init__(
        self,
        model_name: str,
        model_config: config_lib.HMRConfig,
        body: model_file.Body,
        train: config_lib.TrainConfig,
        losses: config_lib.LossConfig,
        mean: tuple[np.ndarray, np.ndarray] | None = None,
        initial_folder: str | None = None,
    ) -> None:
        self._model_class = MODELS.get(model_name)
        self._model_config = model_config
        self._body = body
        self._mean = mean
        self._initial_folder = initial_folder
        self._train = train
        self._losses = losses
        self.needs_3d = losses.use_3d_labels
        if losses.use_adversary:
            self.mocap_batch_size = len(self._judged()) * train.batch_size
        self._model: tf.keras.Model | None = None

    def build(self) -> None:
        """Creates the model and one Adam for each of its two parts."""
        train = self._train
        self._model = self._model_class(
            self._model_config, self._body, self._mean, precision=train.precision
        )
        # Before the optimizers, whose averages begin at the weights.
        if self._initial_folder:
            initial_weights.load(self._initial_folder, self._model)
        needy = image_losses.need_heatmaps(self._losses)
        if needy and not self._model.draws_heatmaps:
            raise ConfigError(
                f"--{needy[0]}_weight needs an encoder that draws heatmaps (resnet_keypoints_v2); "
                f"'{self._model_config.encoder}' does not."
            )
        self.generator_optimizer = optimizers.build_optimizer(
            train, train.generator_learning_rate, train.average_decay
        )
        self.generator_optimizer.build(self._model.generator_variables)
        self.discriminator_optimizer = None
        if self._losses.use_adversary:
            self.discriminator_optimizer = optimizers.build_optimizer(
                train, train.discriminator_learning_rate
            )
            self.discriminator_optimizer.build(self._model.discriminator.trainable_variables)

    @property
    def model(self) -> tf.keras.Model:
        """The model."""
        return self._model

    @property
    def metric_names(self) -> tuple[str, ...]:
        """`loss` is the generator's whole loss, weights included; the others come without theirs.

        `adversarial_1` ... are the shares of the iterations in `adversarial`; their mean is the
        whole. `mpjpe_mm` is measured on the (augmented, dropped-out) training batch.
        ``critics_real/neck`` ... are the mean outputs of each of the 25 critics, drawn to 1 on real
        bodies and to 0 on estimates, ``critics_fake/neck`` ....
        """
        names = ["loss", *image_losses.names(self._losses), JOINT_ERROR]
        if self._losses.use_adversary:
            names += ["adversarial", *(f"adversarial_{stage}" for stage in self._judged())]
            names += ["discriminator", "discriminator_real", "discriminator_fake"]
            if self._losses.critic_gradient_weight:
                names.append("critic_gradient")
            for kind in ("critics_real", "critics_fake"):
                names += critic_losses.output_names(kind)
        if self._train.precision == "mixed_float16":
            names.append(OVERFLOWS)
        return tuple(names)

    def checkpoint_items(self) -> Mapping[str, Any]:
        """Model, averaged weights if kept, and both optimizers."""
        items = {"model": self._model, "generator_optimizer": self.generator_optimizer}
        if self.discriminator_optimizer is not None:
            items["discriminator_optimizer"] = self.discriminator_optimizer
        averages = optimizers.averages(self.generator_optimizer)
        if averages:
            items["averaged"] = averages
        return items

    def learning_rates(self) -> dict[str, float]:
        """Returns the rates of the next step."""
        rates = {"learning_rate": optimizers.current_rate(self.generator_optimizer)}
        if self.discriminator_optimizer is not None:
            rates["discriminator_learning_rate"] = optimizers.current_rate(
                self.discriminator_optimizer
            )
        return rates

    def replica_step(self, element: Any, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """One update of both parts; see `Task`."""
        batch, mocap = element
        seed = replica_seed(self._train.seed, step)
        scalars, generator_gradients, discriminator_gradients = self._batch_gradients(
            batch, mocap, seed
        )
        # Both gradients stand before either update: both see the weights of the forward pass.
        was_skipped = optimizers.update(
            self.generator_optimizer, generator_gradients, self._model.generator_variables
        )
        if was_skipped is not None:
            scalars[OVERFLOWS] = was_skipped
        if self.discriminator_optimizer is not None:
            self.discriminator_optimizer.apply_gradients(
                zip(discriminator_gradients, self._model.discriminator.trainable_variables)
            )
        return scalars

    def _batch_gradients(
        self, batch: Mapping[str, tf.Tensor], mocap: Mapping[str, tf.Tensor], seed: tf.Tensor
    ) -> Gradients:
        """Returns the `gradients` of a batch, computed as the run's settings say."""
        num_parts, jit_compile = self._train.accumulate_steps, self._train.jit_compile
        if num_parts == 1 and not jit_compile:
            return self.gradients(batch, mocap, seed)
        counts = self._counts(batch, mocap)
        return accumulation.compiled(
            self.gradients, (batch, mocap), seed, counts, num_parts, jit_compile
        )

    def _counts(
        self, batch: Mapping[str, tf.Tensor], mocap: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Returns the counts of the global batch by term.

        They depend on labels alone, so a graph computes nothing of the estimates for them.
        """
        stages = self._model.stages(batch["image"])
        terms = {**self._image_terms(stages[-1], batch), **self._critic_terms(stages, mocap)}
        return global_sums({name: term.count for name, term in terms.items()})

    def gradients(
        self,
        batch: Mapping[str, tf.Tensor],
        mocap: Mapping[str, tf.Tensor],
        seed: tf.Tensor,
        counts: Mapping[str, tf.Tensor] | None = None,
    ) -> Gradients:
        """Runs one forward pass and two backward ones.

        Args:
            batch: this replica's images and labels.
            mocap: this replica's real bodies; unused without the adversary.
            seed: `[2]` int32 seed of dropout.
            counts: counts of the global batch by term, if it is more than what the replicas are
                given in this call.

        Returns:
            (scalars, gradients of `generator_variables`, gradients of the discriminators'
            variables, empty without the adversary).
        """
        model = self._model
        critics = model.discriminator.trainable_variables
        with tf.GradientTape() as generator_tape:
            stages = model.stages(batch["image"], training=True, seed=seed)
            terms = self._image_terms(stages[-1], batch)
            # The inner tape has not seen how the estimates came about, so its gradients stop at
            # the critics; the outer one carries the same outputs back into the generator.
            with tf.GradientTape() as discriminator_tape:
                terms.update(self._critic_terms(stages, mocap))
                if counts is None:
                    counts = global_sums({name: term.count for name, term in terms.items()})
                scalars = {name: term.mean(counts[name]) for name, term in terms.items()}
                if self._losses.use_adversary:
                    scalars["discriminator"] = self._critics_loss(scalars)
                    discriminator_loss = optimizers.scaled(
                        self.discriminator_optimizer, scalars["discriminator"]
                    )
            scalars["loss"] = self._weighted(scalars)
            generator_loss = optimizers.scaled(self.generator_optimizer, scalars["loss"])
        generator_gradients = optimizers.unscaled(
            self.generator_optimizer,
            generator_tape.gradient(generator_loss, model.generator_variables, None, _ZERO),
        )
        discriminator_gradients = []
        if self._losses.use_adversary:
            discriminator_gradients = optimizers.unscaled(
                self.discriminator_optimizer,
                discriminator_tape.gradient(discriminator_loss, critics, None, _ZERO),
            )
            for kind in ("critics_real", "critics_fake"):
                scores = tf.unstack(scalars.pop(kind))
                scalars.update(zip(critic_losses.output_names(kind), scores))
        return scalars, generator_gradients, discriminator_gradients

    def _image_terms(
        self, estimate: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor]
    ) -> dict[str, losses_lib.Loss]:
        """Losses of the last iteration against the labels."""
        terms = image_losses.terms(self._losses, estimate, batch, self._model)
        joints_3d = estimate[outputs.JOINTS_3D]
        return {**terms, JOINT_ERROR: image_losses.joint_error(joints_3d, batch)}

    def _critic_terms(
        self, stages: Sequence[Mapping[str, tf.Tensor]], mocap: Mapping[str, tf.Tensor]
    ) -> dict[str, losses_lib.Loss]:
        """Losses of the discriminators and of the generator before them; none without them."""
        if not self._losses.use_adversary:
            return {}
        judged = {stage: stages[stage - 1] for stage in self._judged()}
        critics = self._model.discriminator
        terms = critic_losses.terms(critics, judged, mocap)
        if self._losses.critic_gradient_weight:
            terms["critic_gradient"] = critic_losses.gradient_penalty(critics, mocap)
        return terms

    def _critics_loss(self, scalars: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The discriminators' loss."""
        loss = scalars["discriminator_real"] + scalars["discriminator_fake"]
        if self._losses.critic_gradient_weight:
            loss += self._losses.critic_gradient_weight * scalars["critic_gradient"]
        return loss

    def _weighted(self, scalars: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The generator's loss."""
        total = image_losses.weighted(self._losses, scalars)
        if self._losses.use_adversary:
            total += self._losses.adversarial_weight * scalars["adversarial"]
        return total

    def _judged(self) -> range:
        """Numbers, from 1, of the iterations that the discriminators judge."""
        last = self._model_config.num_iterations
        return range(1 if self._losses.adversarial_stages == "all" else last, last + 1)

    def views(self, element: Any) -> Views:
        """Shows the first images of a batch with truth, estimate and meshes."""
        return summaries.show(self._model, element[0])
