"""Checkpoints of SGRE made from formulas: names, shapes and values of its release's tensors.

Needs NumPy alone, so that the same numbers can be given to the reference implementation.
"""

import filler
import hybrik_files
import numpy as np
import published_shapes

GRAPH, UNITS, FEATURES = 15, 128, 2048
SHARPNESS = 10.0  # of the joints' volumes
# Bent about as far as people are.
TURN = 0.3


def shapes():
    """Returns name -> shape of all tensors but the body's, without the wrapper's ``module.``."""
    found = {f"backbone.{k}": v for k, v in published_shapes.torch_resnet_shapes().items()}
    _layer(found, "pose2feat.conv.0", (64, 94, 3, 3))
    _norm(found, "pose2feat.conv.1", 64)
    _layer(found, "position_net.conv.0", (240, FEATURES, 1, 1))
    blocks = [("0", FEATURES + 4)]
    blocks += [(f"{i}.graph_block{part}", UNITS) for i in range(1, 5) for part in (1, 2)]
    for block, inputs in blocks:
        for joint in range(GRAPH):
            name = f"rotation_net.graph_block.{block}.fcbn_list.{joint}"
            _layer(found, f"{name}.0", (UNITS, inputs))
            _norm(found, f"{name}.1", UNITS)
    graph = GRAPH * UNITS
    for name, count in (("shape_out", 10), ("cam_out", 3), ("global_rot", 6)):
        _layer(found, f"rotation_net.{name}.0", (count, graph))
    for branch in range(23):
        name = f"rotation_net.pose_branch.{branch}"
        _layer(found, f"{name}.0", (UNITS, graph + FEATURES + 6))
        _layer(found, f"{name}.2", (UNITS, UNITS))
        _layer(found, f"{name}.4", (6, UNITS))
    return found


def tensors():
    """Returns name -> array: the formula's values, changed where they would test little."""
    values = {}
    for name, shape in shapes().items():
        if name.endswith("num_batches_tracked"):
            values[name] = np.array(7, np.int64)
            continue
        values[name] = filler.torch_weight(name, shape)
        if name == "position_net.conv.0.weight":
            values[name] *= SHARPNESS  # Joints far from each other.
        elif name.startswith("rotation_net.pose_branch") and ".4." in name:
            values[name] *= TURN
    values["rotation_net.global_rot.0.bias"] += np.float32([1, 0, 0, -1, 0, 0])
    return values


def body_buffers():
    """Returns the body's arrays under the names that they have in a checkpoint."""
    arrays = hybrik_files.body_arrays()
    values = {
        "th_betas": np.zeros((1, 10)),
        "th_shapedirs": arrays["shapedirs"],
        "th_posedirs": arrays["posedirs"],
        "th_v_template": arrays["v_template"][None],
        "th_J_regressor": arrays["J_regressor"],
        "th_weights": arrays["weights"],
    }
    found = {f"human_model_layer.{k}": np.float32(v) for k, v in values.items()}
    found["human_model_layer.th_faces"] = np.int64(arrays["f"])
    return found


def extra_regressor():
    """Returns a stand-in for J_regressor_extra `[9, 6890]` float32."""
    matrix = filler.uniform("sgre/extra", (9, hybrik_files.NUM_VERTICES)) ** 8
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)


def image():
    """Returns `[1, 256, 256, 3]` float32 RGB in [0, 1]."""
    tiled = np.tile(filler.image(), (1, 2, 2, 1))[:, :256, :256]
    return np.float32(0.5) + np.float32(0.5) * tiled


def pose_2d():
    """Returns `[1, 30, 3]` float32: crop units, and visibility with three joints that are not."""
    points = 0.9 * filler.signed("sgre/pose_2d", (1, 30, 2))
    visibility = np.ones((1, 30, 1))
    visibility[:, [3, 10, 27]] = 0.0
    return np.concatenate([points, visibility], axis=-1).astype(np.float32)


def _layer(found, name, shape):
    found[f"{name}.weight"] = shape
    found[f"{name}.bias"] = shape[:1]


def _norm(found, name, channels):
    for kind in ("weight", "bias", "running_mean", "running_var"):
        found[f"{name}.{kind}"] = (channels,)
    found[f"{name}.num_batches_tracked"] = ()
