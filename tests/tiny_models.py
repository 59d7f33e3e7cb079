"""A small one of every model in the registry, for tests of what stands around a model."""

import dataclasses

import tensorflow as tf
from toy_body import toy_body

from hmr_tf.config import HMRConfig, HybrIKConfig, SGREConfig, SMPLRConfig
from hmr_tf.models import MODELS

CONFIGS = {
    "hmr": HMRConfig(encoder="resnet_small_v2", image_size=32, hidden_units=16, window_px=180.0),
    "hybrik": HybrIKConfig(
        encoder="resnet_small_v2", image_size=64, hidden_units=16, deconv_width=8, window_px=180.0
    ),
    "sgre": SGREConfig(encoder="resnet_small_v2", image_size=64, needs_pose=False, window_px=180.0),
    "smplr": SMPLRConfig(
        image_size=32, num_stacks=1, hourglass_width=8, depths=4, dense_width=16, window_px=180.0
    ),
}


def build(name, seed=1, **architecture):
    """Returns a model on the toy body whose estimates differ from person to person."""
    tf.keras.utils.set_random_seed(seed)
    model = MODELS.get(name)(dataclasses.replace(CONFIGS[name], **architecture), toy_body())
    sharpen = {"hmr": _sharpen_hmr, "hybrik": sharpen_hybrik, "sgre": _sharpen_sgre}
    {**sharpen, "smplr": _sharpen_smplr}[name](model)
    return model


def _sharpen_hmr(model):
    layer = model.regressor.output_layers[0]
    layer.kernel.assign(5 * layer.kernel)


def sharpen_hybrik(model):
    """Its new heatmaps, all even, would put all joints at one place."""
    for layer in model.heatmap_head.layers:
        if layer.name.startswith("deconv"):
            layer.kernel.assign(layer.kernel * (1000 / (2 * layer.kernel.shape[3]) ** 0.5))
        elif layer.name == "logits":
            layer.kernel.assign(layer.kernel * (5000 / layer.kernel.shape[2] ** 0.5))


def _sharpen_sgre(model):
    """Bodies differ, and so do those of one image with different poses."""
    for kernel in (model.chain.root.kernel, model.chain.last_kernel):
        kernel.assign(30 * kernel)
    for layer in (model.guided.fusion.get_layer("conv"), model.position_net.convolution):
        layer.kernel.assign(300 * layer.kernel)


def _sharpen_smplr(model):
    layer = model.hourglass.get_layer("stack0_volume")
    layer.kernel.assign(30 * layer.kernel)
