"""Takes training steps of this package for `benchmark_training.py`.

    python hmr_worker.py INPUTS.npz THREADS CASE

CASE is ``encoder`` (ResNet-50 v2 alone: forward, backward, the same Adam), ``hmr`` or ``spin`` (the
whole adversarial step under the training command's strategy, with the original release's or SPIN's
network), the last two also with ``_bfloat16`` behind.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
from step_server import serve

from hmr_tf.body.model_file import load_body
from hmr_tf.config import HMRConfig, LossConfig, TrainConfig
from hmr_tf.models.encoders import build_encoder
from hmr_tf.training import devices
from hmr_tf.training.adversarial import AdversarialTask
from hmr_tf.training.optimizers import build_optimizer

_NETWORKS = {
    "hmr": HMRConfig(),
    "spin": HMRConfig(
        encoder="resnet50_v1", rotation="6d_interleaved", regressor="separate", train_mean=False
    ),
}


def encoder_step(inputs: dict[str, np.ndarray]) -> Callable[[], float]:
    """Returns forward, backward and update of the encoder alone."""
    images = tf.constant(inputs["image"])
    encoder = build_encoder("resnet50_v2", images.shape[1])
    variables = encoder.trainable_variables
    optimizer = build_optimizer(TrainConfig(), 1e-5)
    optimizer.build(variables)

    @tf.function
    def step(images: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(encoder(images, training=True)))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    return lambda: float(step(images))


def whole_step(
    network: HMRConfig, precision: str, inputs: dict[str, np.ndarray]
) -> Callable[[], float]:
    """Returns the adversarial step as the training command runs it."""
    train = TrainConfig(batch_size=len(inputs["image"]), precision=precision)
    strategy = devices.build_strategy()
    task = AdversarialTask("hmr", network, load_body("free_body"), train, LossConfig())
    with strategy.scope():
        task.build()
    tensors = {key: tf.constant(value) for key, value in inputs.items()}
    mocap = {key: tensors.pop(f"mocap_{key}") for key in ("pose_axis_angle", "betas")}
    element = (tensors, mocap)
    counter = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def step(element: tuple[dict, dict]) -> dict[str, tf.Tensor]:
        scalars = strategy.run(task.replica_step, args=(element, counter.read_value()))
        counter.assign_add(1)
        # All metrics, as the loop reads them: what is not returned would not be computed.
        return strategy.reduce(tf.distribute.ReduceOp.SUM, scalars, axis=None)

    return lambda: float(step(element)["loss"])


def main() -> None:
    path, threads, case = sys.argv[1:]
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    with np.load(path) as file:
        inputs = {
            key.partition("/")[2]: file[key] for key in file.files if key.startswith("batch/")
        }
    if case == "encoder":
        serve(encoder_step(inputs))
    else:
        network, _, is_mixed = case.partition("_")
        precision = "mixed_bfloat16" if is_mixed else "float32"
        serve(whole_step(_NETWORKS[network], precision, inputs))


if __name__ == "__main__":
    main()
