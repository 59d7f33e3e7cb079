"""Torch's layouts: colours, and the order in which the critics read a whole pose."""

import filler
import numpy as np
import published_shapes
import pytest
import tensorflow as tf

from hmr_tf.models import encoders
from hmr_tf.models.discriminator import Discriminator
from hmr_tf.models.regressor import IterativeRegressor
from hmr_tf.weights import mapping, torch_networks


class _File:
    path = "FILE"

    def __init__(self, tensors):
        self.tensors = tensors
        self.shapes = {name: value.shape for name, value in tensors.items()}

    def read(self, name):
        return self.tensors[name]


def test_critics_agree_with_numpy():
    """Against a forward pass in torch's own layouts, the pose read channel by channel."""
    tensors = published_shapes.torch_tensors(published_shapes.torch_critics_shapes())
    layer = Discriminator(embedding_activation=None, shape_units=(5,))
    layer.build({"rotations": [None, 23, 3, 3], "betas": [None, 10]})
    made = torch_networks.discriminator(layer)
    report = mapping.assign(_File(tensors), made, (), r".*", "critics")
    assert set(report.used) == set(tensors) and not report.missing
    rotations = filler.signed("poses/in", (2, 23, 9))
    betas = filler.signed("shapes/in", (2, 10))
    critics = layer(
        {
            "rotations": tf.constant(rotations.reshape(2, 23, 3, 3), tf.float32),
            "betas": tf.constant(betas, tf.float32),
        }
    )

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].reshape(-1, x.shape[-1]).T + tensors[f"{name}.bias"]

    pose = "pose_discriminator"
    x = dense(dense(rotations, f"{pose}.conv_blocks.conv_0"), f"{pose}.conv_blocks.conv_1")
    joints = [dense(x[:, joint], f"{pose}.fc_layer.{joint}") for joint in range(23)]

    def blocks(x, name, count):
        for number in range(count):
            x = dense(
                x if number == 0 else np.maximum(x, 0), f"{name}.fc_blocks.regressor_fc_{number}"
            )
        return x

    whole = blocks(x.transpose(0, 2, 1).reshape(2, -1), "full_pose_discriminator", 3)
    shape = blocks(betas, "shape_discriminator", 2)
    np.testing.assert_allclose(critics, np.concatenate([*joints, whole, shape], 1), atol=1e-5)


@pytest.mark.parametrize(
    "name, units, expansion",
    [
        ("resnet18_v1", (2, 2, 2, 2), 1),
        ("resnet34_v1", (3, 4, 6, 3), 1),
        ("resnet50_v1_signed", (3, 4, 6, 3), 4),
    ],
)
def test_every_variable_of_a_resnet_is_made(name, units, expansion):
    encoder = encoders.build_encoder(name, 64)
    made = torch_networks.resnet(encoder, "x.")
    assert [id(x.variable) for x in made] == [id(x) for x in _in_layers(encoder)]
    shapes = published_shapes.torch_resnet_shapes(units, expansion)
    expected = {f"x.{k}": v for k, v in shapes.items() if not k.endswith("num_batches_tracked")}
    assert {source.name: source.shape for x in made for source in x.sources} == expected


def _in_layers(encoder):
    return [weight for layer in encoder.layers for weight in layer.weights]


def test_blue_first_changes_only_the_order_of_colours():
    encoder = encoders.build_encoder("resnet18_v1", 64)
    first = encoder.get_layer("conv1").kernel
    value = np.random.default_rng(0).normal(size=(64, 3, 7, 7))

    def made(**options):
        assignments = torch_networks.resnet(encoder, **options)
        (assignment,) = [x for x in assignments if x.variable is first]
        return assignment.make(value)

    np.testing.assert_array_equal(made(is_bgr=True), made()[:, :, ::-1])
    np.testing.assert_array_equal(made()[2, 5, 1], value[:, 1, 2, 5])


def test_the_mean_is_put_together_in_spin_s_order():
    regressor = IterativeRegressor(np.zeros(144), np.zeros(10), form="separate", train_mean=False)
    regressor.build([None, 2048])
    made = torch_networks.spin_regressor(regressor, "head.")
    assert {id(x.variable) for x in made} == {id(x) for x in regressor.weights}
    (mean,) = [x for x in made if x.variable is regressor.mean]
    assert [x.name for x in mean.sources] == ["head.init_pose", "head.init_shape", "head.init_cam"]
    value = mean.make(np.ones([1, 144]), np.full([1, 10], 2.0), np.full([1, 3], 3.0))
    np.testing.assert_array_equal(value[0], [1] * 144 + [2] * 10 + [3] * 3)
