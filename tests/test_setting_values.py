"""The tables name settings that exist, and allow what these are by default."""

import dataclasses

import pytest

from hmr_tf import config, setting_values
from hmr_tf.evaluation.protocols import VALIDATION
from hmr_tf.training import SETTINGS

COMMON = (config.AugmentConfig, config.DataConfig, config.TrainConfig, config.ValidationConfig)


def _defaults(classes):
    """Returns (setting, default) pairs of those that have one."""
    return [
        (field.name, field.default)
        for each in classes
        for field in dataclasses.fields(each)
        if field.default is not dataclasses.MISSING
    ]


FIELDS = _defaults([*(part for pair in SETTINGS.values() for part in pair), *COMMON])


@pytest.mark.parametrize("table", [setting_values.CHOICES, setting_values.BOUNDS])
def test_every_entry_is_a_setting(table):
    assert set(table) <= {name for name, _ in FIELDS}


def test_defaults_are_allowed():
    for name, value in FIELDS:
        assert value in setting_values.CHOICES.get(name, [value]), name
        least, greatest = setting_values.BOUNDS.get(name, (None, None))
        for one in value if isinstance(value, tuple) else [value]:
            if least is not None and not isinstance(one, tuple):
                assert one >= least, name
            if greatest is not None and not isinstance(one, tuple):
                assert one <= greatest, name


def test_every_weight_of_a_loss_is_bounded():
    weights = {name for name, _ in FIELDS if name.endswith("_weight")}
    assert weights <= set(setting_values.BOUNDS)


def test_metrics_of_the_best_are_those_that_are_measured():
    assert set(setting_values.CHOICES["best_metric"]) == set(VALIDATION.metrics)
