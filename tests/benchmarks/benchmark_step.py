"""Times HMR's whole adversarial step beside the bare encoder's, alternately in one process.

The whole step: encoder, regressor, body, all losses, discriminators, two Adam updates. The bare
step: the same encoder, and Keras's own ResNet50V2, forward and backward from a trivial loss, one
    Adam update.

    python tests/benchmarks/benchmark_step.py
    python tests/benchmarks/benchmark_step.py --batch_size 8 --rounds 12 --only
    hmr_float32,bare_keras
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf

from hmr_tf.body.model_file import load_body
from hmr_tf.config import HMRConfig, LossConfig, TrainConfig
from hmr_tf.models.encoders import build_encoder
from hmr_tf.training.adversarial import AdversarialTask
from hmr_tf.training.optimizers import build_optimizer

Step = Callable[[], tf.Tensor]


def fake_batch(batch_size: int, image_size: int) -> tuple[dict, dict]:
    """Returns a batch with every label, and its motion capture."""
    rng = np.random.default_rng(0)

    def normal(*shape: int, scale: float = 1.0) -> tf.Tensor:
        return tf.constant(rng.normal(scale=scale, size=shape), tf.float32)

    images = rng.uniform(size=(batch_size, image_size, image_size, 3))
    batch = {
        "image": tf.constant(images, tf.float32),
        "keypoints_2d": normal(batch_size, 19, 2, scale=0.3),
        "visibility": tf.ones([batch_size, 19]),
        "joints_3d": normal(batch_size, 14, 3, scale=0.3),
        "has_3d": tf.ones([batch_size]),
        "pose_axis_angle": normal(batch_size, 72, scale=0.3),
        "betas": normal(batch_size, 10),
        "has_smpl": tf.ones([batch_size]),
    }
    rows = 3 * batch_size
    return batch, {"pose_axis_angle": normal(rows, 72, scale=0.3), "betas": normal(rows, 10)}


def hmr_step(encoder: str, image_size: int, batch_size: int, precision: str) -> Step:
    """Returns the whole adversarial step as the training command runs it."""
    task = AdversarialTask(
        "hmr",
        HMRConfig(encoder=encoder, image_size=image_size),
        load_body("free_body"),
        TrainConfig(batch_size=batch_size, precision=precision),
        LossConfig(),
    )
    task.build()
    element = fake_batch(batch_size, image_size)
    step = tf.Variable(0, dtype=tf.int64)
    function = tf.function(lambda: task.replica_step(element, step.read_value())["loss"])
    return function


def bare_step(model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, batch: int) -> Step:
    """Returns forward, backward and update of an encoder alone."""
    size = model.input_shape[1]
    images = fake_batch(batch, size)[0]["image"]
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(images, training=True)))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    return step


def build_steps(encoder: str, image_size: int, batch_size: int) -> dict[str, Callable[[], Step]]:
    """Returns name -> maker of a step; names beginning with ``bare`` are what we compare with."""

    def keras_adam() -> tf.keras.optimizers.Optimizer:
        return tf.keras.optimizers.Adam(1e-5, epsilon=1e-8)

    def ours_adam() -> tf.keras.optimizers.Optimizer:
        return build_optimizer(TrainConfig(), 1e-5)

    def bare(precision: str, adam: Callable) -> Callable[[], Step]:
        return lambda: bare_step(
            build_encoder(encoder, image_size, dtype_policy=precision), adam(), batch_size
        )

    def keras_encoder() -> Step:
        model = tf.keras.applications.ResNet50V2(
            include_top=False, weights=None, pooling="avg", input_shape=(image_size, image_size, 3)
        )
        return bare_step(model, keras_adam(), batch_size)

    steps = {
        "bare_float32": bare("float32", keras_adam),
        "bare_float32_fused_adam": bare("float32", ours_adam),
        "hmr_float32": lambda: hmr_step(encoder, image_size, batch_size, "float32"),
        "hmr_bfloat16": lambda: hmr_step(encoder, image_size, batch_size, "mixed_bfloat16"),
    }
    if encoder == "resnet50_v2":
        steps = {"bare_keras": keras_encoder, **steps}
    return steps


def measure(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Returns seconds of every round; the steps take turns, so that other load meets all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step().numpy()
        step().numpy()
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step().numpy()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="resnet50_v2")
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="", help="comma-separated names of steps")
    args = parser.parse_args()
    makers = build_steps(args.encoder, args.image_size, args.batch_size)
    names = args.only.split(",") if args.only else list(makers)
    unknown = set(names) - set(makers)
    if unknown:
        sys.exit(f"unknown step {', '.join(unknown)}; expected some of: {', '.join(makers)}")
    seconds = measure({name: makers[name]() for name in names}, args.rounds)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{args.encoder}, {args.image_size} px, batch {args.batch_size}, {args.rounds} rounds")
    for name, median in medians.items():
        best = min(seconds[name])
        print(
            f"{name:26s} median {1e3 * median:7.0f} ms  best {1e3 * best:7.0f} ms  "
            f"{args.batch_size / median:7.2f} images/s"
        )
    for ours in (name for name in names if name.startswith("hmr")):
        for other in (name for name in names if name != ours):
            # The ratio of each round, then the median: both steps of a round met the same load.
            ratios = [b / a for a, b in zip(seconds[ours], seconds[other])]
            print(f"{ours} / {other}: {statistics.median(ratios):.3f} of its images/s")


if __name__ == "__main__":
    main()
