"""MandyMo/pytorch_HMR (``N_generator.pkl``, and ``N_discriminator.pkl`` if given beside it).

Its network sees images with blue first in [-1, 1] and turns the body about before the global
rotation; the first is put into the weights, the others are settings of the model. It draws on the
resnet50 encoder only; the hourglass and densenet ones are not read.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.config import HMRConfig
from hmr_tf.weights import torch_networks
from hmr_tf.weights.mapping import Assignment, Source, Tensors
from hmr_tf.weights.published_format import BODY, Format
from hmr_tf.weights.torch_file import TorchFile

_MEAN = "regressor.mean_theta"

CONFIG = HMRConfig(
    encoder="resnet50_v1_signed",
    # Its crop is about 1.2 times the box.
    window_px=168.0,
    train_mean=False,
    discriminator="mmhuman3d",
    rotate_base=True,
)


def _assignments(model: tf.keras.Model, tensors: Tensors) -> list[Assignment]:
    regressor = model.regressor
    assignments = torch_networks.resnet(model.encoder, "encoder.", is_bgr=True)
    layers = (regressor.fc1, regressor.fc2, *regressor.output_layers)
    for number, layer in enumerate(layers):
        assignments += torch_networks.dense(layer, f"regressor.fc_blocks.regressor_fc_{number}")
    # One row for each of its largest batch, all alike.
    rows = max(1, (tensors.shapes.get(_MEAN) or (1,))[0])
    source = Source(_MEAN, (rows, regressor.num_parameters))
    assignments.append(Assignment(regressor.mean, (source,), lambda value: value[:1]))
    return assignments + torch_networks.discriminator(model.discriminator)


FORMAT = Format(
    what="a checkpoint of pytorch_HMR with its resnet50",
    open=TorchFile,
    config=lambda tensors: CONFIG,
    assignments=_assignments,
    own=r"(encoder|regressor|\w+_discriminator)\..*",
    ignored=(*torch_networks.IGNORED, (r"smpl\..*", BODY)),
)
