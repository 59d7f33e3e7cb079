"""ResNet-50 v2 under TF-Slim's names: its ImageNet release, and the encoder of the original HMR.

The release (``resnet_v2_50_2017_04_14``) is one file in TF 1's older format, or a converted one of
``.index`` and ``.data``. TensorFlow's layouts are Keras's own; nothing is transposed.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.config import HMRConfig
from hmr_tf.weights import mapping
from hmr_tf.weights.published_format import CLASSIFIER, COUNTER, OPTIMIZER, Format
from hmr_tf.weights.tf_checkpoint import TFCheckpoint

SCOPE = "resnet_v2_50"
IGNORED = (
    (r".*/(Adam(_\d+)?|Momentum|RMSProp(_\d+)?|ExponentialMovingAverage)", OPTIMIZER),
    (r"beta[12]_power(_\d+)?", OPTIMIZER),
    (r"(.*/)?global_step", COUNTER),
    (rf"{SCOPE}/logits/.*", CLASSIFIER),
    (r"(.*/)?mean_rgb", "the mean colour, which these weights do not subtract"),
)
_PARTS = {
    "preact_bn": "preact",
    "0_conv": "shortcut",
    "1_conv": "conv1",
    "1_bn": "conv1/BatchNorm",
    "2_conv": "conv2",
    "2_bn": "conv2/BatchNorm",
    "3_conv": "conv3",
}
_KINDS = {"kernel": "weights", "bias": "biases"}


def encoder_assignments(encoder: tf.keras.Model) -> list[mapping.Assignment]:
    """Returns how the variables of `resnet50_v2` are made."""
    assignments = []
    for layer in encoder.layers:
        for kind, variable in mapping.variables_by_kind(layer).items():
            name = f"{SCOPE}/{_layer_name(layer.name)}/{_KINDS.get(kind, kind)}"
            assignments.append(mapping.copied(variable, name))
    return assignments


def _layer_name(name: str) -> str:
    """Slim's name of a layer: conv2_block1_0_conv is block1/unit_1/bottleneck_v2/shortcut."""
    if name == "conv1_conv":
        return "conv1"
    if name == "post_bn":
        return "postnorm"
    stage, unit, part = name.split("_", 2)
    block, unit = int(stage[len("conv") :]) - 1, unit[len("block") :]
    return f"block{block}/unit_{unit}/bottleneck_v2/{_PARTS[part]}"


FORMAT = Format(
    what="TF-Slim's resnet_v2_50",
    open=TFCheckpoint,
    config=lambda tensors: HMRConfig(encoder="resnet50_v2", pool="slim"),
    assignments=lambda encoder, tensors: encoder_assignments(encoder),
    own=rf"{SCOPE}/.*",
    ignored=IGNORED,
    is_encoder=True,
)
