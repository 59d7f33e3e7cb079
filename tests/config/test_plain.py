import dataclasses
import json

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


@pytest.mark.parametrize("name", [name for name in config.__all__ if name.endswith("Config")])
def test_settings_are_frozen(name):
    required = {"data_dir": "records"} if name == "DataConfig" else {}
    settings = getattr(config, name)(**required)
    for field in dataclasses.fields(settings):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(settings, field.name, None)
