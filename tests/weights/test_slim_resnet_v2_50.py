"""TF-Slim's ImageNet weights give the features of the original's encoder (`published_outputs`)."""

import filler
import numpy as np
import published_outputs
import published_shapes
import tensorflow as tf
from published_files import encoder_of


def test_features_from_the_release_s_older_format(tmp_path):
    tensors = published_shapes.tf1_tensors(published_shapes.slim_resnet_shapes())
    count = len(tensors)
    tensors["resnet_v2_50/logits/biases"] = np.zeros(1001, np.float32)
    tensors["resnet_v2_50/conv1/weights/Momentum"] = np.zeros(3, np.float32)
    tensors["global_step"] = np.int64(1)
    tensors["mean_rgb"] = np.zeros(3, np.float32)
    path = tmp_path / "resnet_v2_50.ckpt"
    names = sorted(tensors)
    tf.raw_ops.Save(
        filename=str(path), tensor_names=names, data=[tf.constant(tensors[x]) for x in names]
    )
    lines, encoder, description = encoder_of("slim_resnet_v2_50", path, tmp_path)
    assert (description["encoder"], description["pool"]) == ("resnet50_v2", "slim")
    features = encoder(0.5 * (filler.image() + 1.0)).numpy()[0]
    found = [features.mean(), features.std(), features.max(), *features[:5]]
    expected = published_outputs.HMR_TF1["features"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected[2])
    assert lines[0] == f"{count} tensors used" == "270 tensors used"
    assert "unused, the classifier of ImageNet: resnet_v2_50/logits/biases" in lines
    assert "unused, optimizer state: resnet_v2_50/conv1/weights/Momentum" in lines
