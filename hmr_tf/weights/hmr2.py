"""The TF 2 port of HMR (russoale/hmr2.0, not the HMR 2.0 of 2023): an object-graph checkpoint.

Its encoder is Keras's ResNet50V2 with a first pool of its own (`pool` ``hmr2``), whose layers are
numbered in the checkpoint. The body's arrays, toes' regressors included, are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from hmr_tf.config import HMRConfig
from hmr_tf.weights import mapping, tf_networks
from hmr_tf.weights.mapping import Assignment, Tensors
from hmr_tf.weights.published_format import BODY, COUNTER, OPTIMIZER, Format
from hmr_tf.weights.tf_checkpoint import TFCheckpoint

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_UNITS = (3, 4, 6, 3)
_PARTS = ("preact_bn", "1_conv", "1_bn", "2_conv", "2_bn", "0_conv", "3_conv")
_DENSE = ("fc_one", "fc_two", "fc_out")
_CRITICS = {
    "embedding_1": "common_pose_discriminator/conv_2d_one",
    "embedding_2": "common_pose_discriminator/conv_2d_two",
    **{f"full_pose_{n}": f"full_pose_discriminator/{x}" for n, x in enumerate(_DENSE, 1)},
    **{f"shape_{n}": f"shape_discriminator/{x}" for n, x in enumerate(_DENSE, 1)},
    **{
        f"joint_{joint}": f"single_joint_discriminator/joint_discriminators/{joint}"
        for joint in range(23)
    },
}


def _layer_names() -> Iterator[str]:
    """Yields the weighted layers in the order in which Keras numbers them."""
    yield "conv1_conv"
    for stage, units in enumerate(_UNITS, 2):
        for unit in range(1, units + 1):
            for part in _PARTS:
                if unit == 1 or part != "0_conv":
                    yield f"conv{stage}_block{unit}_{part}"
    yield "post_bn"


def _assignments(model: tf.keras.Model, tensors: Tensors) -> list[Assignment]:
    assignments = []
    for number, name in enumerate(_layer_names()):
        layer = model.encoder.get_layer(name)
        part = f"generator/resnet50V2/layer_with_weights-{number}"
        for kind, variable in mapping.variables_by_kind(layer).items():
            assignments.append(mapping.copied(variable, _name(part, kind)))
    regressor = model.regressor
    layers = (regressor.fc1, regressor.fc2, *regressor.output_layers)
    for layer, name in zip(layers, _DENSE):
        assignments += tf_networks.dense(layer, f"generator/regressor/{name}", _name)
    assignments.append(mapping.copied(regressor.mean, _name("generator/regressor", "mean_theta")))
    return assignments + tf_networks.discriminator(
        model.discriminator, lambda part, kind: _name(f"discriminator/{_CRITICS[part]}", kind)
    )


def _name(part: str, kind: str) -> str:
    return f"{part}/{kind}{_VALUE}"


FORMAT = Format(
    what="a checkpoint of hmr2.0 (the TF 2 port)",
    open=TFCheckpoint,
    config=lambda tensors: HMRConfig(pool="hmr2"),
    assignments=_assignments,
    own=r"(generator/(resnet50V2|regressor)|discriminator)/.*",
    ignored=(
        (r".*/\.OPTIMIZER_SLOT/.*|(generator|discriminator)_opt/.*", OPTIMIZER),
        (r"generator/smpl/.*", BODY),
        (r"save_counter/.*|_CHECKPOINTABLE_OBJECT_GRAPH", COUNTER),
    ),
    template=f"generator/smpl/vertices_template{_VALUE}",
)
