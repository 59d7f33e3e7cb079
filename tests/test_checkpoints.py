import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import toy_body

from hmr_tf import checkpoints, config, saved_weights
from hmr_tf.body import model_file
from hmr_tf.errors import CheckpointError
from hmr_tf.models.hmr import HMR

CONFIG = config.HMRConfig(
    encoder="resnet_small_v2", image_size=32, rotation="6d_contiguous", hidden_units=8
)
IMAGES = np.random.default_rng(0).random((2, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def body():
    return toy_body.toy_body()


@pytest.fixture(scope="module")
def model(body):
    tf.keras.utils.set_random_seed(3)
    return HMR(CONFIG, body)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    checkpoints.save_model(folder, model, "hmr", settings={"source": "a test"})
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def _edit(folder, **changes):
    path = folder / checkpoints.DESCRIPTION_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_checkpoint_needs_nothing_else(model, copy):
    loaded = checkpoints.load_model(copy)
    assert loaded.config == CONFIG
    assert loaded.body_model.kind == "toy"
    expected, found = model(IMAGES, with_vertices=True), loaded(IMAGES, with_vertices=True)
    for key in expected:
        np.testing.assert_array_equal(expected[key], found[key], err_msg=key)


def test_description_says_what_it_holds(saved, body):
    description = checkpoints.read_description(saved)
    assert description.model == "hmr"
    assert description.body == {
        "kind": "toy",
        "sha256": checkpoints.body_digest(body),
        "file": "body.npz",
    }
    assert description.settings == {"source": "a test"}
    assert not description.has_averaged


def test_where_training_began_is_known_if_it_was_written_down(copy):
    description = checkpoints.read_description(copy)
    assert dataclasses.replace(description, settings={}).mean_parameters is None
    numbers = list(range(82))
    known = dataclasses.replace(description, settings={"mean_parameters": numbers})
    pose, betas = known.mean_parameters
    np.testing.assert_array_equal(np.concatenate([pose, betas]), numbers)
    assert len(pose) == 72


def test_the_embedded_body_is_not_copied(tmp_path):
    model = HMR(CONFIG, model_file.load_body("free_body"))
    checkpoints.save_model(tmp_path, model, "hmr")
    assert not (tmp_path / checkpoints.BODY_FILE).exists()
    assert checkpoints.load_model(tmp_path).body_model.kind == "free_body"


def test_averaged_weights_are_preferred(model, body, tmp_path):
    variables = model.generator_variables
    averages = [tf.Variable(variable + 1.0) for variable in variables]
    checkpoint = tf.train.Checkpoint(model=model, averaged=averages, step=tf.Variable(7))
    tf.train.CheckpointManager(checkpoint, saved_weights.weights_dir(tmp_path), 1).save()
    description = checkpoints.describe(model, "hmr", has_averaged=True)
    checkpoints.save_description(tmp_path, description, body)
    averaged = checkpoints.load_model(tmp_path)
    for trained, found in zip(variables, averaged.generator_variables):
        np.testing.assert_array_equal(trained + 1.0, found)
    assert saved_weights.latest_step(tmp_path) == 1
    last = checkpoints.load_model(tmp_path, averaged=False)
    for trained, found in zip(variables, last.generator_variables):
        np.testing.assert_array_equal(trained, found)


def test_precision_is_the_reader_s_choice(copy, model):
    loaded = checkpoints.load_model(copy, precision="mixed_bfloat16")
    assert loaded.precision == "mixed_bfloat16"
    found = loaded(IMAGES)["joints_3d"]
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, model(IMAGES)["joints_3d"], atol=0.05)


def test_digest_is_of_the_contents(body, tmp_path):
    model_file.save_body(body, tmp_path / "again.npz")
    again = model_file.load_body(tmp_path / "again.npz")
    assert checkpoints.body_digest(again) == checkpoints.body_digest(body)
    moved = dataclasses.replace(body, template=body.template + np.float32(1e-6))
    assert checkpoints.body_digest(moved) != checkpoints.body_digest(body)


def test_missing_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"There is no checkpoint folder '.*nowhere'"):
        checkpoints.load_model(tmp_path / "nowhere")


def test_folder_that_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"it has no checkpoint\.json"):
        checkpoints.load_model(tmp_path)
    assert not checkpoints.has_description(tmp_path)


def test_no_weights_yet(copy):
    shutil.rmtree(copy / saved_weights.WEIGHTS_DIR)
    assert saved_weights.latest_step(copy) is None
    with pytest.raises(CheckpointError, match="has no weights yet"):
        checkpoints.load_model(copy)


def test_another_format(copy):
    _edit(copy, format=99)
    with pytest.raises(CheckpointError, match=r"format 99; this version .* reads format 1"):
        checkpoints.load_model(copy)


def test_broken_description(copy):
    path = copy / checkpoints.DESCRIPTION_FILE
    path.write_text(path.read_text()[:50])
    with pytest.raises(CheckpointError, match="not readable as JSON"):
        checkpoints.load_model(copy)


def test_unknown_entries(copy):
    _edit(copy, color="red")
    with pytest.raises(CheckpointError, match="it has body, color"):
        checkpoints.load_model(copy)


def test_missing_body(copy):
    (copy / checkpoints.BODY_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"body\.npz is missing"):
        checkpoints.load_model(copy)


def test_another_body(copy, body):
    other = dataclasses.replace(body, template=2 * body.template)
    model_file.save_body(other, copy / checkpoints.BODY_FILE)
    with pytest.raises(CheckpointError, match=r"another body than .*body\.npz: expected sha256"):
        checkpoints.load_model(copy)


# TensorFlow's own warnings come when Python deletes things, at the latest at its end.
_LOAD = """
import sys
from hmr_tf import checkpoints
from hmr_tf.errors import CheckpointError
try:
    checkpoints.load_model(sys.argv[1])
except CheckpointError as error:
    sys.exit(str(error))
"""


def test_weights_of_another_model_are_one_line(copy):
    values = json.loads((copy / checkpoints.DESCRIPTION_FILE).read_text())["model_config"]
    values["config"]["hidden_units"] = 16
    _edit(copy, model_config=values)
    arguments = [sys.executable, "-c", _LOAD, str(copy)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "damaged or of another model" in line


def test_truncated_weights(copy):
    (data,) = (copy / saved_weights.WEIGHTS_DIR).glob("*.data-*")
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged or of another model"):
        checkpoints.load_model(copy)


def test_a_checkpoint_is_not_overwritten(copy, model):
    with pytest.raises(CheckpointError, match="already holds a checkpoint"):
        checkpoints.save_model(copy, model, "hmr")
