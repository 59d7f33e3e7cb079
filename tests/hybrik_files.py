"""Checkpoints of HybrIK made from formulas: names, shapes and values of every variant's tensors.

Needs NumPy alone, so that the same numbers can be given to the reference implementation.
"""

import filler
import numpy as np
import published_shapes

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
# Vertices that the reference takes for head top, middle fingers and big toes.
LEAF_VERTICES = (411, 2445, 5905, 3216, 6617)
# Rest joints and these, m.
REST_JOINTS = np.array(
    [
        (0, -0.20, 0.03), (0.07, -0.29, 0.02), (-0.07, -0.29, 0.02), (0, -0.09, 0),
        (0.10, -0.68, 0.02), (-0.10, -0.68, 0.02), (0, 0.05, 0.01), (0.09, -1.08, -0.03),
        (-0.09, -1.08, -0.03), (0, 0.10, 0.03), (0.12, -1.14, 0.09), (-0.12, -1.14, 0.09),
        (0, 0.31, -0.01), (0.08, 0.22, 0), (-0.08, 0.22, 0), (0, 0.38, 0.04),
        (0.17, 0.25, -0.01), (-0.17, 0.25, -0.01), (0.43, 0.24, -0.04), (-0.43, 0.24, -0.04),
        (0.68, 0.25, -0.04), (-0.68, 0.25, -0.04), (0.76, 0.24, -0.05), (-0.76, 0.24, -0.05),
        (0, 0.56, 0.05), (0.86, 0.24, -0.06), (-0.86, 0.24, -0.06), (0.13, -1.16, 0.17),
        (-0.13, -1.16, 0.17),
    ]
)  # fmt: skip
NUM_VERTICES = 6890
RELEASE_MEAN = np.float32([0.406, 0.457, 0.480])
RELEASE_DEVIATION = np.float32([0.225, 0.224, 0.229])
SHARPNESS = 6.0  # of the heatmaps


def body_arrays():
    """Returns a body with SMPL's number of vertices under SMPL's file keys."""
    owner = np.arange(NUM_VERTICES) % 24
    vertices = REST_JOINTS[owner] + 0.08 * filler.signed("hybrik/v_template", (NUM_VERTICES, 3))
    vertices[list(LEAF_VERTICES)] = REST_JOINTS[24:]
    shapes = 0.01 * filler.signed("hybrik/shapedirs", (NUM_VERTICES, 3, 10))
    shapes[:, :, 0] = 0.05 * vertices
    shapes[:, :, 1] = 0.05 * vertices * [1.0, 0.0, 1.0]
    regressor = np.zeros((24, NUM_VERTICES))
    share = filler.uniform("hybrik/J_regressor", (NUM_VERTICES,))
    regressor[owner, np.arange(NUM_VERTICES)] = share
    weights = np.zeros((NUM_VERTICES, 24))
    weights[np.arange(NUM_VERTICES), np.maximum(np.array(PARENTS)[owner], 0)] = 0.3
    weights[np.arange(NUM_VERTICES), owner] += 0.7
    return {
        "v_template": vertices,
        "shapedirs": shapes,
        "posedirs": 0.002 * filler.signed("hybrik/posedirs", (NUM_VERTICES, 3, 207)),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights,
        "kintree_table": np.array([(2**32 - 1, *PARENTS[1:]), range(24)], np.uint32),
        "f": np.stack([np.arange(100), np.arange(1, 101), np.arange(2, 102)], axis=1),
    }


def image(size):
    """Returns `[1, size, size, 3]` float32 as the networks normalise it."""
    return np.tile(filler.image(), (1, 2, 2, 1))[:, :size, :size]


def shapes(variant, size):
    """Returns name -> shape of the tensors of a checkpoint, but for the body's.

    Args:
        variant: one of `VARIANTS`.
        size: side of its image, px; 256 in the release.
    """
    encoder, heads, num_features = VARIANTS[variant]
    found = {}
    for name, shape in encoder().items():
        found[f"preact.{name}"] = shape
    cells = size // 4
    if encoder is hrnet_shapes and "fc_coord" not in heads:
        _conv(found, "preact.final_layer", (29 * cells, 48, 1, 1), bias=True)
    elif "fc_coord" not in heads:
        inputs = num_features
        for index in (0, 3, 6):
            _conv(found, f"deconv_layers.{index}", (inputs, 256, 4, 4))
            _norm(found, f"deconv_layers.{index + 1}", 256)
            inputs = 256
        joints = 24 if "decleaf" in heads else 29
        _conv(found, "final_layer", (joints * cells, 256, 1, 1), bias=True)
        for name in ("fc1", "fc2"):
            _conv(found, name, (1024, num_features), bias=True)
            num_features = 1024
    found["init_shape"] = (10,)
    for name, count in heads.items():
        _conv(found, name, (count, num_features), bias=True)
        if name == "deccam":
            found["init_cam"] = (count,)
    return found


