import os

import numpy as np
import pytest
import record_folder
import toy_body

from hmr_tf import config
from hmr_tf.errors import ConfigError, DataError
from hmr_tf.training import preflight, validation


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    for dataset, split, with_3d in (
        ("lsp", "train", True),
        ("lsp", "test", True),
        ("coco", "train", False),
        ("coco", "test", False),
    ):
        samples = [record_folder.sample(n, with_3d=with_3d) for n in range(2)]
        record_folder.write(folder, samples, dataset, split)
    return str(folder)


def _data(folder, *names):
    return config.DataConfig(folder, datasets=tuple((name, 1.0) for name in names))


def test_records_are_identified_by_number_and_size(folder):
    found = preflight.find_records(_data(folder, "lsp", "coco"), True, False)
    (shard,) = [n for n in os.listdir(f"{folder}/coco") if n.startswith("train_")]
    assert found["coco"] == [2, os.path.getsize(f"{folder}/coco/{shard}")]
    assert set(found) == {"lsp", "coco"}


def test_missing_records_and_labels(folder):
    with pytest.raises(DataError, match=r"No records of mpii \(train\)"):
        preflight.find_records(_data(folder, "lsp", "mpii"), True, False)
    with pytest.raises(ConfigError, match="This training needs records with 3D labels, and coco"):
        preflight.find_records(_data(folder, "coco"), True, False)
    with pytest.raises(DataError, match=r"No records of mosh \(CMU\)"):
        preflight.find_records(_data(folder, "lsp"), True, True)
    occluded = config.AugmentConfig(occluder_probability=0.5, occluders="voc")
    data = config.DataConfig(folder, augment=occluded)
    with pytest.raises(DataError, match="voc"):
        preflight.find_records(data, True, False)


def _check(folder, trained=("lsp",), **settings):
    settings = config.ValidationConfig(**{"validate_every": 5, **settings})
    data = _data(folder, *trained)
    preflight.check_validation(settings, validation.held_out(settings, data), data)


def test_validations_that_can_be(folder):
    _check(folder)
    _check(folder, ("lsp", "coco"))  # One of them has 3D labels.
    _check(folder, ("coco",), best_metric="keypoints_2d_px")
    _check(folder, validation_datasets=("coco",), validation_split="train",
           best_metric="keypoints_2d_px")  # fmt: skip
    _check(folder, validate_every=0, validation_split="nowhere")


@pytest.mark.parametrize(
    ("trained", "settings", "message"),
    [
        (["lsp"], {"validation_split": "val"}, "--validate_every needs people held out. No records"
         r" of lsp \(val\)"),
        (["lsp"], {"validation_datasets": ("h36m",)}, r"No records of h36m \(test\)"),
        (["lsp", "coco"], {"validation_split": "train", "validation_datasets": ("coco",)},
         "--validation_split=train of coco is what is trained on"),
        (["coco"], {}, r"--best_metric=pa_mpjpe_mm needs records with 3D labels, and coco \(test\)"
         " has none; give --best_metric=keypoints_2d_px"),
    ],
)  # fmt: skip
def test_validations_that_cannot_be(folder, trained, settings, message):
    with pytest.raises((ConfigError, DataError), match=message) as error:
        _check(folder, trained, **settings)
    assert "\n" not in str(error.value)


def test_folder_of_a_run(tmp_path):
    preflight.check_log_dir(str(tmp_path))
    preflight.check_log_dir(str(tmp_path / "new" / "deep"))
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "log"):
        with pytest.raises(ConfigError, match="file' is a file"):
            preflight.check_log_dir(str(path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "checkpoint").write_text('model_checkpoint_path: "ckpt-3"\n')
    (tmp_path / "weights" / "ckpt-3.index").write_text("")
    with pytest.raises(ConfigError, match=r"holds weights but not what they are of"):
        preflight.check_log_dir(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written():
    with pytest.raises(ConfigError, match="no right to write in /"):
        preflight.check_log_dir("/log")


def test_mean_of_another_body():
    body = toy_body.toy_body()
    preflight.check_mean((np.zeros(72), np.zeros(10)), body)
    with pytest.raises(ConfigError, match="--mean_parameters has 12 betas, the body has 10"):
        preflight.check_mean((np.zeros(72), np.zeros(12)), body)
