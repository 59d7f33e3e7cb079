"""What is called sound, decoders decode; good files of the common kinds are called sound."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import jpeg_structure

_KINDS = {
    "sequential": [cv2.IMWRITE_JPEG_QUALITY, 90],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 3],
    "optimized": [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    "full color": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
    "half color": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422],
    "coarse": [cv2.IMWRITE_JPEG_QUALITY, 3],
    "grey": [],
}


def _jpeg(kind, height=37, width=50):
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 255, (height, width, 3), np.uint8), (0, 0), 1)
    if kind == "grey":
        image = image[:, :, 0]
    return cv2.imencode(".jpg", image, _KINDS[kind])[1].tobytes()


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_good_files_are_sound(kind):
    channels = 1 if kind == "grey" else 3
    assert jpeg_structure.sound_layout(_jpeg(kind)) == (37, 50, channels)


def test_files_of_other_encoders_are_sound():
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    for options in ({}, {"progressive": True}, {"chroma_downsampling": False}):
        data = tf.io.encode_jpeg(image, **options).numpy()
        assert jpeg_structure.sound_layout(data) == (20, 30, 3)
    # Bytes behind the end, as cameras leave them.
    assert jpeg_structure.sound_layout(data + b"camera") == (20, 30, 3)


def test_other_things_are_not():
    image = np.zeros((8, 8, 3), np.uint8)
    for data in (b"", b"\xff", b"\xff\xd8", b"<html>", cv2.imencode(".png", image)[1].tobytes()):
        assert jpeg_structure.sound_layout(data) is None


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_every_cut_is_noticed(kind):
    data = _jpeg(kind)
    assert not any(jpeg_structure.sound_layout(data[:size]) for size in range(len(data)))


def _decodes(data, layout):
    """Decodes by OpenCV and by TensorFlow, as training does."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.shape[:2] != layout[:2]:
        return False
    try:
        shape = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE").shape
    except tf.errors.InvalidArgumentError:
        return False
    return shape == (*layout[:2], 3)


def _damaged(data, rng):
    """Returns the data with one thing wrong: mostly in the tables, which come first."""
    end = len(data) if rng.random() < 0.3 else data.index(b"\xff\xda") + 14
    begin = int(rng.integers(2, end))
    kind = rng.integers(4)
    if kind == 0:
        return data[:begin] + bytes([int(rng.integers(256))]) + data[begin + 1 :]
    if kind == 1:
        return data[:begin] + bytes([data[begin] ^ 1 << int(rng.integers(8))]) + data[begin + 1 :]
    length = int(rng.integers(1, 40))
    if kind == 2:
        return data[:begin] + data[begin + length :]
    return data[:begin] + rng.bytes(length) + data[begin + length :]


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_whatever_is_called_sound_can_be_decoded(kind):
    data, rng = _jpeg(kind), np.random.default_rng(1)
    num_sound = 0
    for _ in range(600):
        damaged = _damaged(data, rng)
        layout = jpeg_structure.sound_layout(damaged)
        if layout is not None and layout[0] * layout[1] < 1 << 22:
            num_sound += 1
            assert _decodes(damaged, layout), damaged.hex()
    assert num_sound > 100  # Damage to the compressed data alone, or to numbers that may be any.
