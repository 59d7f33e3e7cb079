"""A photograph's bytes to upright RGB pixels, inside the graph.

`predict` and the exported models share this function, so both see the same pixels of one file.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.data.images import decode_image
from hmr_tf.image_files.orientation import apply_orientation, stored_orientation

_PNG_COLOR_TYPE = 25
_HEADER_BYTES = 65536


def decode_photo(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes JPEG, PNG, GIF (first frame) or BMP bytes to an upright RGB image.

    The pixels are those of `hmr_tf.data.images.decode_image`, except that a transparent PNG is laid
    on white, as a viewer shows it, and that the camera's orientation tag is applied.

    Args:
        encoded: `[]` string, the bytes of one image file.

    Returns:
        `[height, width, 3]` uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: when run on bytes that are not such an image.
    """
    image = tf.cond(
        _is_transparent_png(encoded),
        lambda: lay_on_white(tf.io.decode_png(encoded, channels=4)),
        lambda: decode_image(encoded),
    )
    return apply_orientation(tf.ensure_shape(image, [None, None, 3]), stored_orientation(encoded))


def _is_transparent_png(encoded: tf.Tensor) -> tf.Tensor:
    """Tells whether a file is a PNG with an alpha channel or a transparent colour.

    Asked for four channels, TensorFlow gives a PNG without alpha a wrong one where its pixels have
    fewer than eight bits. So the alpha of those is not asked for.
    """
    is_png = tf.equal(tf.strings.substr(encoded, 0, 4), b"\x89PNG")
    # The colour type stands at a fixed place: 4 is grey and 6 is colour, both with alpha.
    is_long = tf.strings.length(encoded) > _PNG_COLOR_TYPE
    color_type = tf.strings.substr(encoded, tf.where(is_long, _PNG_COLOR_TYPE, 0), 1)
    has_alpha = tf.logical_or(tf.equal(color_type, b"\x04"), tf.equal(color_type, b"\x06"))
    # A transparent colour is announced before the pixels.
    before_pixels = tf.strings.split(tf.strings.substr(encoded, 0, _HEADER_BYTES), b"IDAT")[0]
    has_color = tf.size(tf.strings.split(before_pixels, b"tRNS")) > 1
    return tf.logical_and(is_png, tf.logical_or(has_alpha, has_color))


def lay_on_white(image: tf.Tensor) -> tf.Tensor:
    """Composites an image with straight alpha on white.

    Args:
        image: `[height, width, 4]` uint8, RGB and alpha.

    Returns:
        `[height, width, 3]` uint8; opaque pixels are unchanged.
    """
    color = tf.cast(image[..., :3], tf.int32)
    alpha = tf.cast(image[..., 3:], tf.int32)
    return tf.cast((color * alpha + 255 * (255 - alpha) + 127) // 255, tf.uint8)
