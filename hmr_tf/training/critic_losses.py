"""The losses of the discriminators, and of the generator before them."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf import losses as losses_lib
from hmr_tf import outputs
from hmr_tf.geometry import rotations
from hmr_tf.models import discriminator as discriminator_lib


def output_names(kind: str) -> list[str]:
    """Returns the names of the 25 critics' mean outputs on real or on estimated bodies."""
    return [f"{kind}/{name}" for name in discriminator_lib.OUTPUT_NAMES]


def terms(
    discriminator: tf.keras.layers.Layer,
    stages: Mapping[int, Mapping[str, tf.Tensor]],
    mocap: Mapping[str, tf.Tensor],
) -> dict[str, losses_lib.Loss]:
    """Judges estimates and real bodies in one pass.

    Args:
        discriminator: the critics.
        stages: estimates of the iterations that are judged, ``[batch, ...]`` each, by number.
        mocap: `pose_axis_angle` ``[rows, 72]`` and `betas` ``[rows, 10]`` of real bodies.

    Returns:
        Losses, and as `critics_real` and `critics_fake` the sums of each output ``[25]``.
    """
    estimates = list(stages.values())
    bodies = [
        {"rotations": one[outputs.ROTATIONS][:, 1:], "betas": one[outputs.BETAS]}
        for one in estimates
    ]
    bodies.append(_real_bodies(mocap))
    scores = discriminator(
        {part: tf.concat([body[part] for body in bodies], 0) for part in ("rotations", "betas")}
    )
    num_fake = len(estimates) * tf.shape(estimates[0][outputs.BETAS])[0]
    fake, real = scores[:num_fake], scores[num_fake:]
    real_term, fake_term = losses_lib.discriminator_loss(real, fake)
    made = {
        "adversarial": losses_lib.adversarial_generator_loss(fake),
        "discriminator_real": real_term,
        "discriminator_fake": fake_term,
        "critics_real": losses_lib.Loss(tf.reduce_sum(real, axis=0), real_term.count),
        "critics_fake": losses_lib.Loss(tf.reduce_sum(fake, axis=0), fake_term.count),
    }
    for stage, part in zip(stages, tf.split(fake, len(estimates))):
        made[f"adversarial_{stage}"] = losses_lib.adversarial_generator_loss(part)
    return made


def gradient_penalty(
    discriminator: tf.keras.layers.Layer, mocap: Mapping[str, tf.Tensor]
) -> losses_lib.Loss:
    """Measures how steep the critics are where real bodies lie.

    Args:
        discriminator: the critics.
        mocap: as for `terms`.

    Returns:
        Half the squared gradient of the outputs' sum by rotation matrices and betas; count: rows.

    Reference: L. Mescheder et al., Which Training Methods for GANs do actually Converge?, ICML
    2018, equation 9.
    """
    real_bodies = _real_bodies(mocap)
    with tf.GradientTape() as tape:
        tape.watch(real_bodies)
        total = tf.reduce_sum(discriminator(real_bodies))
    squares = [tf.reduce_sum(tf.square(g)) for g in tape.gradient(total, real_bodies).values()]
    rows = tf.cast(tf.shape(real_bodies["betas"])[0], tf.float32)
    return losses_lib.Loss(0.5 * tf.add_n(squares), rows)


def _real_bodies(mocap: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns what the critics look at."""
    pose = tf.reshape(mocap["pose_axis_angle"], [-1, 24, 3])
    matrices = rotations.axis_angle_to_matrix(pose)
    return {"rotations": matrices[:, 1:], "betas": mocap["betas"]}
