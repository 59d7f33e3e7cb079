"""The bodies of held-out people, as a model estimates them and as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.geometry import rotations as rotations_lib
from hmr_tf.models import extra_inputs

_KEYS = (outputs.ROTATIONS, outputs.BETAS, outputs.SMPL_JOINTS_3D)


def bodies(
    model: tf.keras.Model, batches: Iterable[Mapping[str, tf.Tensor]]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Estimates the people whose bodies are known.

    Args:
        model: a model of `hmr_tf.models`.
        batches: of `hmr_tf.data.pipeline.evaluation_dataset`.

    Returns:
        (estimated, true): each `rotations` `[people, 24, 3, 3]`, `betas` `[people, 10]` and
        `smpl_joints_3d` `[people, 24, 3]`.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def estimate(seen: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        found = model(seen["image"], training=False, **extra_inputs.of_batch(model, seen))
        return {key: found[key] for key in _KEYS}

    estimated, true = [], []
    for batch in batches:
        is_known = batch["has_smpl"] > 0
        found = estimate({"image": batch["image"], **extra_inputs.of_batch(model, batch)})
        estimated.append({key: tf.boolean_mask(found[key], is_known) for key in _KEYS})
        pose, betas = (tf.boolean_mask(batch[k], is_known) for k in ("pose_axis_angle", "betas"))
        matrices = rotations_lib.axis_angle_to_matrix(tf.reshape(pose, [-1, 24, 3]))
        _, joints = model.keypoints(matrices, betas)
        true.append(dict(zip(_KEYS, (matrices, betas, joints))))
    return _joined(estimated), _joined(true)


def _joined(parts: list[dict[str, tf.Tensor]]) -> dict[str, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) for key in _KEYS}
