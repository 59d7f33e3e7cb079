"""A checkpoint of a small HMR on the toy body, for tests of commands."""

import command_server
import tensorflow as tf
from toy_body import toy_body

from hmr_tf import checkpoints
from hmr_tf.config import HMRConfig
from hmr_tf.models.hmr import HMR

IMAGE_SIZE = 32


def save(folder, spread=5.0, seed=0, settings=None, **architecture):
    """Saves new weights; `spread` 0 makes every estimate the mean, more makes people differ."""
    tf.keras.utils.set_random_seed(seed)
    config = HMRConfig(
        encoder="resnet_small_v2", image_size=IMAGE_SIZE, hidden_units=16, **architecture
    )
    model = HMR(config, toy_body())
    layer = model.regressor.output_layers[0]
    layer.kernel.assign(spread * layer.kernel)
    checkpoints.save_model(folder, model, "hmr", settings)
    return model


def run_command(name, *arguments):
    """Runs a command of the package as a user does; returns status and both outputs."""
    return command_server.run(f"hmr_tf.{name}", *arguments)
