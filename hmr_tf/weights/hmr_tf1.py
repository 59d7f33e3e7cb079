"""The original release of HMR (``model.ckpt-667589``): a TF 1 checkpoint of generator and critics.

Besides the networks it holds Adam's state and the arrays of SMPL, which are dropped.

Reference: A. Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.config import HMRConfig
from hmr_tf.weights import mapping, slim_resnet_v2_50, tf_networks
from hmr_tf.weights.mapping import Assignment, Tensors
from hmr_tf.weights.published_format import BODY, Format
from hmr_tf.weights.tf_checkpoint import TFCheckpoint

_BODY_ARRAYS = "v_template|shapedirs|J_regressor|posedirs|lbs_weights|cocoplus_regressor"
_KINDS = {"kernel": "weights", "bias": "biases"}
_CRITICS = {
    "embedding_1": "D_conv1",
    "embedding_2": "D_conv2",
    "full_pose_1": "D_alljoints_fc1",
    "full_pose_2": "D_alljoints_fc2",
    "full_pose_3": "D_alljoints_out",
    "shape_1": "shape_fc1/shape_fc1_1",
    "shape_2": "shape_fc1/shape_fc1_2",
    "shape_3": "shape_final",
    **{f"joint_{joint}": f"pose_out_j{joint}" for joint in range(23)},
}


def _assignments(model: tf.keras.Model, tensors: Tensors) -> list[Assignment]:
    regressor = model.regressor
    assignments = slim_resnet_v2_50.encoder_assignments(model.encoder)
    layers = (regressor.fc1, regressor.fc2, *regressor.output_layers)
    for number, layer in enumerate(layers, 1):
        assignments += tf_networks.dense(layer, f"3D_module/fc{number}", _name)
    assignments.append(mapping.copied(regressor.mean, "mean_param"))
    return assignments + tf_networks.discriminator(
        model.discriminator, lambda part, kind: _name(f"D/{_CRITICS[part]}", kind)
    )


def _name(part: str, kind: str) -> str:
    return f"{part}/{_KINDS[kind]}"


FORMAT = Format(
    what="a checkpoint of the original HMR",
    open=TFCheckpoint,
    config=lambda tensors: HMRConfig(),
    assignments=_assignments,
    own=r"(resnet_v2_50|3D_module|D)/.*|mean_param",
    ignored=((_BODY_ARRAYS, BODY), *slim_resnet_v2_50.IGNORED),
    template="v_template",
)
