"""Names and shapes of the tensors in published checkpoints, and the formula's values for them."""

import filler
import numpy as np

UNITS = (3, 4, 6, 3)


def slim_resnet_shapes():
    """Returns name -> shape of TF-Slim's resnet_v2_50, in the network's order."""
    shapes = {}

    def norm(name, channels):
        for kind in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"{name}/{kind}"] = (channels,)

    def conv(name, side, inputs, outputs, bias=False):
        shapes[f"{name}/weights"] = (side, side, inputs, outputs)
        if bias:
            shapes[f"{name}/biases"] = (outputs,)

    conv("resnet_v2_50/conv1", 7, 3, 64, bias=True)
    channels = 64
    for block, units in enumerate(UNITS, 1):
        out, width = 128 * 2**block, 32 * 2**block
        for unit in range(1, units + 1):
            scope = f"resnet_v2_50/block{block}/unit_{unit}/bottleneck_v2"
            norm(f"{scope}/preact", channels)
            conv(f"{scope}/conv1", 1, channels, width)
            norm(f"{scope}/conv1/BatchNorm", width)
            conv(f"{scope}/conv2", 3, width, width)
            norm(f"{scope}/conv2/BatchNorm", width)
            if unit == 1:
                conv(f"{scope}/shortcut", 1, channels, out, bias=True)
            conv(f"{scope}/conv3", 1, width, out, bias=True)
            channels = out
    norm("resnet_v2_50/postnorm", channels)
    return shapes


def hmr_shapes():
    """Returns name -> shape of the original release's networks; its encoder comes first."""
    dense = {
        **{
            f"3D_module/fc{i}": s for i, s in enumerate(((2133, 1024), (1024, 1024), (1024, 85)), 1)
        },
        "D/D_conv1": (1, 1, 9, 32),
        "D/D_conv2": (1, 1, 32, 32),
        **{f"D/pose_out_j{joint}": (32, 1) for joint in range(23)},
        "D/D_alljoints_fc1": (736, 1024),
        "D/D_alljoints_fc2": (1024, 1024),
        "D/D_alljoints_out": (1024, 1),
        "D/shape_fc1/shape_fc1_1": (10, 10),
        "D/shape_fc1/shape_fc1_2": (10, 5),
        "D/shape_final": (5, 1),
    }
    shapes = {**slim_resnet_shapes(), "mean_param": (1, 85)}
    for name, shape in dense.items():
        shapes[f"{name}/weights"] = shape
        shapes[f"{name}/biases"] = shape[-1:]
    return shapes


def hmr2_keys():
    """Returns key in the TF 2 port's checkpoint -> name of the original release's tensor."""
    kinds = {"weights": "kernel", "biases": "bias"}
    keys, layers = {}, {}
    for name in hmr_shapes():
        scope, _, kind = name.rpartition("/")
        if scope.startswith("resnet_v2_50"):
            # Keras numbers weighted layers in the order in which a unit is built.
            number = layers.setdefault(scope, len(layers))
            part = f"generator/resnet50V2/layer_with_weights-{number}"
        elif name == "mean_param":
            part, kind = "generator/regressor", "mean_theta"
        else:
            part = _hmr2_part(scope)
        keys[f"{part}/{kinds.get(kind, kind)}"] = name
    return keys


def _hmr2_part(scope):
    fixed = {
        "3D_module/fc1": "generator/regressor/fc_one",
        "3D_module/fc2": "generator/regressor/fc_two",
        "3D_module/fc3": "generator/regressor/fc_out",
        "D/D_conv1": "discriminator/common_pose_discriminator/conv_2d_one",
        "D/D_conv2": "discriminator/common_pose_discriminator/conv_2d_two",
        "D/D_alljoints_fc1": "discriminator/full_pose_discriminator/fc_one",
        "D/D_alljoints_fc2": "discriminator/full_pose_discriminator/fc_two",
        "D/D_alljoints_out": "discriminator/full_pose_discriminator/fc_out",
        "D/shape_fc1/shape_fc1_1": "discriminator/shape_discriminator/fc_one",
        "D/shape_fc1/shape_fc1_2": "discriminator/shape_discriminator/fc_two",
        "D/shape_final": "discriminator/shape_discriminator/fc_out",
    }
    if scope in fixed:
        return fixed[scope]
    joint = scope[len("D/pose_out_j") :]
    return f"discriminator/single_joint_discriminator/joint_discriminators/{joint}"


