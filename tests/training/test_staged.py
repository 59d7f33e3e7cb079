"""Which runs a row of stages is."""

import dataclasses

import pytest

from hmr_tf import config
from hmr_tf.errors import ConfigError
from hmr_tf.training import staged

TRAIN = config.TrainConfig(batch_size=32, num_steps=7, generator_learning_rate=1e-3)
LOSSES = config.SMPLRLossConfig(
    stages=(("hourglass", 100.0), ("autoencoder", 50.0), ("reverse", 20.0)),
    stage_rates=(("reverse", 1e-4),),
    stage_batches=(("autoencoder", 256.0), ("reverse", 128.0)),
)


def test_without_stages_there_is_one_run():
    for losses in (config.LossConfig(), config.SMPLRLossConfig()):
        assert staged.plan(losses, TRAIN, "log", "from") == [
            staged.Run(losses, TRAIN, "log", "from")
        ]


def test_each_stage_begins_where_the_one_before_it_ended():
    runs = staged.plan(LOSSES, TRAIN, "log", "from")
    folders = ["log/stages/0_hourglass", "log/stages/1_autoencoder", "log"]
    assert [run.log_dir for run in runs] == folders
    assert [run.initial_weights for run in runs] == ["from", *folders[:2]]


def test_each_stage_has_its_settings():
    runs = staged.plan(LOSSES, TRAIN, "log", None)
    assert [run.losses.stage for run in runs] == ["hourglass", "autoencoder", "reverse"]
    assert [run.train.num_steps for run in runs] == [100, 50, 20]
    assert [run.train.generator_learning_rate for run in runs] == [1e-3, 1e-3, 1e-4]
    assert [run.train.batch_size for run in runs] == [32, 256, 128]
    # What a run is does not depend on those after it.
    assert all(run.losses.stages == run.losses.stage_rates == () for run in runs)
    shorter = dataclasses.replace(LOSSES, stages=LOSSES.stages[:2], stage_rates=())
    again = staged.plan(dataclasses.replace(shorter, stage_batches=()), TRAIN, "log", None)
    assert again[0] == runs[0]


def test_refuses_a_rate_of_no_stage():
    wrong = dataclasses.replace(LOSSES, stage_rates=(("pose", 1.0),))
    with pytest.raises(ConfigError, match="stage_rates names pose; stages has hourglass"):
        staged.plan(wrong, TRAIN, "log", None)
