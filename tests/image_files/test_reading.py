"""Every kind of photograph a user may have: the right pixels, or one line that says why not."""

import base64
import struct

import cv2
import numpy as np
import pytest

from hmr_tf.data.images import decode_image
from hmr_tf.errors import ImageError
from hmr_tf.image_files import reading

RNG = np.random.default_rng(2)
COLOR = cv2.resize(RNG.integers(0, 256, (5, 7, 3), np.uint8), (60, 40))  # RGB
BGR = np.ascontiguousarray(COLOR[..., ::-1])
# 8 x 8, upper half (200, 40, 40), lower half (30, 60, 180), from Pillow.
CMYK_JPEG = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBET"
    "FBUVFQwPFxgWFBgSFBUU/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAYICf/EAB8QAAEBCQEA"
    "AAAAAAAAAAAAAAClFhgZZGZnouHj5P/aAA4EQwBNAFkASwAAPwA5E0tuu+Yi9m5nDYPcBrtH7mqZ/9k="
)
PALETTE_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAABlBMVEXIKCgePLRlrEYSAAAAEklEQVR4nGNggIL/TAxMDEwM"
    "AAchAQYFkHtmAAAAAElFTkSuQmCC"
)
GIF = base64.b64decode(
    "R0lGODdhCAAIAIEAAMgoKB48tAAAAAAAACwAAAAACAAIAAAIFQABCBxIsKDBgwQDKFzIsKHDhwwDAgA7"
)
# 4 x 4, grey 50 at alpha 100.
GREY_ALPHA_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAQAAAAD+Fb1AAAAFklEQVR42mM0SmFgYGBgYGBiYMDFAAAU0gCejsa7OAAAAABJ"
    "RU5ErkJggg=="
)


def _encode(extension, image, params=()):
    return cv2.imencode(extension, image, list(params))[1].tobytes()


def _write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def _exif(value):
    entries = struct.pack("<HHHIHH", 1, 0x0112, 3, 1, value, 0)
    return b"II*\x00" + struct.pack("<I", 8) + entries + bytes(4)


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tif", ".tiff"])
@pytest.mark.parametrize("kind", ["color", "grey"])
def test_lossless_formats_give_back_the_pixels(tmp_path, extension, kind):
    image = BGR if kind == "color" else BGR[..., 1]
    expected = COLOR if kind == "color" else np.repeat(COLOR[..., 1:2], 3, axis=-1)
    path = _write(tmp_path, "a" + extension, _encode(extension, image))
    read = reading.read_image(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, expected)


def test_lossless_webp(tmp_path):
    data = _encode(".webp", BGR, (cv2.IMWRITE_WEBP_QUALITY, 101))
    np.testing.assert_array_equal(reading.read_image(_write(tmp_path, "a.webp", data)), COLOR)


