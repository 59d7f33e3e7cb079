"""Encoded image bytes to RGB pixels, inside the graph.

The same function feeds training, evaluation, prediction and exported models, so all of them see
the same pixels. Only core operations are used.
"""

from __future__ import annotations

import tensorflow as tf

_JPEG_START = b"\xff\xd8\xff"


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes JPEG, PNG, GIF (first frame) or BMP bytes to RGB.

    JPEGs go through the accurate integer transform, which gives exactly the pixels that OpenCV
    gives; TensorFlow's default differs by up to five grey levels. Grey images are repeated over the
    channels, alpha is dropped, 16-bit channels keep their high byte and CMYK is converted. The
    orientation tag of cameras is not applied.

    Args:
        encoded: `[]` string, the bytes of one image file.

    Returns:
        `[height, width, 3]` uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: when run on bytes that are not such an image.
    """
    is_jpeg = tf.equal(tf.strings.substr(encoded, 0, len(_JPEG_START)), _JPEG_START)
    image = tf.cond(
        is_jpeg,
        lambda: tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(encoded, channels=3, expand_animations=False),
    )
    return tf.ensure_shape(image, [None, None, 3])
