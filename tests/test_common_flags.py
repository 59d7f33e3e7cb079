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


@pytest.mark.parametrize("text", ["lsp:0", "lsp:x", "lsp:-1", ":2", "", "lsp:inf", "lsp,lsp:2"])
def test_wrong_weights_are_refused(text):
    with pytest.raises(ValueError, match=r"expected name:weight|named twice"):
        common_flags.WeightedNamesParser().parse(text)


def test_every_setting_has_a_meaning():
    for settings in (
        config.HMRConfig,
        config.AugmentConfig,
        config.DataConfig,
        config.LossConfig,
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


def test_config_round_trip(monkeypatch):
    values = flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", values)
    for name in ("DEFINE_string", "DEFINE_integer", "DEFINE_float", "DEFINE_bool", "DEFINE"):
        original = getattr(flags, name)
        monkeypatch.setattr(
            flags,
            name,
            lambda *a, _original=original, **k: _original(*a, **k, flag_values=values),
        )
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
