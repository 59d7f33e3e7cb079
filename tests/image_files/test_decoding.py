"""The shared decoder: files as the training decoder gives them, alpha on white, upright."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data.images import decode_image
from hmr_tf.image_files import decoding

RNG = np.random.default_rng(5)
SMOOTH = cv2.resize(RNG.integers(0, 256, (6, 5, 3), np.uint8), (61, 43))


def _encode(extension, image):
    return cv2.imencode(extension, image)[1].tobytes()


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("image", [SMOOTH, SMOOTH[..., 0]], ids=["color", "grey"])
def test_ordinary_files_equal_the_training_decoder_and_opencv(extension, image):
    data = _encode(extension, image)
    decoded = decoding.decode_photo(data).numpy()
    np.testing.assert_array_equal(decoded, decode_image(data))
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decoded, expected)


def test_a_transparent_png_is_laid_on_white():
    alpha = RNG.integers(0, 256, SMOOTH.shape[:2], np.uint8)
    alpha[0], alpha[1] = 0, 255
    decoded = decoding.decode_photo(_encode(".png", np.dstack([SMOOTH, alpha]))).numpy()
    share = alpha[..., None] / 255.0
    expected = SMOOTH[..., ::-1] * share + 255.0 * (1 - share)
    assert np.abs(decoded - expected).max() <= 0.51
    np.testing.assert_array_equal(decoded[0], 255)
    np.testing.assert_array_equal(decoded[1], SMOOTH[1, :, ::-1])


def _png(bit_depth, color_type, row, extra=()):
    """A PNG by hand, 8 pixels wide and 2 high, of two equal rows."""

    def chunk(name, body):
        crc = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + crc

    header = struct.pack(">IIBBBBB", 8, 2, bit_depth, color_type, 0, 0, 0)
    pixels = zlib.compress((b"\x00" + row) * 2)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in chunks)


def test_few_bits_per_pixel():
    black_white = decoding.decode_photo(_png(1, 0, b"\x0f")).numpy()
    np.testing.assert_array_equal(black_white[0, :, 1], [0] * 4 + [255] * 4)
    palette = (b"PLTE", bytes([200, 40, 40, 30, 60, 180]))
    colors = decoding.decode_photo(_png(1, 3, b"\x0f", [palette])).numpy()
    np.testing.assert_array_equal(colors[1, [0, 7]], [[200, 40, 40], [30, 60, 180]])
    see_through = [palette, (b"tRNS", b"\x00")]
    colors = decoding.decode_photo(_png(1, 3, b"\x0f", see_through)).numpy()
    np.testing.assert_array_equal(colors[1, [0, 7]], [[255, 255, 255], [30, 60, 180]])


def test_the_orientation_tag_is_applied():
    data = _encode(".jpg", SMOOTH)
    block = b"II*\x00" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0) + bytes(4)
    exif = b"Exif\x00\x00" + block
    tagged = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    expected = np.rot90(decode_image(data), -1)
    np.testing.assert_array_equal(decoding.decode_photo(tagged), expected)
    # OpenCV applies the tag of a JPEG too.
    opencv = cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(opencv, expected)


def test_a_mixed_batch_decodes_inside_one_graph():
    files = [_encode(".jpg", SMOOTH), _encode(".png", SMOOTH), _encode(".png", SMOOTH[:20, :, 0])]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def means(encoded):
        def mean(one):
            return tf.reduce_mean(tf.cast(decoding.decode_photo(one), tf.float32))

        return tf.map_fn(mean, encoded, fn_output_signature=tf.float32)

    expected = [decoding.decode_photo(data).numpy().mean() for data in files]
    np.testing.assert_allclose(means(files), expected, rtol=1e-5)
