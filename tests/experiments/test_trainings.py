"""What is asked for is checked before anything is trained; trainings that fail end the suite."""

import pytest
import tiny_training

from hmr_tf.errors import ConfigError, DataError, HmrError
from hmr_tf.evaluation.protocols import SYNTHETIC
from hmr_tf.experiments import Options, trainings

RUNS = {"with": "with.flags", "without": "without.flags"}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    tiny_training.write_records(folder)
    return str(folder)


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Commands, in a folder that holds the flagfiles; the second training fails."""
    for name in RUNS.values():
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    made = []
    monkeypatch.setattr(
        trainings.command, "run_module", lambda call: made.append(call) or 143 * (len(made) == 2)
    )
    return made


def test_trainings_run_in_turn_until_one_fails(records, calls):
    with pytest.raises(HmrError, match="'without' ended with status 143; run the same"):
        trainings.train_all(Options(records, "out", num_steps=24, seed=5), RUNS, SYNTHETIC)
    for (module, *arguments), name in zip(calls, RUNS):
        assert module == "hmr_tf.train"
        assert arguments[0] == f"--flagfile={name}.flags"
        assert arguments[1:3] == [f"--data_dir={records}", f"--log_dir=out/{name}"]
        assert arguments[3:] == ["--num_steps=24", "--warmup_steps=2", "--seed=5"]
    # The same command again.
    commands = trainings.train_all(Options(records, "out"), RUNS, SYNTHETIC)
    assert commands["without"].startswith("python -m hmr_tf.train --flagfile=without.flags")
    assert "steps" not in commands["without"] and len(calls) == 4


def test_one_begins_with_the_weights_of_another(records, calls):
    with pytest.raises(HmrError):
        trainings.train_all(Options(records, "out"), RUNS, SYNTHETIC, {"without": "with"})
    assert not any("initial" in argument for argument in calls[0])
    assert "--initial_weights=out/with" in calls[1]


def test_flagfiles_of_the_user(records, calls, tmp_path):
    (tmp_path / "mine.flags").touch()
    options = Options(records, "out", flagfiles=("mine.flags", "with.flags"))
    with pytest.raises(HmrError):
        trainings.train_all(options, RUNS, SYNTHETIC)
    assert [call[1] for call in calls] == ["--flagfile=mine.flags", "--flagfile=with.flags"]


def test_what_is_missing_is_said_before_any_training(records, calls, tmp_path):
    def message(error, *arguments):
        with pytest.raises(error) as raised:
            trainings.train_all(Options(*arguments), RUNS, SYNTHETIC)
        return str(raised.value)

    assert "--data_dir must name the folder of records" in message(ConfigError, "", "out")
    said = message(ConfigError, records, "out", ("a", "b", "c"))
    assert said == "--flagfiles must name 2: with, without; got 3."
    assert "no flagfile 'b'" in message(ConfigError, records, "out", ("with.flags", "b"))
    assert "hmr_tf.convert" in message(DataError, str(tmp_path), "out")
    assert not calls