def torch_resnet_shapes(units=UNITS, expansion=4):
    """Returns name -> shape of torchvision's ResNets without the classifier, in order."""
    shapes = {}

    def conv_norm(conv, norm, side, inputs, outputs):
        shapes[f"{conv}.weight"] = (outputs, inputs, side, side)
        for kind in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{kind}"] = (outputs,)
        shapes[f"{norm}.num_batches_tracked"] = ()

    conv_norm("conv1", "bn1", 7, 3, 64)
    channels = 64
    for layer, count in enumerate(units, 1):
        width = 32 * 2**layer
        out = width * expansion
        for unit in range(count):
            name = f"layer{layer}.{unit}"
            sides = (3, 3) if expansion == 1 else (1, 3, 1)
            inputs = channels
            for number, side in enumerate(sides, 1):
                outputs = out if number == len(sides) else width
                conv_norm(f"{name}.conv{number}", f"{name}.bn{number}", side, inputs, outputs)
                inputs = outputs
            if unit == 0 and channels != out:
                parts = (f"{name}.downsample.0", f"{name}.downsample.1")
                conv_norm(*parts, 1, channels, out)
            channels = out
    return shapes


def spin_regressor_shapes():
    """Returns name -> shape of SPIN's regressor."""
    dense = {
        "fc1": (1024, 2205),
        "fc2": (1024, 1024),
        "decpose": (144, 1024),
        "decshape": (10, 1024),
        "deccam": (3, 1024),
    }
    shapes = {"init_pose": (1, 144), "init_shape": (1, 10), "init_cam": (1, 3)}
    return {**shapes, **_torch_dense(dense)}


def torch_critics_shapes():
    """Returns name -> shape of the critics of pytorch_HMR and mmhuman3d."""
    pose, full = "pose_discriminator", "full_pose_discriminator.fc_blocks.regressor_fc"
    shape = "shape_discriminator.fc_blocks.regressor_fc"
    return _torch_dense(
        {
            f"{pose}.conv_blocks.conv_0": (32, 9, 1, 1),
            f"{pose}.conv_blocks.conv_1": (32, 32, 1, 1),
            **{f"{pose}.fc_layer.{joint}": (1, 32) for joint in range(23)},
            f"{full}_0": (1024, 736),
            f"{full}_1": (1024, 1024),
            f"{full}_2": (1, 1024),
            f"{shape}_0": (5, 10),
            f"{shape}_1": (1, 5),
        }
    )


def pytorch_hmr_regressor_shapes():
    """Returns name -> shape of pytorch_HMR's regressor without its mean."""
    name = "regressor.fc_blocks.regressor_fc"
    shapes = {f"{name}_0": (1024, 2133), f"{name}_1": (1024, 1024), f"{name}_2": (85, 1024)}
    return _torch_dense(shapes)


def _torch_dense(weights):
    shapes = {}
    for name, shape in weights.items():
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]
    return shapes


def tf1_tensors(shapes):
    """Returns name -> array."""
    names = {name: "mean_param/biases" if name == "mean_param" else name for name in shapes}
    return {name: filler.tf1_weight(names[name], shape) for name, shape in shapes.items()}


def torch_tensors(shapes):
    """Returns name -> array, with the constant means and counters as the formula's users have."""
    fixed = {
        "init_pose": np.tile([1, 0, 0, 1, 0, 0], 24)[None].astype(np.float32),
        "init_shape": np.zeros([1, 10], np.float32),
        "init_cam": np.array([[0.9, 0, 0]], np.float32),
    }
    tensors = {}
    for name, shape in shapes.items():
        if name in fixed:
            tensors[name] = fixed[name]
        elif name.endswith("num_batches_tracked"):
            tensors[name] = np.array(7, np.int64)
        else:
            tensors[name] = filler.torch_weight(name, shape)
    return tensors
