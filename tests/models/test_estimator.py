import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation
from toy_body import toy_body

from hmr_tf import outputs
from hmr_tf.config import HMRConfig
from hmr_tf.errors import ConfigError
from hmr_tf.models.estimator import BodyEstimator

RNG = np.random.default_rng(0)
MEAN = RNG.normal(size=72).astype(np.float32), RNG.normal(size=10).astype(np.float32)


class Turning(BodyEstimator):
    """Estimates a rotation about y, and nobody's shape."""

    config_class = HMRConfig
    mean_camera = (0.5, 0.1, -0.2)

    def __init__(self, config, body, mean=None, precision="float32", name="turning", start=0.0):
        super().__init__(config, body, mean, precision, name)
        self.angle = tf.Variable(start)
        self.built = True


@pytest.fixture(scope="module")
def model():
    return Turning(HMRConfig(image_size=32), toy_body(), MEAN)


def test_the_baseline_is_the_mean(model):
    rotations = Rotation.from_rotvec(MEAN[0].reshape(24, 3)).as_matrix()
    np.testing.assert_allclose(model.mean[outputs.ROTATIONS], rotations[None], atol=1e-6)
    np.testing.assert_array_equal(model.mean[outputs.BETAS], MEAN[1][None])
    np.testing.assert_allclose(model.mean[outputs.CAMERA], [[0.5, 0.1, -0.2]])


def test_a_mean_must_fit_the_body():
    with pytest.raises(ConfigError, match="The mean has 9 betas and the body 10"):
        Turning(HMRConfig(), toy_body(), (MEAN[0], np.zeros(9)))


def test_projects_in_weak_perspective(model):
    points = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    camera = np.float32([[0.8, 0.1, 0.2], [1.1, -0.3, 0.0]])
    expected = camera[:, None, :1] * (points[..., :2] + camera[:, None, 1:])
    np.testing.assert_allclose(model.project(points, camera), expected, rtol=1e-6)


def test_needs_nothing_but_images(model):
    assert (model.crop_focal, model.extra_inputs, model.needs_extra_inputs) == (None, (), False)


def test_the_body_s_arrays_are_no_weights(model):
    assert [id(variable) for variable in model.variables] == [id(model.angle)]
    assert [id(variable) for variable in model.generator_variables] == [id(model.angle)]


def test_is_built_again_from_its_config(model):
    again = Turning.from_config(model.get_config(), toy_body(), start=2.0)
    assert again.get_config() == model.get_config()
    assert again.config == model.config and again.name == "turning"
    assert float(again.angle) == 2.0


def test_the_config_names_an_embedded_body():
    config = {**Turning(HMRConfig(), toy_body()).get_config(), "body": "free_body"}
    assert Turning.from_config(config).body_model.kind == "free_body"
