"""Validations with a small real model and a few records; the loop around them in test_loop.py."""

import types

import numpy as np
import pytest
import record_folder
import tensorflow as tf
import toy_body

from hmr_tf import checkpoints, config, saved_weights
from hmr_tf.data import pipeline
from hmr_tf.errors import DataError
from hmr_tf.evaluation import evaluator
from hmr_tf.evaluation.protocols import VALIDATION
from hmr_tf.models import encoders
from hmr_tf.models.hmr import HMR
from hmr_tf.training import validation

SIZE = 32
EVERY_STEP = config.ValidationConfig(validate_every=1)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Five people with all labels, and three with keypoints only."""
    folder = tmp_path_factory.mktemp("records")
    record_folder.write(folder, [record_folder.sample(n) for n in range(5)], "lsp", "test")
    samples = [record_folder.sample(n, with_3d=False) for n in range(5, 8)]
    record_folder.write(folder, samples, "coco", "test")
    return config.DataConfig(str(folder), datasets=(("lsp", 2.0), ("coco", 1.0)))


def tiny_encoder(name, image_size, pool, dtype_policy):
    """Quick to trace; its features depend on the image."""
    images = tf.keras.Input([image_size, image_size, 3])
    return tf.keras.Model(images, tf.keras.layers.GlobalAveragePooling2D()(images))


@pytest.fixture
def task(monkeypatch):
    monkeypatch.setattr(encoders, "build_encoder", tiny_encoder)
    tf.keras.utils.set_random_seed(0)
    architecture = config.HMRConfig(encoder="resnet_small_v2", image_size=SIZE, hidden_units=16)
    model = HMR(architecture, toy_body.toy_body())
    layer = model.regressor.output_layers[0]
    layer.kernel.assign(5 * layer.kernel)
    averages = [tf.Variable(0.9 * variable) for variable in model.generator_variables]
    items = {"model": model, "averaged": averages}
    return types.SimpleNamespace(model=model, averages=averages, checkpoint_items=lambda: items)


@pytest.fixture
def log(tmp_path, task):
    """A run's folder; holds what the run is."""
    description = checkpoints.describe(task.model, "hmr", True, "adversarial", {"train": {"a": 1}})
    checkpoints.save_description(tmp_path, description, task.model.body_model)
    return tmp_path


def make(settings, records, log):
    return validation.Validator(settings, validation.held_out(settings, records), SIZE, str(log))


def values(task):
    return [variable.numpy() for variable in task.model.variables]


def test_scores_are_those_of_the_averaged_weights(task, records, log):
    """With the real evaluator, which is traced once; that takes seconds."""
    validator = make(EVERY_STEP, records, log)
    before = values(task)
    means, num_people = validator.score(task)
    for old, new in zip(before, values(task)):
        np.testing.assert_array_equal(old, new)
    assert num_people == 8
    assert set(means) == {"mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "keypoints_2d_px"}
    # The weights themselves, where a run keeps no averages, and then with those of the averages.
    items, task.checkpoint_items = task.checkpoint_items, lambda: {"model": task.model}
    own, _ = validator.score(task)
    assert own["pa_mpjpe_mm"] != means["pa_mpjpe_mm"]
    for variable, average in zip(task.model.generator_variables, task.averages):
        variable.assign(average)
    assert validator.score(task)[0] == pytest.approx(means, rel=1e-6)
    # A later score sees the averages of its time.
    task.checkpoint_items = items
    task.averages[-1].assign_add(0.3 * tf.ones_like(task.averages[-1]))
    later, _ = validator.score(task)
    assert later["pa_mpjpe_mm"] != means["pa_mpjpe_mm"]


class CountingEvaluator:
    """Knows only keypoints; its error is the number of people."""

    def __init__(self, model, protocol):
        assert protocol is VALIDATION

    def run(self, batches, limit):
        names = [name for batch in batches for name in batch["dataset"].numpy()][:limit]
        self.names = names
        metrics = {"pa_mpjpe_mm": None, "keypoints_2d_px": float(len(names))}
        return types.SimpleNamespace(
            num_people=len(names), report=lambda: {"metrics": metrics}, names=names
        )


@pytest.fixture
def counting(monkeypatch):
    """Replaces the evaluator, and the records by five people of each dataset."""

    def people(data, image_size, batch_size, squares):
        ((name, _),) = data.datasets
        assert squares is None  # Only models with metric crops have their own.
        assert (data.split, image_size) == ("test", SIZE)
        return tf.data.Dataset.from_tensor_slices({"dataset": [name] * 5}).batch(batch_size)

    monkeypatch.setattr(evaluator, "Evaluator", CountingEvaluator)
    monkeypatch.setattr(pipeline, "evaluation_dataset", people)


IN_2D = {"validate_every": 1, "best_metric": "keypoints_2d_px"}


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, [5, 5]), (4, [2, 2]), (3, [2, 1]), (100, [5, 5])]
)
def test_a_limit_takes_people_of_every_dataset(task, records, log, counting, limit, expected):
    settings = config.ValidationConfig(validation_limit=limit, **IN_2D)
    validator = make(settings, records, log)
    means, num_people = validator.score(task)
    assert num_people == sum(expected)
    assert means == {"keypoints_2d_px": num_people}  # A metric without truth is left out.
    names = validator._evaluator.names
    assert [names.count(name) for name in (b"lsp", b"coco")] == expected


