"""How fast SMPLR's parts learn, beside the numbers of an independent build of the release's.

    python tests/benchmarks/benchmark_smplr.py --check pose
    python tests/benchmarks/benchmark_smplr.py --check autoencoder --steps 2000

`pose`, `pose_turned`, `pose_free`: rotations from points without noise, of people without twists
who are upright (1,000 steps) or face anywhere (3,000), and of people with twists, who face anywhere
(3,000). `shape`: betas and gender from lengths of bones (2,000 steps). `autoencoder`: points under
normal noise, of people whose poses are mixtures of eight (2,000). `hourglass`: five coloured discs
whose size tells their depth (600). `overfit`: every network on one batch (300). `chain`: pose from
noisy points with and without the autoencoder (2,000 each). `together`: 200 steps of pose and points
after 1,000 of pose. A minute or two each.
"""

from __future__ import annotations

import argparse
import functools
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
from hmr_tf.geometry.kinematics import KinematicTree, forward_kinematics
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


def _mean_mm(found: np.ndarray, points: np.ndarray) -> float:
    """Mean over 42 points, of which the pelvis is always right, as the numbers beside ours."""
    return 1000 * float(np.linalg.norm(found - points, axis=-1).mean()) * 41 / 42


def _turned(points: np.ndarray, is_canonical: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns points, turned upright or as they are, and the turn `[n, 3, 3]` that was taken."""
    turn = np.tile(np.eye(3, dtype=np.float32), (len(points), 1, 1))
    if is_canonical:
        rest = tf.constant(smplr_skeleton.REST, tf.float32)
        turn = smpl_reverse.upright(tf.constant(points), rest).numpy()
    return points @ turn, turn


def _learn_pose(
    steps: int, form: str, is_canonical: bool = False, **people: object
) -> tuple[np.ndarray, np.ndarray]:
    """Trains a pose network; returns what it finds of held-out people, and what they are."""
    rng = np.random.default_rng(0)
    matrices = smplr_skeleton.people(rng, 20_000, **people)
    held_out = smplr_skeleton.people(np.random.default_rng(1), 1000, **people)
    points, turns = _turned(smplr_skeleton.points(matrices), is_canonical)
    directions = smpl_reverse.bone_features(points)[1].numpy()
    wanted = matrices.copy()
    wanted[:, 0] = np.swapaxes(turns, 1, 2) @ matrices[:, 0]
    network = smpl_reverse.build_pose_network(form)

    def batch(_: int) -> tuple[np.ndarray, np.ndarray]:
        rows = rng.integers(len(matrices), size=_BATCH)
        return directions[rows], wanted[rows]

    def loss(given: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.abs(network(given, training=True) - wanted))

    train(network, batch, loss, steps)
    points, turns = _turned(smplr_skeleton.points(held_out), is_canonical)
    found = network(smpl_reverse.bone_features(points)[1]).numpy()
    found[:, 0] = turns @ found[:, 0]
    return found, held_out


def _say_pose(name: str, found: np.ndarray, held_out: np.ndarray) -> None:
    made = nearest_rotation(tf.constant(found)).numpy()
    angles = smplr_skeleton.angles_deg(made, held_out).mean(axis=0)
    error = _mean_mm(smplr_skeleton.points(made), smplr_skeleton.points(held_out))
    print(
        f"{name}: L1 {np.abs(found - held_out).mean():.4f}, {angles.mean():.1f} degrees (root "
        f"{angles[0]:.1f}, hips {angles[1:3].mean():.1f}, others {angles[3:].mean():.1f}), "
        f"{error:.1f} mm"
    )


def check_pose(steps: int) -> None:
    """L1 of matrices: 5.7 degrees and 43 mm after 1,000 steps, 3.3 and 23 after 3,000."""
    for form in ("raw", "6d"):
        _say_pose(form, *_learn_pose(steps, form))


def check_pose_turned(steps: int) -> None:
    """7.9 degrees and 65.9 mm after 1,000 steps, 4.8 and 37.6 after 3,000; less if upright."""
    for form, is_canonical in (("raw", False), ("6d", False), ("6d", True)):
        name = f"{form}{', turned upright' if is_canonical else ''}"
        _say_pose(name, *_learn_pose(steps, form, is_canonical, upright=False))


def check_pose_free(steps: int) -> None:
    """48.6 mm after 3,000 steps; root 3.0 degrees, hips 5.2, the others 12 to 20."""
    for form, is_canonical in (("raw", False), ("6d", True)):
        name = f"{form}{', turned upright' if is_canonical else ''}"
        _say_pose(name, *_learn_pose(steps, form, is_canonical, kind="free", upright=False))


def check_shape(steps: int) -> None:
    """L1 0.819 untrained, 0.092 after 1,000 steps, 0.052 after 2,000; 0.036 by least squares."""
    rng = np.random.default_rng(0)
    rest = smplr_skeleton.points(np.tile(np.eye(3), (1, 24, 1, 1)))[0]
    modes = 0.004 * rng.normal(size=(10, 41, 3))

    def make(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        betas, gender = rng.normal(size=(count, 10)), rng.choice([-1.0, 1.0], count)
        size = (1 + 0.06 * betas[:, 0] + 0.04 * betas[:, 1]) * (1 + 0.03 * gender)
        points = size[:, None, None] * rest + np.einsum("nb,bkc->nkc", betas, modes)
        lengths = smpl_reverse.bone_features(tf.constant(points, tf.float32))[0].numpy()
        return lengths, np.float32(np.concatenate([betas, gender[:, None]], axis=1))

    given, wanted = make(20_000, rng)
    network = smpl_reverse.build_shape_network()

    def batch(_: int) -> tuple[np.ndarray, np.ndarray]:
        rows = rng.integers(len(given), size=_BATCH)
        return given[rows], wanted[rows]

    def loss(lengths: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.abs(network(lengths, training=True) - shape))

    train(network, batch, loss, steps)
    lengths, shape = make(2000, np.random.default_rng(1))
    found = network(lengths).numpy()
    columns = np.c_[given, np.ones(len(given))]
    line = np.linalg.lstsq(columns, wanted, rcond=None)[0]
    fitted = np.c_[lengths, np.ones(len(lengths))] @ line
    hits = np.mean(np.sign(found[:, -1]) == shape[:, -1])
    print(
        f"L1 {np.abs(found - shape).mean():.3f}, zeros {np.abs(shape).mean():.3f}, least squares "
        f"{np.abs(fitted - shape).mean():.3f}; gender {hits:.1%}"
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


def check_overfit(steps: int) -> None:
    """Under 10 % of the first loss on a fixed batch of 16."""
    rng = np.random.default_rng(0)
    points = smplr_skeleton.points(matrices := smplr_skeleton.people(rng, 16))
    lengths, directions = smpl_reverse.bone_features(points)
    images, voxels = draw_discs(rng, 16)
    networks = {
        "pose, raw": (smpl_reverse.build_pose_network("raw"), directions, matrices),
        "pose, 6d": (smpl_reverse.build_pose_network("6d"), directions, matrices),
        "shape": (smpl_reverse.build_shape_network(), lengths, rng.normal(size=(16, 11))),
        "autoencoder": (denoising_autoencoder.build_autoencoder(), points[::-1], points),
        "hourglass": (hourglass.build_hourglass(64, 5, 8, 2, 48), images, voxels),
    }
    for name, (network, given, wanted) in networks.items():
        given, wanted = tf.constant(given, tf.float32), tf.constant(wanted, tf.float32)

        def loss(given: tf.Tensor, wanted: tf.Tensor, network=network) -> tf.Tensor:
            found = network(given, training=True)
            found = volumes.expected_voxels(found[-2]) if isinstance(found, list) else found
            return tf.reduce_mean(tf.abs(found - wanted))

        before = float(loss(given, wanted))
        train(network, lambda _, batch=(given, wanted): batch, loss, steps)
        print(f"{name}: {float(loss(given, wanted)) / before:.1%}")


def check_chain(steps: int) -> None:
    """Pose from noisy points: lower behind the autoencoder."""
    rng = np.random.default_rng(0)
    latent = 0.3 / np.sqrt(8) * rng.normal(size=(8, 72))
    matrices = smplr_skeleton.people(rng, 20_000, "free", latent=latent)
    held_out = smplr_skeleton.people(np.random.default_rng(1), 2000, "free", latent=latent)
    clean, points = smplr_skeleton.points(matrices), smplr_skeleton.points(held_out)
    autoencoder = denoising_autoencoder.build_autoencoder()

    def batch(step: int) -> tuple[np.ndarray, np.ndarray, tf.Tensor]:
        rows = rng.integers(len(clean), size=_BATCH)
        return clean[rows], matrices[rows], tf.constant([0, step])

    def denoise(points: tf.Tensor, _: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        noisy = point_noise.disturb(points, seed)
        return tf.reduce_mean(tf.abs(autoencoder(noisy, training=True) - points))

    train(autoencoder, batch, denoise, steps)
    noisy = point_noise.disturb(tf.constant(points), tf.constant([7, 7]))
    for name, before in (("without", tf.identity), ("with", autoencoder)):
        network = smpl_reverse.build_pose_network()

        def loss(points, wanted, seed, network=network, before=before) -> tf.Tensor:
            directions = smpl_reverse.bone_features(before(point_noise.disturb(points, seed)))[1]
            return tf.reduce_mean(tf.abs(network(directions, training=True) - wanted))

        train(network, batch, loss, steps)
        for kind, given in (("noisy", noisy), ("true", tf.constant(points))):
            found = network(smpl_reverse.bone_features(before(given))[1]).numpy()
            error = _mean_mm(smplr_skeleton.points(found), points)
            print(f"{name} the autoencoder, {kind} points: {error:.1f} mm")


def _posed(matrices: tf.Tensor) -> tf.Tensor:
    """The skeleton's points, with a gradient."""
    rest = np.zeros((24, 3))
    for joint in range(1, 24):
        rest[joint] = rest[smplr_skeleton.PARENTS[joint]] + smplr_skeleton.REST[joint]
    rest = tf.tile(tf.constant(rest[None], tf.float32), [len(matrices), 1, 1])
    turned, joints = forward_kinematics(matrices, rest, KinematicTree(smplr_skeleton.PARENTS))
    carriers = list(smplr_skeleton.CARRIERS)
    offsets = tf.constant(smplr_skeleton.LANDMARKS, tf.float32)
    skin = tf.linalg.matvec(tf.gather(turned, carriers, axis=1), offsets[None])
    return tf.concat([joints[:, 1:], tf.gather(joints, carriers, axis=1) + skin], axis=1)


def check_together(steps: int) -> None:
    """Points get better, and the L1 of matrices worse by at most 5 %."""
    rng = np.random.default_rng(0)
    matrices = smplr_skeleton.people(rng, 20_000, "free")
    held_out = smplr_skeleton.people(np.random.default_rng(1), 1000, "free")
    network = smpl_reverse.build_pose_network()

    def batch(_: int) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = matrices[rng.integers(len(matrices), size=_BATCH)]
        return smplr_skeleton.points(chosen), chosen

    def loss(points: tf.Tensor, wanted: tf.Tensor, weight: float = 0.0) -> tf.Tensor:
        found = network(smpl_reverse.bone_features(points)[1], training=True)
        apart = tf.reduce_mean(tf.abs(_posed(found) - points)) if weight else 0.0
        return tf.reduce_mean(tf.abs(found - wanted)) + weight * apart

    def say(name: str) -> None:
        points = smplr_skeleton.points(held_out)
        found = network(smpl_reverse.bone_features(points)[1]).numpy()
        apart = np.abs(smplr_skeleton.points(found) - points).mean()
        print(f"{name}: L1 {np.abs(found - held_out).mean():.4f}, points {1000 * apart:.1f} mm")

    train(network, batch, loss, 5 * steps)
    say("pose")
    train(network, batch, functools.partial(loss, weight=2.0), steps, lambda *_: 2e-4)
    say("pose and points")


_CHECKS = {
    "pose": (check_pose, 1000),
    "pose_turned": (check_pose_turned, 3000),
    "pose_free": (check_pose_free, 3000),
    "shape": (check_shape, 2000),
    "autoencoder": (check_autoencoder, 2000),
    "hourglass": (check_hourglass, 600),
    "overfit": (check_overfit, 300),
    "chain": (check_chain, 2000),
    "together": (check_together, 200),
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
