import dataclasses
import json
import math

import pytest

from hmr_tf import config
from hmr_tf.errors import ConfigError


@pytest.mark.parametrize(
    "settings",
    [
        config.HMRConfig(encoder="resnet50_v1", image_size=96),
        config.DataConfig(data_dir="records", datasets=(("lsp", 1.0), ("coco", 2.0))),
        config.LossConfig(use_adversary=False),
        config.HybrIKConfig(num_joints=24),
        config.HybrIKLossConfig(uvd_loss="laplace"),
        config.SGREConfig(estimation="direct"),
        config.SGRELossConfig(own_pose_share=0.5),
        config.AugmentConfig(noise_areas=(("coco", 0.7),)),
        config.TrainConfig(decay_steps=(10, 20)),
        config.TrainConfig(batch_size=8),
    ],
)
def test_settings_survive_json(settings):
    values = json.loads(json.dumps(config.to_dict(settings)))
    assert config.from_dict(type(settings), values) == settings


def test_unknown_setting_is_named():
    with pytest.raises(ConfigError, match="HMRConfig has no setting colour"):
        config.from_dict(config.HMRConfig, {"colour": 1})


def test_defaults_keep_only_what_has_none():
    data = config.DataConfig("records", split="test", augment=config.AugmentConfig(shift_px=3.0))
    assert config.defaults(data) == config.to_dict(config.DataConfig("records"))


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.TrainConfig().seed = 1


def test_defaults_are_the_original_release_s():
    """Original training script, hmr `do_train.sh`, and `src/ops.py`."""
    losses, train, augment = config.LossConfig(), config.TrainConfig(), config.AugmentConfig()
    assert (losses.keypoints_2d_weight, losses.joints_3d_weight, losses.smpl_weight) == (60, 60, 60)
    assert losses.adversarial_weight == 1
    assert (train.generator_learning_rate, train.discriminator_learning_rate) == (1e-5, 1e-4)
    assert (train.batch_size, train.adam_epsilon) == (64, 1e-8)
    assert (augment.scale_min, augment.scale_max, augment.shift_px) == (0.8, 1.23, 20)
    assert (augment.spread, augment.flip_probability) == ("uniform", 0.5)
    off = ("rotation_deg", "rotation_probability", "color_jitter", "occluder_probability")
    assert not any(getattr(augment, name) for name in (*off, "cutout_probability"))
    assert (losses.keypoints_2d_loss, losses.joints_3d_loss) == ("l1", "half_mse")
    assert losses.adversarial_stages == "all"
    off = ("pose_weight", "betas_weight", "vertices_weight", "camera_weight")
    assert not any(getattr(losses, name) for name in off)
    model = config.HMRConfig()
    assert (model.encoder, model.pool, model.rotation) == ("resnet50_v2", "slim", "axis_angle")
    assert (model.regressor, model.discriminator, model.train_mean) == ("joint", "hmr", True)
    assert (model.projection, model.num_iterations) == ("weak_perspective", 3)
    # 75 epochs of 569,753 images.
    assert train.num_steps == math.ceil(75 * 569_753 / 64)
