"""HybrIK (``.pth``): every variant of the release but those for SMPL-X.

ResNets with 24 or 29 joints and a given or an estimated camera, HRNet-W48, and the variants that
regress joints without heatmaps; which one a file holds is read off its tensors. The first files
with an estimated camera lack `decsigma`, how unsure the joints are.

Reference: J. Li et al., HybrIK: A Hybrid Analytical-Neural Inverse Kinematics Solution for 3D Human
Pose and Shape Estimation, CVPR 2021.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from hmr_tf.config import HybrIKConfig
from hmr_tf.weights import mapping, spin, torch_networks, torchvision_resnet
from hmr_tf.weights.mapping import Assignment, Tensors
from hmr_tf.weights.published_format import BODY, Format
from hmr_tf.weights.torch_file import TorchFile

_ENCODER = "preact."
_HRNET = "hrnet_w48"
# The model's heads and their means: names here and there.
_HEADS = {
    "betas": "decshape",
    "twist": "decphi",
    "leaf_quaternions": "decleaf",
    "camera": "deccam",
    "sigma": "decsigma",
    "joints_uvd": "fc_coord",
}
_MEANS = {"betas": "init_shape", "camera": "init_cam"}
# Numbers of the camera -> settings.
_CAMERAS: dict[int, dict[str, Any]] = {
    0: {"camera": "given", "depth_range": 2.0},
    1: {"camera": "refined"},
    3: {"camera": "predicted"},
}


def _config(tensors: Tensors) -> HybrIKConfig:
    shapes = tensors.shapes

    def rows(name: str) -> int:
        return (shapes.get(name) or (0,))[0]

    is_hrnet = any(name.startswith(f"{_ENCODER}stage4.") for name in shapes)
    config = HybrIKConfig(
        encoder=_HRNET if is_hrnet else torchvision_resnet.encoder_of(tensors, _ENCODER),
        colors="release",
        num_joints=24 if "decleaf.weight" in shapes else 29,
        joints_from="features" if "fc_coord.weight" in shapes else "heatmaps",
        hidden_units=rows("fc1.weight"),
        **_CAMERAS.get(rows("deccam.weight"), _CAMERAS[3]),
    )
    # As many depths as cells on a side.
    size = config.heatmap_stride * (rows(f"{_logits(config.encoder)}.weight") // config.num_joints)
    return dataclasses.replace(config, image_size=size) if size else config


def _logits(encoder: str) -> str:
    return f"{_ENCODER}final_layer" if encoder == _HRNET else "final_layer"


def _assignments(model: tf.keras.Model, tensors: Tensors) -> list[Assignment]:
    assignments = torch_networks.resnet(model.encoder, _ENCODER)
    if model.heatmap_head is not None:
        assignments += _heatmap_head(model)
    heads = model.heads
    for layer in heads.hidden:
        assignments += torch_networks.dense(layer, layer.name)
    for name, layer in heads.outputs.items():
        assignments += torch_networks.dense(layer, _HEADS[name], is_optional=name == "sigma")
    return assignments + [
        mapping.copied(variable, _MEANS[name]) for name, variable in heads.means.items()
    ]


def _heatmap_head(model: tf.keras.Model) -> list[Assignment]:
    """The transposed convolutions, which torch numbers with norm and ReLU, and the logits."""
    assignments = []
    for layer in model.heatmap_head.layers:
        kind, _, index = layer.name.partition("_")
        if layer.weights:
            name = _logits(model.config.encoder)
            if kind != "logits":
                name = f"deconv_layers.{3 * int(index) + (kind == 'norm')}"
            assignments += torch_networks.weighted(layer, name)
    return assignments


FORMAT = Format(
    what="a checkpoint of HybrIK",
    open=lambda path: TorchFile(path, "model"),
    config=_config,
    assignments=_assignments,
    own=r"(preact|deconv_layers|final_layer|fc\d|fc_coord|dec\w+)\..*|init_\w+",
    ignored=(*torch_networks.IGNORED, (r"smpl\..*", BODY)),
    model="hybrik",
    keypoints=spin.KEYPOINTS,
    template="smpl.v_template",
)
