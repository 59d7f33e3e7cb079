"""Adam with averaged weights, and learning-rate schedules.

Averaged weights are Keras's own (``use_ema`` of its optimizer), not Addons'; only the arithmetic is
replaced. Keras 2.15 updates each variable by about ten elementwise operations; TensorFlow's fused
kernel, which `tf.keras.optimizers.legacy.Adam` also calls, does it in one pass over the memory. For
the 28.6 million parameters of HMR on two cores, one replica under MirroredStrategy, milliseconds:

    Keras Adam 57, compiled by XLA 39, legacy Adam 47, `FusedAdam` 25; with averaging: Keras's own
    formula 71, `FusedAdam` 34.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from hmr_tf import config as config_lib
from hmr_tf.errors import ConfigError

SCHEDULES = ("constant", "cosine", "step")
_DECAY = 0.1


class FusedAdam(tf.keras.optimizers.Adam):
    """Keras's Adam computed by the fused kernel, with a warm-up of the averaged weights.

    The update is that of the paper with epsilon added to the root of the uncorrected second moment
    (TensorFlow's form), the same as Keras's. Averages follow ``average = decay average +
    (1 - decay) variable`` with decay = min(ema_momentum, (1 + step) / (10 + step)), so that short
    runs are not held back by their first weights.

    Args:
        learning_rate: a number or a schedule.
        **kwargs: as for `tf.keras.optimizers.Adam`; `amsgrad` and weight decay are not supported.
    """

    def __init__(self, learning_rate: Any = 0.001, **kwargs: Any) -> None:
        kwargs.setdefault("jit_compile", False)
        if kwargs.get("amsgrad") or kwargs.get("weight_decay"):
            raise ValueError("FusedAdam has neither amsgrad nor weight_decay.")
        super().__init__(learning_rate, **kwargs)
        self.schedule = learning_rate if callable(learning_rate) else lambda step: learning_rate

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Updates one variable and its moments in place."""
        index = self._index_dict[self._var_key(variable)]
        kind = variable.dtype
        step = tf.cast(self.iterations + 1, kind)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].handle,
            v=self._velocities[index].handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, kind), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, kind), step),
            lr=tf.cast(self.learning_rate, kind),
            beta1=tf.cast(self.beta_1, kind),
            beta2=tf.cast(self.beta_2, kind),
            epsilon=tf.cast(self.epsilon, kind),
            grad=tf.convert_to_tensor(gradient),
        )

    def aggregate_gradients(self, grads_and_vars: Any) -> Any:
        """Sums gradients over replicas; one replica has nothing to add and copies nothing."""
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return grads_and_vars
        return super().aggregate_gradients(grads_and_vars)

    @property
    def averages(self) -> list[tf.Variable]:
        """The averaged weights, in the order of `build`'s variables; empty without ``use_ema``."""
        return list(self._model_variables_moving_average) if self.use_ema else []

    def _update_model_variables_moving_average(self, var_list: Sequence[tf.Variable]) -> None:
        if not self.use_ema:
            return
        step = tf.cast(self.iterations, tf.float32)
        rate = 1.0 - tf.minimum(self.ema_momentum, (1.0 + step) / (10.0 + step))

        def update(average: tf.Variable, variable: tf.Tensor) -> None:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=average.handle, alpha=tf.cast(rate, average.dtype), delta=average - variable
            )

        for variable in var_list:
            average = self._model_variables_moving_average[
                self._index_dict[self._var_key(variable)]
            ]
            self._distribution_strategy.extended.update(
                average, update, args=(variable,), group=False
            )


