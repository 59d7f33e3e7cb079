"""Tests of hmr_tf/data/images.py."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data import images


def _picture(height=61, width=47, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.2)


def _encode(extension, bgr, *options):
    return cv2.imencode(extension, bgr, list(options))[1].tobytes()


def _opencv(encoded):
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


_graph_decode = tf.function(
    images.decode_image, input_signature=[tf.TensorSpec([], tf.string, name="encoded")]
)


@pytest.mark.parametrize("quality", [40, 75, 95, 100])
@pytest.mark.parametrize("sampling", ["411", "420", "422", "444"])
def test_jpeg_has_exactly_opencvs_pixels(quality, sampling):
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    encoded = _encode(
        ".jpg", _picture(), cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        factor,
    )  # fmt: skip
    decoded = _graph_decode(encoded).numpy()
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, _opencv(encoded))


def test_progressive_jpeg():
    encoded = _encode(".jpg", _picture(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    np.testing.assert_array_equal(_graph_decode(encoded).numpy(), _opencv(encoded))


@pytest.mark.parametrize("extension", [".png", ".bmp"])
def test_lossless_formats_give_rgb(extension):
    picture = _picture()
    np.testing.assert_array_equal(
        _graph_decode(_encode(extension, picture)).numpy(), picture[..., ::-1]
    )


@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_grey_is_repeated(extension):
    encoded = _encode(extension, _picture()[..., 0])
    decoded = _graph_decode(encoded).numpy()
    assert decoded.shape == (61, 47, 3)
    np.testing.assert_array_equal(decoded, _opencv(encoded))


def test_alpha_is_dropped():
    picture = _picture()
    alpha = np.random.default_rng(1).integers(0, 256, picture.shape[:2], dtype=np.uint8)
    decoded = _graph_decode(_encode(".png", np.dstack([picture, alpha]))).numpy()
    np.testing.assert_array_equal(decoded, picture[..., ::-1])


def test_sixteen_bit_png_keeps_high_bytes():
    deep = np.random.default_rng(2).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    decoded = _graph_decode(_encode(".png", deep)).numpy()
    np.testing.assert_array_equal(decoded, (deep >> 8).astype(np.uint8)[..., ::-1])


def test_cmyk_jpeg_gives_rgb():
    # A four-component baseline JPEG is built from four grey ones' parts by a real encoder.
    pil = pytest.importorskip("PIL.Image")
    import io

    cmyk = np.zeros((16, 16, 4), np.uint8)
    cmyk[..., 0] = 255  # full cyan
    stream = io.BytesIO()
    pil.fromarray(cmyk, "CMYK").save(stream, "JPEG", quality=95)
    decoded = _graph_decode(stream.getvalue()).numpy()
    assert decoded.shape == (16, 16, 3)
    np.testing.assert_allclose(decoded.reshape(-1, 3).mean(0), [0, 255, 255], atol=6)


def _gif(frames):
    """Writes a GIF of solid 2 x 2 frames by hand: palette 0 = red, 1 = blue; LZW by clear codes."""
    data = b"GIF89a" + struct.pack("<HHBBB", 2, 2, 0x80, 0, 0) + bytes([255, 0, 0, 0, 0, 255])
    for color in frames:
        codes = [4, color, color, 4, color, color, 5]  # clear, two pixels, clear, two pixels, end
        bits = 0
        for position, code in enumerate(codes):
            bits |= code << (3 * position)
        body = bits.to_bytes(3, "little")
        data += b"," + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\x02" + bytes([len(body)])
        data += body + b"\x00"
    return data + b";"


@pytest.mark.parametrize("frames", [[1], [1, 0]])
def test_first_frame_of_a_gif(frames):
    decoded = _graph_decode(_gif(frames)).numpy()
    np.testing.assert_array_equal(decoded, np.broadcast_to([0, 0, 255], (2, 2, 3)))


@pytest.mark.parametrize(
    "encoded", [b"", b"no image", b"\xff\xd8\xff broken", b"\x89PNG\r\n\x1a\n"]
)
def test_other_bytes_are_an_error(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError):
        _graph_decode(encoded)


def test_a_truncated_png_is_an_error():
    encoded = _encode(".png", _picture())
    assert zlib.crc32(encoded)  # the file itself is fine
    with pytest.raises(tf.errors.InvalidArgumentError):
        _graph_decode(encoded[: len(encoded) // 2])