def test_a_metric_that_cannot_be_measured_is_named(task, records, log, counting):
    with pytest.raises(DataError, match=r"--best_metric=pa_mpjpe_mm .* allow \(keypoints_2d_px\)"):
        make(EVERY_STEP, records, log).score(task)


def test_held_out_people():
    data = config.DataConfig("d", datasets=(("lsp", 2.0), ("coco", 1.0)), window_px=180.0)
    held = validation.held_out(config.ValidationConfig(), data)
    assert held.datasets == (("lsp", 1.0), ("coco", 1.0))
    assert (held.split, held.window_px, held.data_dir) == ("test", 180.0, "d")
    settings = config.ValidationConfig(validation_split="val", validation_datasets=("h36m",))
    held = validation.held_out(settings, data)
    assert (held.split, held.datasets) == ("val", (("h36m", 1.0),))


def test_the_best_is_the_lowest():
    best = validation.Best()
    assert best.update(10, 5.0) and best.update(20, 4.0)
    assert not best.update(30, 4.0)  # As good is not better.
    assert not best.update(40, 6.0)
    assert (float(best.value), int(best.step), int(best.num_since)) == (4.0, 20, 2)
    assert best.update(50, 3.0) and int(best.num_since) == 0


def test_when():
    validator = make(config.ValidationConfig(validate_every=4), config.DataConfig("d"), "log")
    assert [step for step in range(1, 11) if validator.is_due(step, 10)] == [4, 8, 10]
    settings = config.ValidationConfig(validate_every=4, early_stop_patience=2)
    validator = make(settings, config.DataConfig("d"), "log")
    ends = []
    for step, value in ((4, 2.0), (8, 3.0), (12, 1.0), (16, 1.5), (20, 1.0)):
        validator.best.update(step, value)
        ends.append(validator.is_exhausted)
    assert ends == [False, False, False, False, True]


def test_the_best_weights_are_a_checkpoint_of_their_own(task, records, log):
    validator = make(EVERY_STEP, records, log)
    validator.best.update(3, 50.0)
    validator.save_best(task)
    # What a kill in the middle of saving leaves.
    (log / "best" / "weights" / "ckpt-7.data-00000-of-00001.tempstate1").write_text("")
    task.averages[0].assign(task.averages[0] + 1.0)
    validator.best.update(8, 40.0)
    before = values(task)
    validator.save_best(task)
    for old, new in zip(before, values(task)):
        np.testing.assert_array_equal(old, new)
    files = {path.name.partition(".")[0] for path in (log / "best" / "weights").iterdir()}
    assert files == {"checkpoint", "ckpt-8"}
    model = checkpoints.load_model(log / "best")
    for average, variable in zip(task.averages, model.generator_variables):
        np.testing.assert_array_equal(average.numpy(), variable.numpy())
    description = checkpoints.read_description(log / "best")
    assert not description.has_averaged and description.task == ""
    assert description.settings == {"train": {"a": 1}}
    assert saved_weights.latest_step(log / "best") == 8


def test_a_kill_before_the_best_was_written_is_made_up_for(task, records, log):
    validator = make(EVERY_STEP, records, log)
    validator.restore_best(task, 0, str(log))
    assert not (log / "best").exists()
    validator.best.update(3, 50.0)
    validator.restore_best(task, 5, str(log))  # The weights of step 3 are gone; `best` has them.
    assert not (log / "best").exists()
    validator.restore_best(task, 3, str(log))
    assert saved_weights.latest_step(log / "best") == 3
