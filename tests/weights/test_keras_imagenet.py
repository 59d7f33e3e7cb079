"""Keras's weight files give the features of Keras's own network, which is at hand here."""

import fill_models
import filler
import h5py
import numpy as np
import pytest
import tensorflow as tf
from published_files import encoder_of

from hmr_tf.errors import CheckpointError
from hmr_tf.weights import importer
from hmr_tf.weights.keras_imagenet import KerasFile


def test_features(tmp_path):
    keras = tf.keras.applications.ResNet50V2(
        include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg"
    )
    fill_models.resnet50_v2(keras)
    path = tmp_path / "resnet50v2_weights.h5"
    keras.save_weights(path)
    lines, encoder, description = encoder_of("keras_imagenet", path, tmp_path)
    assert (description["encoder"], description["pool"]) == ("resnet50_v2", "keras")
    expected = keras(filler.image(), training=False).numpy()
    features = encoder(0.5 * (filler.image() + 1.0)).numpy()
    np.testing.assert_allclose(features, expected, atol=1e-4 * expected.max())
    assert lines == ["270 tensors used"]
    # A whole model's file holds the same one level down.
    with h5py.File(path) as weights, h5py.File(tmp_path / "model.h5", "w") as model:
        weights.copy(weights["/"], model, "model_weights")
    whole = KerasFile(str(tmp_path / "model.h5"))
    assert whole.shapes == KerasFile(str(path)).shapes and len(whole.shapes) == 270
    np.testing.assert_array_equal(
        whole.read("post_bn/gamma"), keras.get_layer("post_bn").gamma.numpy()
    )


def test_the_classifier_is_not_needed(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names"] = [b"predictions"]
        group = file.create_group("predictions")
        group.attrs["weight_names"] = [b"predictions/kernel:0"]
        group["predictions/kernel:0"] = np.ones([2, 3], np.float32)
    found = KerasFile(str(tmp_path / "x.h5"))
    assert found.shapes == {"predictions/kernel": (2, 3)}
    np.testing.assert_array_equal(found.read("predictions/kernel"), np.ones([2, 3]))
    with pytest.raises(CheckpointError, match=r"'conv1_conv/kernel' \[7, 7, 3, 64\] is missing"):
        importer.import_weights("keras_imagenet", [str(tmp_path / "x.h5")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_keras_s_first_resnet_is_another_network(tmp_path):
    first = tf.keras.applications.ResNet50(include_top=False, weights=None)
    first.save_weights(tmp_path / "x.h5")
    with pytest.raises(CheckpointError, match=r"'conv2_block1_preact_bn/gamma' \[64\] is missing"):
        importer.import_weights("keras_imagenet", [str(tmp_path / "x.h5")], tmp_path / "out")


def test_other_files_are_one_line(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"rubbish")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["pose"] = np.zeros(72)
    for name in ("x.h5", "y.h5"):
        with pytest.raises(CheckpointError, match="not a weight file of Keras 2") as error:
            KerasFile(str(tmp_path / name))
        assert "\n" not in str(error.value)
