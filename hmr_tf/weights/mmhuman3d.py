"""mmhuman3d's HMR and SPIN (``.pth``): the network of SPIN, and the critics where it had them."""

from __future__ import annotations

import dataclasses

from hmr_tf.weights import spin, torch_networks
from hmr_tf.weights.published_format import BODY, OPTIMIZER, Format
from hmr_tf.weights.torch_file import TorchFile

CONFIG = dataclasses.replace(spin.CONFIG, discriminator="mmhuman3d")

FORMAT = Format(
    what="a checkpoint of mmhuman3d's HMR or SPIN",
    open=lambda path: TorchFile(path, "state_dict"),
    config=lambda tensors: CONFIG,
    assignments=lambda model, tensors: [
        *torch_networks.resnet(model.encoder, "backbone."),
        *torch_networks.spin_regressor(model.regressor, "head."),
        *torch_networks.discriminator(model.discriminator, "disc."),
    ],
    own=r"(backbone|neck|head|disc)\..*",
    ignored=(
        *torch_networks.IGNORED,
        (r"(.*\.)?body_model(_\w+)?\..*", BODY),
        (r"optimizer\..*", OPTIMIZER),
    ),
    keypoints=spin.KEYPOINTS,
    template="body_model_train.v_template",
)
