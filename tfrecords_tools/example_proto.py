"""Writes and reads serialized ``tf.train.Example`` messages without importing TensorFlow.

Worker processes only need to serialize, and importing TensorFlow would cost each of them seconds.
The format is protocol buffers' wire format of four small messages (``Example`` holds ``Features``,
a map from string to ``Feature``, which is one of ``BytesList``, ``FloatList``, ``Int64List``)::

    Example.features = 1      Features.feature = 1 (map entry: key = 1, value = 2)
    Feature.bytes_list = 1    Feature.float_list = 2    Feature.int64_list = 3
    BytesList.value, FloatList.value, Int64List.value = 1 (numbers packed)

Keys are written in sorted order, so that equal features give equal bytes.

Reference:
    https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Union

import numpy as np

from tfrecords_tools.errors import RecordError

FeatureValue = Union[bytes, np.ndarray, list]

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
# What stands before the length of a length-delimited field, by the field's number.
_TAGS = [bytes((number << 3 | _LENGTH,)) for number in range(4)]


def encode_example(features: Mapping[str, FeatureValue]) -> bytes:
    """Serializes one example.

    Args:
        features: key -> ``bytes`` or a list of ``bytes`` (a bytes list), a float array (a float
            list) or an integer array (an int64 list); arrays are flattened row by row.

    Returns:
        The serialized ``tf.train.Example``, the same bytes for the same features.
    """
    parts, size = [], 0
    for key in sorted(features):
        value = features[key]
        is_list = isinstance(value, list)
        if is_list:
            fields = [part for item in value for part in (_TAGS[1], _varint(len(item)), item)]
            kind, payload = _BYTES_LIST, b"".join(fields)
        else:
            kind, payload = (_BYTES_LIST, value) if isinstance(value, bytes) else _pack(value)
        begin = _entry_begin(key, kind, len(payload), not is_list)
        parts += (begin, payload)
        size += len(begin) + len(payload)
    # Joined once: images are long.
    return b"".join((_TAGS[1], _varint(size), *parts))


def decode_example(serialized: bytes) -> dict[str, list[bytes] | np.ndarray]:
    """Reads one serialized example, whichever library wrote it.

    Args:
        serialized: a serialized ``tf.train.Example``.

    Returns:
        Key -> list of bytes, float32 array or int64 array, all of one dimension.

    Raises:
        RecordError: if the bytes are not a ``tf.train.Example``.
    """
    features = {}
    try:
        for _, body in _fields(serialized, only=1):
            for _, entry in _fields(body, only=1):
                parts = dict(_fields(entry))
                features[bytes(parts[1]).decode()] = _decode_feature(parts.get(2, b""))
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise RecordError(f"not a tf.train.Example: {error}") from error
    return features


@functools.lru_cache(maxsize=4096)  # Lengths and small numbers come again and again.
def _varint(value: int) -> bytes:
    """Returns a non-negative integer in base 128, low groups first."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


@functools.lru_cache(maxsize=4096)  # Most features of a dataset have one size.
def _entry_begin(key: str, kind: int, size: int, is_value: bool) -> bytes:
    """Returns what stands before a feature's values.

    Args:
        key: the feature's.
        kind: of the list.
        size: bytes of the values.
        is_value: whether they are one field of the list, and not yet fields.
    """
    name = key.encode()
    begin = _TAGS[1] + _varint(size) if is_value else b""
    begin = _TAGS[kind] + _varint(len(begin) + size) + begin
    begin = _TAGS[2] + _varint(len(begin) + size) + begin
    begin = _TAGS[1] + _varint(len(name)) + name + begin
    return _TAGS[1] + _varint(len(begin) + size) + begin


def _pack(value: np.ndarray) -> tuple[int, bytes]:
    """Returns the kind of a list of numbers, and its numbers as bytes."""
    if value.dtype.kind == "f":
        return _FLOAT_LIST, value.astype("<f4").tobytes()
    if value.dtype.kind in "iu":
        # Negative numbers are written as their 64-bit two's complement, ten bytes long.
        numbers = value.ravel().tolist()
        if numbers and 0 <= min(numbers) and max(numbers) < 0x80:
            return _INT64_LIST, bytes(numbers)
        return _INT64_LIST, b"".join([_varint(number & (1 << 64) - 1) for number in numbers])
    raise TypeError(f"A feature must be bytes, float or integer; received {value.dtype}.")


def _read_varint(data: bytes | memoryview, start: int) -> tuple[int, int]:
    """Returns the number at ``start`` and the position after it."""
    value = shift = 0
    while True:
        group = data[start]
        value |= (group & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if group < 0x80:
            return value, start
        if shift >= 70:
            raise ValueError("a number is longer than 64 bits")


def _fields(data: bytes | memoryview, only: int | None = None) -> list[tuple[int, object]]:
    """Splits a message into (field number, value); values are views, or ints for varints."""
    data, position, found = memoryview(data), 0, []
    while position < len(data):
        tag, position = _read_varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, position = _read_varint(data, position)
        else:
            if wire_type == _LENGTH:
                size, position = _read_varint(data, position)
            elif wire_type in (_FIXED32, _FIXED64):
                size = 4 if wire_type == _FIXED32 else 8
            else:
                raise ValueError(f"unknown wire type {wire_type}")
            if position + size > len(data):
                raise ValueError("it ends in the middle of a field")
            value, position = data[position : position + size], position + size
        if only is None or number == only:
            found.append((number, value))
    return found


def _decode_feature(data: bytes | memoryview) -> list[bytes] | np.ndarray:
    decoded: list[bytes] | np.ndarray = []
    for kind, body in _fields(data):
        values = [value for _, value in _fields(body, only=1)]
        if kind == _BYTES_LIST:
            decoded = [bytes(value) for value in values]
        elif kind == _FLOAT_LIST:  # Packed or not, the payload is the numbers themselves.
            decoded = np.frombuffer(b"".join(bytes(value) for value in values), "<f4")
        elif kind == _INT64_LIST:
            decoded = _decode_integers(values)
    return decoded


def _decode_integers(values: list) -> np.ndarray:
    numbers = []
    for value in values:
        if isinstance(value, int):  # Not packed.
            numbers.append(value)
            continue
        position = 0
        while position < len(value):
            number, position = _read_varint(value, position)
            numbers.append(number)
    wrapped = [number - (1 << 64) if number >> 63 else number for number in numbers]
    return np.array(wrapped, np.int64)
