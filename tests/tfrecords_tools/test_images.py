"""Images are decoded as stored; damage is found before it reaches a record."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfrecords_tools import images
from tfrecords_tools.errors import ImageError


def _picture(height=24, width=37):
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([rows * 8, columns * 6, 255 - rows * 4 - columns], axis=-1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _encoded(kind="JPEG", mode="RGB", **options):
    file = io.BytesIO()
    Image.fromarray(_picture()).convert(mode).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("options", "channels"),
    [
        ({}, 3),
        ({"mode": "L"}, 1),
        ({"mode": "CMYK"}, 4),
        ({"progressive": True}, 3),
        ({"quality": 100, "subsampling": 0, "restart_marker_blocks": 1}, 3),
        ({"comment": b"\xff\xd9" * 9}, 3),
    ],
)
def test_jpeg_layout(options, channels):
    data = _encoded(**options)
    assert images.jpeg_layout(data) == (24, 37, channels)
    assert images.jpeg_layout(data + b"trailing bytes") == (24, 37, channels)
    for size in range(0, len(data) - 2, 7):
        assert images.jpeg_layout(data[:size]) is None, size
    assert images.jpeg_layout(data[:-1]) is None


def test_other_files_are_not_jpegs():
    assert images.jpeg_layout(_encoded("PNG")) is None
    assert images.jpeg_layout(b"") is None
    assert images.jpeg_layout(b"\xff\xd8\xff\xd9") is None


def test_decode_is_rgb_and_agrees_with_pillow():
    data = _encoded("PNG")
    np.testing.assert_array_equal(images.decode_rgb(data, "a"), _picture())
    data = _encoded(quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    assert np.abs(images.decode_rgb(data, "a") - expected).max() <= 3


@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_reduced_images_are_means_of_blocks(reduction):
    file = io.BytesIO()
    Image.fromarray(_picture(64, 96) // 2 + 60).save(file, "JPEG", quality=98, subsampling=0)
    whole = images.decode_rgb(file.getvalue(), "").astype(float)
    blocks = whole.reshape(64 // reduction, reduction, 96 // reduction, reduction, 3)
    reduced = images.decode_rgb(file.getvalue(), "", reduction)
    np.testing.assert_allclose(reduced, blocks.mean(axis=(1, 3)), atol=6)
    with pytest.raises(ImageError, match="corrupt image: x"):
        images.decode_rgb(file.getvalue()[:-9], "x", reduction)


def test_orientation_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by a quarter.
    assert images.decode_rgb(_encoded(exif=exif.tobytes()), "a").shape == (24, 37, 3)


def test_depth_and_alpha_are_reduced():
    assert images.decode_rgb(_encoded("PNG", "RGBA"), "a").shape == (24, 37, 3)
    file = io.BytesIO()
    Image.fromarray(np.arange(6, dtype=np.uint16).reshape(2, 3) * 10000).save(file, "PNG")
    deep = images.decode_rgb(file.getvalue(), "a")
    assert deep.dtype == np.uint8
    np.testing.assert_allclose(deep[..., 0], np.arange(6).reshape(2, 3) * 10000 / 257, atol=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_damaged_images_are_refused(kind):
    data = _encoded(kind)
    for bad in (b"", b"text", data[: len(data) // 2], data[:-30], data[:20]):
        with pytest.raises(ImageError, match="corrupt image: im1"):
            images.decode_rgb(bad, "im1")


def test_record_jpeg_passes_jpegs_through(tmp_path):
    path = tmp_path / "a.jpg"
    for mode in ("RGB", "L"):
        path.write_bytes(_encoded(mode=mode))
        assert images.record_jpeg(str(path)) == (path.read_bytes(), 24, 37)


@pytest.mark.parametrize("options", [{"kind": "PNG"}, {"mode": "CMYK"}])
def test_record_jpeg_encodes_the_rest(tmp_path, options):
    path = tmp_path / "a.jpg"
    path.write_bytes(_encoded(**options))
    data, height, width = images.record_jpeg(str(path))
    assert (height, width) == (24, 37)
    decoded = tf.io.decode_jpeg(data, channels=3).numpy().astype(int)
    assert np.abs(decoded - images.decode_rgb(path.read_bytes(), "a")).mean() < 4


def test_sizes_of_files(tmp_path):
    for kind in ("JPEG", "PNG"):
        (tmp_path / kind).write_bytes(_encoded(kind))
        assert images.size_of(str(tmp_path / kind)) == (24, 37)
    (tmp_path / "cut").write_bytes(_encoded()[:-20])
    assert images.size_of(str(tmp_path / "cut")) == (24, 37)  # Decoding it tells.
    (tmp_path / "cut").write_bytes(_encoded()[:30])
    with pytest.raises(ImageError, match="corrupt image: cut"):
        images.size_of(str(tmp_path / "cut"))


def test_missing_images_are_named(tmp_path):
    with pytest.raises(ImageError, match=r"missing image: .*none\.jpg"):
        images.record_jpeg(str(tmp_path / "none.jpg"))
