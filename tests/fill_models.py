"""Gives whole networks the deterministic test weights of `filler`."""

from filler import tf1_weight, torch_weight


def tf1_encoder_name(layer_name, weight_name):
    """Returns the TF1 checkpoint name of one weight of the ResNet-50 v2 encoder."""
    kind = {"kernel": "weights", "bias": "biases"}.get(weight_name, weight_name)
    if layer_name == "conv1_conv":
        return f"resnet_v2_50/conv1/{kind}"
    if layer_name == "post_bn":
        return f"resnet_v2_50/postnorm/{kind}"
    stage, unit, *part = layer_name.split("_")
    block, unit = int(stage[len("conv") :]) - 1, int(unit[len("block") :])
    scope = {
        "preact_bn": "preact",
        "0_conv": "shortcut",
        "1_conv": "conv1",
        "1_bn": "conv1/BatchNorm",
        "2_conv": "conv2",
        "2_bn": "conv2/BatchNorm",
        "3_conv": "conv3",
    }["_".join(part)]
    return f"resnet_v2_50/block{block}/unit_{unit}/bottleneck_v2/{scope}/{kind}"


def resnet50_v2(model):
    """Fills the pre-activation encoder."""
    for layer in model.layers:
        for weight in layer.weights:
            kind = weight.name.split("/")[-1].split(":")[0]
            weight.assign(tf1_weight(tf1_encoder_name(layer.name, kind), weight.shape))


def resnet50_v1(model):
    """Fills the torch-style encoder, from torch's layout."""
    kinds = {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    for layer in model.layers:
        for weight in layer.weights:
            kind = kinds[weight.name.split("/")[-1].split(":")[0]]
            name = f"{layer.name.replace('_', '.')}.{kind}"
            shape = weight.shape.as_list()
            if len(shape) == 4:
                value = torch_weight(name, [shape[3], shape[2], shape[0], shape[1]])
                weight.assign(value.transpose(2, 3, 1, 0))
            else:
                weight.assign(torch_weight(name, shape))


def joint_regressor(regressor):
    """Fills a built regressor of the form `joint`."""
    for name in ("fc1", "fc2"):
        _dense(getattr(regressor, name), f"3D_module/{name}")
    _dense(regressor.output_layers[0], "3D_module/fc3")
    regressor.mean.assign(tf1_weight("mean_param/biases", regressor.mean.shape))


def separate_regressor(regressor):
    """Fills a built regressor of the form `separate`."""
    for layer in (regressor.fc1, regressor.fc2, *regressor.output_layers):
        layer.kernel.assign(torch_weight(f"{layer.name}.weight", layer.kernel.shape[::-1]).T)
        layer.bias.assign(torch_weight(f"{layer.name}.bias", layer.bias.shape))


def discriminator(layer):
    """Fills a built discriminator."""
    for index, embedding in enumerate(layer.embedding, 1):
        kernel = tf1_weight(f"D/D_conv{index}/weights", (1, 1, *embedding.kernel.shape))
        embedding.kernel.assign(kernel[0, 0])
        embedding.bias.assign(tf1_weight(f"D/D_conv{index}/biases", embedding.bias.shape))
    heads = [f"D/pose_out_j{joint}" for joint in range(23)]
    layer.joint_kernel.assign([tf1_weight(f"{head}/weights", (32, 1))[:, 0] for head in heads])
    layer.joint_bias.assign([tf1_weight(f"{head}/biases", (1,))[0] for head in heads])
    for part, name in zip(layer.full_pose, ("fc1", "fc2", "out")):
        _dense(part, f"D/D_alljoints_{name}")
    names = ("shape_fc1/shape_fc1_1", "shape_fc1/shape_fc1_2", "shape_final")
    for part, name in zip(layer.shape_net, names):
        _dense(part, f"D/{name}")


def _dense(layer, name):
    layer.kernel.assign(tf1_weight(f"{name}/weights", layer.kernel.shape))
    layer.bias.assign(tf1_weight(f"{name}/biases", layer.bias.shape))
