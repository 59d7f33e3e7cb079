import dataclasses

import pytest
from absl import flags

from hmr_tf import common_flags, config


def test_names():
    parser = common_flags.NamesParser()
    assert parser.parse("CMU, H3.6") == ("CMU", "H3.6")
    assert parser.parse("") == ()
    assert parser.parse(("a",)) == ("a",)


def test_weighted_names():
    parser = common_flags.WeightedNamesParser()
    assert parser.parse("lsp:1.5,coco") == (("lsp", 1.5), ("coco", 1.0))
    assert parser.parse("") == ()


def test_whole_numbers():
    parser = common_flags.WholeNumbersParser()
    assert parser.parse("10, 200") == (10, 200)
    assert parser.parse("") == ()
    with pytest.raises(ValueError, match="invalid literal"):
        parser.parse("1.5")


@pytest.mark.parametrize("text", ["lsp:0", "lsp:x", "lsp:-1", ":2", ",", "lsp:inf", "lsp,lsp:2"])
def test_wrong_weights_are_refused(text):
    with pytest.raises(ValueError, match=r"expected name:weight|named twice"):
        common_flags.WeightedNamesParser().parse(text)


def test_every_setting_has_a_meaning():
    for settings in (
        config.HMRConfig,
        config.AugmentConfig,
        config.DataConfig,
        config.LossConfig,
        config.HybrIKConfig,
        config.HybrIKLossConfig,
        config.TrainConfig,
        config.ValidationConfig,
    ):
        meanings = common_flags.attribute_meanings(settings)
        assert set(meanings) == {field for field in settings.__dataclass_fields__}
        assert all(meanings.values())


def test_meanings_join_lines():
    meaning = common_flags.attribute_meanings(config.HMRConfig)["rotation"]
    assert meaning.startswith("what the regressor estimates per joint: axis_angle (original")
    assert meaning.endswith("6d_contiguous (4D-Humans).")


@pytest.fixture
def values(monkeypatch):
    """Flags of their own, in place of the program's."""
    values = flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", values)
    kinds = ("_string", "_integer", "_float", "_bool", "_enum", "")
    for name in (*(f"DEFINE{kind}" for kind in kinds), "register_validator"):
        original = getattr(flags, name)
        monkeypatch.setattr(
            flags,
            name,
            lambda *a, _original=original, **k: _original(*a, **k, flag_values=values),
        )
    return values


def test_config_round_trip(values):
    common_flags.define_config(config.DataConfig, skip=("data_dir", "augment", "window_px"))
    values(
        ["program", "--datasets=lsp:2,coco", "--cache", "--shuffle_buffer=96", "--mocap_datasets="]
    )
    built = common_flags.build_config(
        config.DataConfig, data_dir="d", window_px=224.0, augment=config.AugmentConfig()
    )
    assert built == config.DataConfig(
        data_dir="d",
        datasets=(("lsp", 2.0), ("coco", 1.0)),
        mocap_datasets=(),
        cache=True,
        shuffle_buffer=96,
    )
    assert values["datasets"].serialize() == "--datasets=lsp:2.0,coco:1.0"


def test_models_share_flags_and_keep_their_defaults(values):
    settings = (config.HMRConfig, config.HybrIKConfig)
    for one in settings:
        common_flags.define_config(one, {"camera": ("predicted", "given")})
    assert "Default of HybrIKConfig: 256." in values["image_size"].help
    values(["program", "--encoder=resnet18_v1"])
    for one in (*settings, settings[0]):
        common_flags.use_defaults(one)
        built = common_flags.build_config(one)
        assert built == one(encoder="resnet18_v1")


@dataclasses.dataclass
class Other:
    """Settings.

    Attributes:
        dropout: not a share.
    """

    dropout: str = ""


def test_a_shared_flag_has_one_kind(values):
    common_flags.define_config(config.HMRConfig)
    with pytest.raises(ValueError, match="--dropout is"):
        common_flags.define_config(Other)
