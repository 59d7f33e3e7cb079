"""A small one of every model in the registry, for tests of what stands around a model."""

import tensorflow as tf
from toy_body import toy_body

from hmr_tf.config import HMRConfig, HybrIKConfig
from hmr_tf.models import MODELS

CONFIGS = {
    "hmr": HMRConfig(encoder="resnet_small_v2", image_size=32, hidden_units=16, window_px=180.0),
    "hybrik": HybrIKConfig(
        encoder="resnet_small_v2", image_size=64, hidden_units=16, deconv_width=8, window_px=180.0
    ),
}


def build(name, seed=1):
    """Returns a model on the toy body whose estimates differ from person to person."""
    tf.keras.utils.set_random_seed(seed)
    model = MODELS.get(name)(CONFIGS[name], toy_body())
    sharpen = {"hmr": _sharpen_hmr, "hybrik": _sharpen_hybrik}
    sharpen[name](model)
    return model


def _sharpen_hmr(model):
    layer = model.regressor.output_layers[0]
    layer.kernel.assign(5 * layer.kernel)


def _sharpen_hybrik(model):
    layer = model.heatmap_head.get_layer("logits")
    layer.kernel.assign(5000 * layer.kernel)
