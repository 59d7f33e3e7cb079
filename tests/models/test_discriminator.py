"""The discriminators against printed values of the original graph."""

import fill_models
import filler
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf import losses
from hmr_tf.models.discriminator import Discriminator


@pytest.fixture(scope="module")
def discriminator():
    layer = Discriminator()
    layer.build({"rotations": [None, 23, 3, 3], "betas": [None, 10]})
    fill_models.discriminator(layer)
    return layer


@pytest.fixture(scope="module")
def inputs():
    rotations = filler.signed("poses/in", (2, 23, 1, 9)).reshape(2, 23, 3, 3)
    return {
        "rotations": tf.constant(rotations, tf.float32),
        "betas": tf.constant(filler.signed("shapes/in", (2, 10)), tf.float32),
    }


def test_outputs_of_the_original(discriminator, inputs):
    out = discriminator(inputs).numpy()
    np.testing.assert_allclose(out.sum(axis=1), [0.911726, -0.065101], atol=1e-4)
    np.testing.assert_allclose(out[0, :4], [0.165099, -0.459341, -0.298415, -0.166375], atol=1e-4)
    np.testing.assert_allclose(out[0, 22:], [0.286233, -0.035993, -0.125825], atol=1e-4)
    np.testing.assert_allclose(out[1, 22:], [-0.049134, -0.097211, 0.163834], atol=1e-4)


def test_losses_of_the_original(discriminator, inputs):
    out = discriminator(inputs)
    real, fake = losses.discriminator_loss(out[:1], out[1:])
    assert float(real.mean()) == pytest.approx(24.92153, abs=1e-4)
    assert float(fake.mean()) == pytest.approx(1.681578, abs=1e-4)
    generator = losses.adversarial_generator_loss(out[1:])
    assert float(generator.mean()) == pytest.approx(26.81178, abs=1e-4)


def test_parameter_count(discriminator):
    count = sum(int(np.prod(weight.shape)) for weight in discriminator.trainable_weights)
    assert count == 1_807_619


def test_one_row_works_and_rows_do_not_mix(discriminator, inputs):
    whole = discriminator(inputs)
    for row in range(2):
        one = discriminator({key: value[row : row + 1] for key, value in inputs.items()})
        assert one.shape == (1, 25)
        np.testing.assert_allclose(one[0], whole[row], atol=1e-5)


def test_every_joint_has_its_own_critic(discriminator, inputs):
    """Changing one joint changes its critic and the one of all joints, and no other."""
    changed = inputs["rotations"].numpy()
    changed[:, 7] *= -1.0
    after = discriminator({**inputs, "rotations": tf.constant(changed)})
    moved = np.flatnonzero(np.abs(after - discriminator(inputs)).max(axis=0) > 1e-6)
    assert moved.tolist() == [7, 23]


def test_ports_have_a_shallower_critic_of_shape(inputs):
    """mmhuman3d: 10 -> 5 ReLU -> 1, against NumPy."""
    ports = Discriminator(embedding_activation=None, shape_units=(5,))
    out = ports(inputs).numpy()
    weights = {
        weight.name.split("/", 1)[-1]: weight.numpy()
        for weight in ports.trainable_weights
        if "shape" in weight.name
    }
    (first, bias), (last, last_bias) = (
        [value for name, value in weights.items() if layer in name] for layer in ("_1", "_out")
    )
    assert (first.shape, last.shape) == ((10, 5), (5, 1)) and len(weights) == 4
    hidden = np.maximum(inputs["betas"].numpy() @ first + bias, 0.0)
    np.testing.assert_allclose(out[:, 24:], hidden @ last + last_bias, atol=1e-5)
    again = Discriminator.from_config(ports.get_config())
    assert again.get_config() == ports.get_config()


def test_config_round_trip_keeps_the_activation(inputs):
    ports = Discriminator(embedding_activation=None)
    again = Discriminator.from_config(ports.get_config())
    assert again.get_config() == ports.get_config()
    again(inputs), ports(inputs)
    fill_models.discriminator(again)
    fill_models.discriminator(ports)
    np.testing.assert_array_equal(again(inputs), ports(inputs))
    linear = ports({**inputs, "rotations": 2.0 * inputs["rotations"]})[:, :23]
    once = ports(inputs)[:, :23]
    zero = ports({**inputs, "rotations": 0.0 * inputs["rotations"]})[:, :23]
    np.testing.assert_allclose(linear - once, once - zero, atol=1e-5)
