"""The orientation tag, read from hand-made blocks and applied against the tag's definition."""

import struct

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.image_files import orientation


def _block(value, order="<", before=0, tag=0x0112):
    """A TIFF block with ``before`` other entries ahead of the orientation."""
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    other = struct.pack(order + "HHII", 0x010F, 2, 4, 0)
    entry = struct.pack(order + "HHIHH", tag, 3, 1, value, 0)
    count = struct.pack(order + "H", before + 1)
    return mark + struct.pack(order + "I", 8) + count + other * before + entry + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("before", [0, 5])
def test_both_byte_orders_and_any_place_in_the_directory(order, before):
    for value in range(1, 9):
        assert int(orientation.tiff_orientation(_block(value, order, before))) == value


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\x00",
        _block(0),
        _block(9),
        _block(6, tag=0x0113),
        _block(6)[:14],
        b"XX" + _block(6)[2:],
        b"II*\x00\xff\xff\xff\xff" + b"\x12\x01" * 20,
        np.random.default_rng(0).bytes(300),
    ],
)
def test_anything_else_is_upright(block):
    assert int(orientation.tiff_orientation(block)) == 1


def test_jpeg_and_png_segments():
    exif = b"Exif\x00\x00" + _block(6, ">")
    app0 = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + bytes(9)
    app1 = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    assert int(orientation.stored_orientation(b"\xff\xd8" + app1 + b"rest")) == 6
    assert int(orientation.stored_orientation(b"\xff\xd8" + app0 + app1 + b"rest")) == 6
    assert int(orientation.stored_orientation(b"\xff\xd8" + app0 + b"rest")) == 1
    # The same letters inside a comment are no Exif segment.
    comment = b"\xff\xd8\xff\xfe" + struct.pack(">H", len(exif) + 2) + exif
    assert int(orientation.stored_orientation(comment)) == 1
    block = _block(8)
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + bytes(4)
    assert int(orientation.stored_orientation(b"\x89PNG\r\n\x1a\n" + chunk)) == 8
    assert int(orientation.stored_orientation(b"")) == 1


def test_upright_pixels_are_those_of_the_definition():
    # The tag's definition: which scene edge the stored first row and first column are.
    upright = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    stored = {
        1: upright,
        2: upright[:, ::-1],  # first column is the right edge
        3: upright[::-1, ::-1],  # row bottom, column right
        4: upright[::-1],  # row bottom
        5: upright.transpose(1, 0, 2),  # row left, column top
        6: np.rot90(upright, 1),  # row right, column top
        7: np.rot90(upright, 2).transpose(1, 0, 2),  # row right, column bottom
        8: np.rot90(upright, -1),  # row left, column bottom
    }
    for value, pixels in stored.items():
        turned = orientation.apply_orientation(tf.constant(pixels.copy()), tf.constant(value))
        np.testing.assert_array_equal(turned, upright, err_msg=str(value))


def test_runs_inside_a_graph():
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def read(block):
        return orientation.tiff_orientation(block)

    assert int(read(_block(5))) == 5
    assert int(read(b"")) == 1
