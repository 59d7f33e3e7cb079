"""torchvision's ResNet-18, 34, 50 and 101 (``resnet50-0676ba61.pth`` and the like)."""

from __future__ import annotations

import re

from hmr_tf.config import HMRConfig
from hmr_tf.errors import CheckpointError
from hmr_tf.weights import torch_networks
from hmr_tf.weights.mapping import Tensors
from hmr_tf.weights.published_format import CLASSIFIER, Format
from hmr_tf.weights.torch_file import TorchFile

# Each unit has one.
_UNIT = r"{}layer3\.\d+\.conv1\.weight"
# (Has a third convolution per unit, units of the third layer) -> encoder.
_ENCODERS = {
    (False, 2): "resnet18_v1",
    (False, 6): "resnet34_v1",
    (True, 6): "resnet50_v1",
    (True, 23): "resnet101_v1",
}


def encoder_of(tensors: Tensors, prefix: str = "") -> str:
    """Returns the name of the encoder whose tensors stand behind a prefix.

    Raises:
        CheckpointError: if they are of another network.
    """
    units = {x.split(".")[-3] for x in tensors.shapes if re.fullmatch(_UNIT.format(prefix), x)}
    shape = (f"{prefix}layer1.0.conv3.weight" in tensors.shapes, len(units))
    if shape not in _ENCODERS:
        kind = "bottlenecks" if shape[0] else "basic units"
        raise CheckpointError(
            f"{tensors.path} is not a ResNet-18, 34, 50 or 101 of torchvision: its layer3 has "
            f"{shape[1]} {kind}."
        )
    return _ENCODERS[shape]


FORMAT = Format(
    what="a ResNet of torchvision",
    open=lambda path: TorchFile(path, "state_dict"),
    config=lambda tensors: HMRConfig(encoder=encoder_of(tensors)),
    assignments=lambda encoder, tensors: torch_networks.resnet(encoder),
    own=r"(conv1|bn1|layer\d)\..*",
    ignored=(*torch_networks.IGNORED, (r"fc\..*", CLASSIFIER)),
    is_encoder=True,
)
