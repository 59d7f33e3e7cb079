"""What stands between a model and the training loop: what one replica does with one batch."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.data import pipeline


@dataclasses.dataclass(frozen=True)
class Views:
    """What is shown of a batch.

    Attributes:
        images: name -> uint8 RGB `[height, width, 3]`.
        meshes: name -> (vertices `[people, V, 3]` m, camera frame; faces `[F, 3]`). People whose
            vertices are not finite are passed over.
    """

    images: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    meshes: Mapping[str, tuple[np.ndarray, np.ndarray]] = dataclasses.field(default_factory=dict)


# Metric of tasks in float16: 1 for a step that updated nothing because its gradients overflowed at
# the loss scale of the moment. That is no failure unless it goes on and on.
OVERFLOWS = "loss_overflows"
# Metric of tasks that measure the joints of those who have labels in 3D: 0 if a batch has nobody.
JOINT_ERROR = "mpjpe_mm"


class Task(abc.ABC):
    """One kind of training.

    The loop calls `build` once inside the strategy's scope and then traces `replica_step` once per
    replica. It knows nothing else of models, losses or optimizers. A task must divide by counts of
    the GLOBAL batch (`global_sums`), so that what its replicas return, and their gradients, add up
    to what one replica would give for the whole batch.

    Attributes:
        name: name of the kind, kept in ``checkpoint.json``.
        mocap_batch_size: bodies of motion capture that a step needs, over all replicas.
        needs_3d: whether some of the records must have labels in 3D.
        needs_images: whether a step looks at images.
    """

    name = ""
    mocap_batch_size = 0
    needs_3d = False
    needs_images = True

    @abc.abstractmethod
    def build(self) -> None:
        """Creates networks and optimizers; called inside the strategy's scope."""

    @property
    @abc.abstractmethod
    def model(self) -> tf.keras.Model:
        """The model that is trained; what a checkpoint is loaded for."""

    @property
    @abc.abstractmethod
    def metric_names(self) -> tuple[str, ...]:
        """Names of the scalars that `replica_step` returns, in order; `loss` is among them.

        Those with a slash, e.g. ``critics_real/neck``, are details, for TensorBoard only.
        """

    @abc.abstractmethod
    def replica_step(self, element: Any, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes losses and gradients on this replica's share of a batch and updates weights.

        Args:
            element: one replica's share of what the dataset yields.
            step: `[]` int64 number of steps taken before this one; random numbers follow from it
                and the configured seed alone.

        Returns:
            Scalars `[]` float32 named by `metric_names`, whose sum over replicas is the value for
            the global batch.
        """

    @abc.abstractmethod
    def checkpoint_items(self) -> Mapping[str, Any]:
        """Trackable objects that a checkpoint holds, by name, the model as ``model``."""

    @property
    def has_averaged(self) -> bool:
        """Whether `checkpoint_items` has averaged weights as ``averaged``."""
        return "averaged" in self.checkpoint_items()

    def targets(self) -> pipeline.Targets | None:
        """Returns what adds to the labels of batches in the input graph; None for nothing."""
        return None

    def prepare(self, make_dataset: Callable[[int], tf.data.Dataset]) -> None:
        """Looks at training data once before the first step of a process; by default it does not.

        Args:
            make_dataset: number of images a batch -> endless elements with images, the same in
                every process and however often the run was stopped.
        """
        del make_dataset

    def learning_rates(self) -> dict[str, float]:
        """Returns the rates that the next step uses, by optimizer."""
        return {}

    def views(self, element: Any) -> Views:
        """Shows what the model sees and thinks.

        Args:
            element: one global batch.
        """
        del element
        return Views()


def global_sums(values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Adds scalars over all replicas, in one communication; no gradient flows through.

    Args:
        values: name -> `[]` float32; called in replica context.

    Returns:
        The sums, the same on every replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return {name: tf.stop_gradient(value) for name, value in values.items()}
    stacked = tf.stop_gradient(tf.stack(list(values.values())))
    summed = context.all_reduce(tf.distribute.ReduceOp.SUM, stacked)
    return dict(zip(values, tf.unstack(summed, num=len(values))))


def replica_seed(seed: int, step: tf.Tensor) -> tf.Tensor:
    """Returns the seed `[2]` int32 of this replica's random numbers in one step.

    Args:
        seed: the run's seed.
        step: `[]` steps taken before.
    """
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    base = tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)])
    return tf.random.experimental.stateless_fold_in(base, tf.cast(replica, tf.int32))
