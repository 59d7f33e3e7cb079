"""The orientation tag of cameras (EXIF tag 274), read and applied inside the graph.

Phones store portrait photographs lying down and tag them with one of eight orientations. A reader
that ignores the tag sees people lying on their side. Only core operations are used, so exported
models turn photographs exactly as the Python code does.

Reference: Exif 2.32 (CIPA DC-008), section 4.6.4; TIFF 6.0, section 2.
"""

from __future__ import annotations

import tensorflow as tf

ORIENTATION_TAG = 0x0112
_HEADER_BYTES = 65536  # An Exif block fits into one JPEG segment, which is shorter than this.
_BLOCK_BYTES = 8192  # The first directory of the block, where the tag stands.
_MAX_ENTRIES = 256


def stored_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the orientation tag of a JPEG or PNG file.

    Args:
        encoded: `[]` string, the bytes of one image file.

    Returns:
        `[]` int32 in 1 to 8; 1 (upright) for a file without a readable tag.
    """
    is_jpeg = tf.equal(tf.strings.substr(encoded, 0, 3), b"\xff\xd8\xff")
    is_png = tf.equal(tf.strings.substr(encoded, 0, 4), b"\x89PNG")
    from_jpeg = tiff_orientation(_block_after(encoded, b"Exif\x00\x00", b"\xff\xe1", 4))
    from_png = tiff_orientation(_block_after(encoded, b"eXIf", b"\x00\x00", 4))
    upright = tf.ones([], tf.int32)
    return tf.where(is_jpeg, from_jpeg, tf.where(is_png, from_png, upright))


def tiff_orientation(block: tf.Tensor) -> tf.Tensor:
    """Returns the orientation tag of a TIFF block, which is what an Exif block and a TIFF file are.

    Args:
        block: `[]` string, starting with the byte order mark.

    Returns:
        `[]` int32 in 1 to 8; 1 (upright) if the block is not TIFF or has no valid tag.
    """
    block = tf.strings.substr(block, 0, _BLOCK_BYTES)
    is_little = tf.equal(tf.strings.substr(block, 0, 4), b"II*\x00")
    is_tiff = tf.logical_or(is_little, tf.equal(tf.strings.substr(block, 0, 4), b"MM\x00*"))
    values = tf.cast(tf.io.decode_raw(block, tf.uint8), tf.int32)
    # Reads beyond the end find zeros, which is no tag.
    values = tf.concat([values, tf.zeros([16], tf.int32)], axis=0)
    last = tf.size(values) - 1

    def byte(position: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, tf.clip_by_value(position, 0, last))

    def short(position: tf.Tensor) -> tf.Tensor:
        first, second = byte(position), byte(position + 1)
        return tf.where(is_little, first + 256 * second, 256 * first + second)

    low, high = tf.where(is_little, 4, 6), tf.where(is_little, 6, 4)
    directory = short(low) + 65536 * tf.minimum(short(high), 1)
    entries = directory + 2 + 12 * tf.range(tf.minimum(short(directory), _MAX_ENTRIES))
    matches = tf.logical_and(tf.equal(short(entries), ORIENTATION_TAG), entries + 12 <= last)
    found = tf.reduce_max(tf.concat([tf.where(matches, short(entries + 8), 0), [0]], axis=0))
    is_valid = tf.logical_and(is_tiff, tf.logical_and(found >= 1, found <= 8))
    return tf.where(is_valid, found, 1)


def apply_orientation(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors an image upright.

    Args:
        image: `[height, width, channels]`, as stored.
        orientation: `[]` int32 in 1 to 8.

    Returns:
        The upright image; height and width are exchanged for orientations 5 to 8.
    """
    channels = image.shape[-1]
    # The tag names where the stored first row and first column belong in the scene.
    is_turned = orientation >= 5
    image = tf.cond(is_turned, lambda: tf.transpose(image, [1, 0, 2]), lambda: tf.identity(image))
    flip_columns = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    flip_rows = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    image = tf.cond(flip_columns, lambda: image[:, ::-1], lambda: tf.identity(image))
    image = tf.cond(flip_rows, lambda: image[::-1], lambda: tf.identity(image))
    return tf.ensure_shape(image, [None, None, channels])


def _block_after(encoded: tf.Tensor, name: bytes, before: bytes, distance: int) -> tf.Tensor:
    """Returns the bytes after ``name``, or none.

    Args:
        encoded: `[]` string.
        name: what precedes the block.
        before: bytes that must stand ``distance`` bytes before the name, as proof that it is a
            segment's name (JPEG) or follows a plausible length (PNG).
        distance: see ``before``.
    """
    head = tf.strings.substr(encoded, 0, _HEADER_BYTES)
    position = tf.strings.length(tf.strings.split(head, name)[0])
    has_name = tf.logical_and(position >= distance, position < tf.strings.length(head))
    start = tf.where(has_name, position - distance, 0)
    proof = tf.strings.substr(head, start, len(before))
    is_block = tf.logical_and(has_name, tf.equal(proof, before))
    begin = tf.where(is_block, position + len(name), 0)
    return tf.strings.substr(encoded, begin, tf.where(is_block, _BLOCK_BYTES, 0))