class WarmupSchedule(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly, then stays, or falls to zero or in steps.

    Step k (from 0) of the warm-up has the rate ``learning_rate (k + 1) / warmup_steps``. `cosine`
    falls along a half cosine to zero, `step` to a tenth after each of some numbers of steps.

    Args:
        learning_rate: the greatest rate.
        kind: one of `SCHEDULES`.
        num_steps: length of the run, warm-up included.
        warmup_steps: steps of warm-up.
        decay_steps: numbers of steps, of the run, after which `step` decays.
    """

    def __init__(
        self,
        learning_rate: float,
        kind: str = "constant",
        num_steps: int = 1,
        warmup_steps: int = 0,
        decay_steps: Sequence[int] = (),
    ) -> None:
        if kind not in SCHEDULES:
            raise ConfigError(
                f"Unknown schedule '{kind}'; expected one of: {', '.join(SCHEDULES)}."
            )
        self.learning_rate = learning_rate
        self.kind = kind
        self.num_steps = num_steps
        self.warmup_steps = warmup_steps
        self.decay_steps = tuple(decay_steps)

    def __call__(self, step: Any) -> tf.Tensor:
        """Returns the rate `[]` float32 of a step."""
        step = tf.cast(step, tf.float32)
        rate = tf.constant(self.learning_rate, tf.float32)
        if self.kind == "cosine":
            length = max(self.num_steps - self.warmup_steps, 1)
            share = tf.clip_by_value((step - self.warmup_steps) / length, 0.0, 1.0)
            rate *= 0.5 * (1.0 + tf.cos(math.pi * share))
        if self.kind == "step" and self.decay_steps:
            number = tf.math.count_nonzero(step >= tf.constant(self.decay_steps, tf.float32))
            rate *= tf.pow(_DECAY, tf.cast(number, tf.float32))
        if self.warmup_steps:
            rate *= tf.minimum(1.0, (step + 1.0) / self.warmup_steps)
        return rate

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        return {
            "learning_rate": self.learning_rate,
            "kind": self.kind,
            "num_steps": self.num_steps,
            "warmup_steps": self.warmup_steps,
            "decay_steps": self.decay_steps,
        }


def build_optimizer(
    config: config_lib.TrainConfig, learning_rate: float, average_decay: float = 0.0
) -> tf.keras.optimizers.Optimizer:
    """Builds Adam with the run's schedule.

    Args:
        config: the run; its schedule, epsilon, greatest gradient and precision are used.
        learning_rate: greatest rate.
        average_decay: decay of averaged weights; 0 keeps none.

    Returns:
        `FusedAdam`, inside a loss scale for `mixed_float16`.
    """
    schedule = WarmupSchedule(
        learning_rate, config.schedule, config.num_steps, config.warmup_steps, config.decay_steps
    )
    optimizer = FusedAdam(
        schedule,
        epsilon=config.adam_epsilon,
        # Keras clips what has been summed over replicas, after the loss scale is undone.
        global_clipnorm=config.clip_norm or None,
        use_ema=average_decay > 0,
        ema_momentum=average_decay if average_decay > 0 else 0.99,
    )
    if config.precision == "mixed_float16":
        return tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


def scaled(optimizer: tf.keras.optimizers.Optimizer, loss: tf.Tensor) -> tf.Tensor:
    """Returns a loss as it is differentiated: times the loss scale, if there is one."""
    return optimizer.get_scaled_loss(loss) if hasattr(optimizer, "get_scaled_loss") else loss


def unscaled(
    optimizer: tf.keras.optimizers.Optimizer, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Undoes `scaled` in the gradients."""
    if hasattr(optimizer, "get_unscaled_gradients"):
        return optimizer.get_unscaled_gradients(gradients)
    return gradients


def update(
    optimizer: tf.keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    variables: Sequence[tf.Variable],
) -> tf.Tensor | None:
    """Takes a step of an optimizer of `build_optimizer`.

    Args:
        optimizer: its iterations count the step even if it is skipped.
        gradients: this replica's, not scaled.
        variables: as many.

    Returns:
        For a loss scale: this replica's share, `[]` float32, of 1 if the step was skipped because
        gradients overflowed, else of 0. None without one.
    """
    if not hasattr(optimizer, "loss_scale"):
        optimizer.apply_gradients(zip(gradients, variables))
        return None
    before = tf.identity(optimizer.loss_scale)
    optimizer.apply_gradients(zip(gradients, variables))
    # The count of good steps restarts when the scale grows, too.
    was_skipped = (optimizer.dynamic_counter.read_value() == 0) & (optimizer.loss_scale <= before)
    return tf.cast(was_skipped, tf.float32) / tf.distribute.get_strategy().num_replicas_in_sync


def averages(optimizer: tf.keras.optimizers.Optimizer) -> list[tf.Variable]:
    """Returns the averaged weights that an optimizer of `build_optimizer` keeps; maybe none."""
    return getattr(optimizer, "inner_optimizer", optimizer).averages


def current_rate(optimizer: tf.keras.optimizers.Optimizer) -> float:
    """Returns the learning rate that the next step uses."""
    # The attribute is the schedule's last value, which is one step old.
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return float(inner.schedule(inner.iterations))
