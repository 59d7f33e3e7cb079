import numpy as np
import tensorflow as tf

from hmr_tf.models import encoders


def test_the_fine_map_sees_the_whole_person():
    encoder = encoders.build_encoder("resnet_pyramid_v2", 96)
    features, fine = encoders.with_map(encoder).output_shape
    assert features == (None, 448) and fine == (None, 12, 12, 128)
    images = np.random.default_rng(0).random((1, 96, 96, 3)).astype(np.float32)
    images = tf.Variable(images)
    with tf.GradientTape() as tape:
        corner = tf.reduce_sum(encoders.with_map(encoder)(images)[1][:, 0, 0])
    reach = tf.reduce_sum(tf.abs(tape.gradient(corner, images)), axis=-1)[0].numpy()
    assert reach[48:, 48:].max() > 0.0


def test_odd_maps_are_cut_to_size():
    encoder = encoders.build_encoder("resnet_pyramid_v2", 80)
    assert encoders.with_map(encoder).output_shape[1] == (None, 10, 10, 128)


def test_mixed_precision_ends_in_float32():
    encoder = encoders.build_encoder("resnet_pyramid_v2", 64, dtype_policy="mixed_bfloat16")
    features, fine = encoders.with_map(encoder)(tf.zeros([1, 64, 64, 3]))
    assert features.dtype == tf.float32 and fine.dtype == tf.bfloat16