@pytest.mark.parametrize("params", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_jpeg_and_png_pixels_are_those_of_exported_models(tmp_path, params):
    for data in (_encode(".jpg", BGR, params), _encode(".png", BGR)):
        path = _write(tmp_path, "without_extension", data)
        np.testing.assert_array_equal(reading.read_image(path), decode_image(data))


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("kind", ["color", "grey"])
def test_sixteen_bits_keep_their_high_byte(tmp_path, extension, kind):
    deep = BGR.astype(np.uint16) * 256 + RNG.integers(0, 256, BGR.shape, np.uint16)
    expected = COLOR
    if kind == "grey":
        deep, expected = deep[..., 1], np.repeat(COLOR[..., 1:2], 3, axis=-1)
    path = _write(tmp_path, "a" + extension, _encode(extension, deep))
    np.testing.assert_array_equal(reading.read_image(path), expected)


@pytest.mark.parametrize("extension", [".png", ".webp", ".tiff"])
def test_transparency_lies_on_white(tmp_path, extension):
    alpha = np.full(BGR.shape[:2], 255, np.uint8)
    alpha[:, :20], alpha[:, 20:40] = 0, 128
    params = (cv2.IMWRITE_WEBP_QUALITY, 101) if extension == ".webp" else ()
    data = _encode(extension, np.dstack([BGR, alpha]), params)
    read = reading.read_image(_write(tmp_path, "a" + extension, data))
    np.testing.assert_array_equal(read[:, :20], 255)
    half = COLOR[:, 20:40] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(read[:, 20:40] - half).max() < 1.0
    np.testing.assert_array_equal(read[:, 40:], COLOR[:, 40:])


@pytest.mark.parametrize(("data", "tolerance"), [(CMYK_JPEG, 1), (PALETTE_PNG, 0), (GIF, 0)])
def test_cmyk_palette_and_gif(tmp_path, data, tolerance):
    read = reading.read_image(_write(tmp_path, "image", data)).astype(int)
    assert read.shape == (8, 8, 3)
    assert np.abs(read[:4] - [200, 40, 40]).max() <= tolerance
    assert np.abs(read[4:] - [30, 60, 180]).max() <= tolerance


def test_grey_with_alpha(tmp_path):
    read = reading.read_image(_write(tmp_path, "a.png", GREY_ALPHA_PNG))
    np.testing.assert_array_equal(read, np.full((4, 4, 3), round(50 * 100 / 255 + 155)))


def _with_exif(extension, data, value):
    block = _exif(value)
    if extension == ".jpg":
        segment = b"Exif\x00\x00" + block
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    if extension == ".webp":
        block += b"\x00" * (len(block) & 1)
        body = data[8:] + b"EXIF" + struct.pack("<I", len(block)) + block
        return b"RIFF" + struct.pack("<I", len(body)) + body
    # TIFF: one more entry in the directory, which moves to the end of the file.
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    entries = [entry for entry in entries if entry[:2] != b"\x12\x01"]
    entries = sorted([*entries, block[10:22]], key=lambda entry: struct.unpack("<H", entry[:2]))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


@pytest.mark.parametrize("extension", [".jpg", ".webp", ".tiff"])
def test_every_camera_orientation_comes_out_upright(tmp_path, extension):
    params = (cv2.IMWRITE_WEBP_QUALITY, 101) if extension == ".webp" else ()
    for value in range(1, 9):
        data = _encode(extension, BGR, params)
        plain = reading.decode_bytes(data, "plain")
        read = reading.read_image(_write(tmp_path, "a", _with_exif(extension, data, value)))
        turned = plain.transpose(1, 0, 2) if value >= 5 else plain
        turned = turned[:, ::-1] if value in (2, 3, 6, 7) else turned
        turned = turned[::-1] if value in (3, 4, 7, 8) else turned
        np.testing.assert_array_equal(read, turned, err_msg=f"orientation {value}")


def _one_line(error, *words):
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text
    return text


def test_missing_empty_and_folder(tmp_path):
    with pytest.raises(ImageError) as error:
        reading.read_image(tmp_path / "none.jpg")
    _one_line(error, "none.jpg", "does not exist")
    with pytest.raises(ImageError) as error:
        reading.read_image(_write(tmp_path, "empty.jpg", b""))
    _one_line(error, "empty.jpg", "empty")
    with pytest.raises(ImageError) as error:
        reading.read_image(tmp_path)
    _one_line(error, str(tmp_path), "folder")


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tiff", ".bmp"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.9, 0.999])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, capfd, extension, share):
    data = _encode(extension, BGR)
    cut = data[: max(int(len(data) * share), 12)]
    with pytest.raises(ImageError) as error:
        reading.read_image(_write(tmp_path, "cut", cut))
    _one_line(error, "cut")
    assert capfd.readouterr().err == ""


def test_a_progressive_jpeg_cut_between_its_scans_is_refused():
    data = _encode(".jpg", BGR, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))
    scans = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    assert len(scans) > 2
    with pytest.raises(ImageError, match="cut off"):
        reading.decode_bytes(data[: scans[2]], "cut.jpg")


def test_a_jpeg_with_a_thumbnail_and_a_tail_is_whole():
    data = _encode(".jpg", BGR)
    thumbnail = b"Exif\x00\x00" + data  # The marker of its end stands inside the segment.
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = data[:2] + segment + data[2:]
    expected = reading.decode_bytes(data, "plain")
    np.testing.assert_array_equal(reading.decode_bytes(whole + b"phone's tail", "a"), expected)
    with pytest.raises(ImageError, match="cut off"):
        reading.decode_bytes(whole[: len(whole) - 200], "a")


def test_a_damaged_png_is_refused():
    data = bytearray(_encode(".png", BGR))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ImageError, match="damaged"):
        reading.decode_bytes(bytes(data), "bad.png")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\x00\x00\x00\x18ftypheic" + bytes(50), "HEIC"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(50), "video"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"\x89PNG but not really", "none of them"),
        (b"hello", "none of them"),
    ],
)
def test_other_files_are_named(data, word):
    with pytest.raises(ImageError) as error:
        reading.decode_bytes(data, "file.jpg")
    _one_line(error, "file.jpg", word)


def test_float_pixels_are_refused_in_one_line():
    with pytest.raises(ImageError) as error:
        reading.decode_bytes(_encode(".tiff", BGR.astype(np.float32)), "depth.tiff")
    _one_line(error, "depth.tiff", "float32")
