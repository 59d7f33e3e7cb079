"""How fast SMPLR's parts learn, beside the numbers of an independent build of the release's.

    python tests/benchmarks/benchmark_smplr.py --check pose
    python tests/benchmarks/benchmark_smplr.py --check autoencoder --steps 2000
    python tests/benchmarks/benchmark_smplr.py --check hourglass

`pose`: rotations from points without noise, of people without twists (1,000 steps). `autoencoder`:
points under normal noise, of people whose poses are mixtures of eight (2,000 steps). `hourglass`:
five coloured discs whose size tells their depth (600 steps). A minute or two each.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import smplr_skeleton
import tensorflow as tf

from hmr_tf.geometry import volumes
from hmr_tf.geometry.alignment import nearest_rotation
from hmr_tf.models import denoising_autoencoder, hourglass, smpl_reverse
from hmr_tf.training import point_noise, smplr_losses

_BATCH = 256
_COLORS = np.float32([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1)])


def rate(step: int, steps: int, first: float = 1e-3) -> float:
    """The release's curve of 200 epochs, stretched over the run."""
    return first * (1 - 1 / (1 + np.exp(4 - 16 * step / steps))) + 1e-4


def train(network: tf.keras.Model, batches, loss_of, steps: int, curve=rate) -> None:
    """Trains; `batches` gives arguments of `loss_of`, which is called within a function."""
    optimizer = tf.keras.optimizers.Adam(epsilon=1e-8)
    optimizer.build(network.trainable_variables)

    @tf.function
    def update(*batch: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(*batch)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))

    start = time.perf_counter()
    for step in range(steps):
        optimizer.learning_rate = curve(step, steps)
        update(*batches(step))
    print(f"{steps} steps in {time.perf_counter() - start:.0f} s")


def check_pose(steps: int) -> None:
    """L1 of matrices: 5.7 degrees and 43 mm after 1,000 steps, 3.3 and 23 after 3,000."""
    rng = np.random.default_rng(0)
    matrices = smplr_skeleton.people(rng, 20_000)
    directions = smpl_reverse.bone_features(smplr_skeleton.points(matrices))[1].numpy()
    held_out = smplr_skeleton.people(np.random.default_rng(1), 1000)
    points = smplr_skeleton.points(held_out)
    for form in ("raw", "6d"):
        network = smpl_reverse.build_pose_network(form)

        def batch(_: int) -> tuple[np.ndarray, np.ndarray]:
            rows = rng.integers(len(matrices), size=_BATCH)
            return directions[rows], matrices[rows]

        def loss(given: tf.Tensor, wanted: tf.Tensor, network=network) -> tf.Tensor:
            return tf.reduce_mean(tf.abs(network(given, training=True) - wanted))

        train(network, batch, loss, steps)
        found = network(smpl_reverse.bone_features(points)[1]).numpy()
        made = nearest_rotation(tf.constant(found)).numpy()
        apart = np.linalg.norm(smplr_skeleton.points(made) - points, axis=-1).mean()
        print(
            f"{form}: L1 {np.abs(found - held_out).mean():.4f}, "
            f"{smplr_skeleton.angles_deg(made, held_out).mean():.1f} degrees, "
            f"{1000 * apart * 41 / 42:.1f} mm"
        )


def check_autoencoder(steps: int) -> None:
    """41.7 to 39.0 mm as released, 21.4 without dropout, 24.3 and a lost wrist at 39 with points
    left out, after 2,000 steps."""
    rng = np.random.default_rng(0)
    latent = 0.3 / np.sqrt(8) * rng.normal(size=(8, 72))

    def make(count: int, rng: np.random.Generator) -> np.ndarray:
        people = smplr_skeleton.people(rng, count, "free", upright=False, latent=latent)
        return smplr_skeleton.points(people)

    clean, held_out = make(20_000, rng), make(2000, np.random.default_rng(1))
    for name, dropout, missing in (("released", 0.2, 0.0), ("mended", 0.0, 0.0), ("", 0.0, 0.1)):
        network = denoising_autoencoder.build_autoencoder(dropout=dropout)

        def batch(step: int) -> tuple[np.ndarray, tf.Tensor]:
            rows = rng.integers(len(clean), size=_BATCH)
            return clean[rows], tf.constant([0, step])

        def loss(points: tf.Tensor, seed: tf.Tensor, network=network, missing=missing) -> tf.Tensor:
            noisy = point_noise.disturb(points, seed, "normal", missing_probability=missing)
            return tf.reduce_mean(tf.abs(network(noisy, training=True) - points))

        train(network, batch, loss, steps)
        noisy = point_noise.disturb(tf.constant(held_out), tf.constant([7, 7])).numpy()
        lost = noisy.copy()
        lost[:, 19] = 0  # The left wrist.
        errors = [
            1000 * np.linalg.norm(values - held_out, axis=-1)
            for values in (noisy, network(noisy), network(lost))
        ]
        print(
            f"{name or 'with missing points'}: {errors[0].mean():.1f} to {errors[1].mean():.1f} "
            f"mm; the wrist, if lost, {errors[2][:, 19].mean():.0f} mm"
        )


def draw_discs(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns images `[count, 64, 64, 3]` and voxels `[count, 5, 3]` of 16 x 16 x 8."""
    voxels = rng.uniform((2, 2, 1), (13, 13, 6), (count, 5, 3)).astype(np.float32)
    y, x = np.mgrid[:64, :64]
    images = np.zeros((count, 64, 64, 3), np.float32)
    for image, people in zip(images, voxels):
        for (u, v, d), color in zip(people, _COLORS):
            image[(x - 4 * u) ** 2 + (y - 4 * v) ** 2 < (2 + 0.8 * d) ** 2] = color
    return images, voxels


def check_hourglass(steps: int) -> None:
    """0.46 voxels after 600 steps, from about 4.7."""
    rng = np.random.default_rng(0)
    network = hourglass.build_hourglass(64, 5, depths=8, num_stacks=2, width=48)
    images, voxels = draw_discs(rng, 3000)
    known = tf.ones([16])

    def batch(_: int) -> tuple[np.ndarray, np.ndarray]:
        rows = rng.integers(len(images), size=16)
        return images[rows], voxels[rows]

    def loss(given: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        total = 0.0
        for logits in network(given, training=True)[:-1]:
            drawn = volumes.read(logits)
            total += smplr_losses.volume_cross_entropy(drawn, wanted, known).mean()
            total += smplr_losses.l1_loss(drawn.voxels, wanted, known).mean()
        return total

    train(network, batch, loss, steps, curve=lambda step, steps: 1e-3)
    images, voxels = draw_discs(np.random.default_rng(1), 200)
    found = volumes.expected_voxels(network(images)[-2]).numpy()
    print(f"{np.linalg.norm(found - voxels, axis=-1).mean():.2f} voxels")


_CHECKS = {
    "pose": (check_pose, 1000),
    "autoencoder": (check_autoencoder, 2000),
    "hourglass": (check_hourglass, 600),
}


def main() -> None:
    """Runs one check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", choices=sorted(_CHECKS), default="pose")
    parser.add_argument("--steps", type=int, default=0, help="0 for the check's own number")
    arguments = parser.parse_args()
    check, steps = _CHECKS[arguments.check]
    tf.keras.utils.set_random_seed(0)
    print(check.__doc__.strip())
    check(arguments.steps or steps)


if __name__ == "__main__":
    main()