def hrnet_shapes():
    """Returns name -> shape of HRNet-W48 with its features' head."""
    found, widths = {}, (48, 96, 192, 384)

    def conv_norm(conv, norm, shape, bias=False):
        _conv(found, conv, shape, bias)
        _norm(found, norm, shape[0])

    def sequence(name, shape, bias=False):
        conv_norm(f"{name}.0", f"{name}.1", shape, bias)

    def bottleneck(name, inputs, width):
        for number, side in enumerate((1, 3, 1), 1):
            outputs = 4 * width if number == 3 else width
            source = inputs if number == 1 else width
            conv_norm(f"{name}.conv{number}", f"{name}.bn{number}", (outputs, source, side, side))
        if inputs != 4 * width:
            sequence(f"{name}.downsample", (4 * width, inputs, 1, 1))

    conv_norm("conv1", "bn1", (64, 3, 3, 3))
    conv_norm("conv2", "bn2", (64, 64, 3, 3))
    for unit in range(4):
        bottleneck(f"layer1.{unit}", 256 if unit else 64, 64)
    sequence("transition1.0", (48, 256, 3, 3))
    sequence("transition1.1.0", (96, 256, 3, 3))
    for stage, modules in ((2, 1), (3, 4), (4, 3)):
        if stage > 2:
            new, old = widths[stage - 1], widths[stage - 2]
            sequence(f"transition{stage - 1}.{stage - 1}.0", (new, old, 3, 3))
        for module in range(modules):
            _hrnet_module(sequence, conv_norm, f"stage{stage}.{module}", widths[:stage])
    for index, (inputs, width) in enumerate(zip(widths, (32, 64, 128, 256))):
        bottleneck(f"incre_modules.{index}.0", inputs, width)
        if index:
            sequence(f"downsamp_modules.{index - 1}", (4 * width, 2 * width, 3, 3), bias=True)
    sequence("final_feat_layer", (2048, 1024, 1, 1), bias=True)
    return found


def _hrnet_module(sequence, conv_norm, name, widths):
    for branch, width in enumerate(widths):
        for unit in range(4):
            for number in (1, 2):
                place = f"{name}.branches.{branch}.{unit}"
                shape = (width, width, 3, 3)
                conv_norm(f"{place}.conv{number}", f"{place}.bn{number}", shape)
    for to, width in enumerate(widths):
        for source, inputs in enumerate(widths):
            place = f"{name}.fuse_layers.{to}.{source}"
            if source > to:
                sequence(place, (width, inputs, 1, 1))
            for step in range(to - source):
                outputs = width if step == to - source - 1 else inputs
                sequence(f"{place}.{step}", (outputs, inputs, 3, 3))


def _conv(found, name, shape, bias=False):
    found[f"{name}.weight"] = shape
    if bias:
        found[f"{name}.bias"] = shape[:1]


def _norm(found, name, channels):
    for kind in ("weight", "bias", "running_mean", "running_var"):
        found[f"{name}.{kind}"] = (channels,)
    found[f"{name}.num_batches_tracked"] = ()


def _resnet34():
    return published_shapes.torch_resnet_shapes(expansion=1)


# Name -> (encoder, heads, features).
VARIANTS = {
    "res34_24": (_resnet34, {"decshape": 10, "decphi": 46, "decleaf": 20}, 512),
    "res34_29": (_resnet34, {"decshape": 10, "decphi": 46}, 512),
    "res34_cam": (_resnet34, {"decshape": 10, "decphi": 46, "deccam": 3, "decsigma": 29}, 512),
    "res50_reg": (
        published_shapes.torch_resnet_shapes,
        {"decshape": 10, "decphi": 46, "deccam": 3, "decsigma": 29, "fc_coord": 87},
        2048,
    ),
    "hrnet_cam": (hrnet_shapes, {"decshape": 10, "decphi": 46, "deccam": 1, "decsigma": 29}, 2048),
}


def tensors(shapes):
    """Returns name -> array: the formula's values, changed where they would test little."""
    values = {}
    is_hrnet = "preact.stage4.0.branches.0.0.conv1.weight" in shapes
    for name, shape in shapes.items():
        if name == "init_cam":
            values[name] = np.float32([0.9, 0, 0])[: shape[0]]
        elif name.endswith("num_batches_tracked"):
            values[name] = np.array(7, np.int64)
        else:
            values[name] = filler.torch_weight(name, shape)
        if name == "decsigma.bias":
            values[name] -= 4.0  # Joints that are sure, which the reference solves its scale from.
        elif name.startswith("deconv_layers") and len(shape) > 1:
            values[name] *= 20.0
        elif name.endswith("final_layer.weight"):
            values[name] *= SHARPNESS  # Joints far from each other.
        elif name == "fc_coord.weight":
            values[name] *= 0.2
        elif is_hrnet and name.endswith(".weight") and len(shape) == 1:
            values[name] *= 0.4  # Its sums over branches would grow beyond all measure.
        elif name == "decphi.weight":
            values[name] *= 10.0
    return values
