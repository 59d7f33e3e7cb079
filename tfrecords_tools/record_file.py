"""The TFRecord container, written and read without importing TensorFlow.

A record is its payload's length (uint64, little endian), the length's checksum (uint32), the
payload, and the payload's checksum. A checksum is CRC-32C, rotated and shifted ("masked") so that
checksums of data that hold checksums stay good.

The checksum is computed for a whole block of bytes at once: it is linear over XOR, so each byte
adds a number that depends on the byte and its place in the block only, and a table of those numbers
turns a block into one gather and one XOR reduction. What is left of a block enters the next one by
XOR into its first four bytes.

Reference:
    https://www.tensorflow.org/tutorials/load_data/tfrecord (format), RFC 3720 section 12.1 (CRC).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tfrecords_tools.errors import RecordError

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed.
_BLOCK = 1024
_HEADER, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")


_ALL_ONES = 0xFFFFFFFF


def frame_record(payload: bytes) -> bytes:
    """Returns a payload as a record, ready to be appended to a file."""
    return b"".join((_frame_header(len(payload)), payload, _CHECKSUM.pack(_masked_crc(payload))))


def read_record(file: BinaryIO, name: str, index: int) -> bytes | None:
    """Reads the next record of a file and verifies its checksums.

    Args:
        file: open at the begin of a record, or at its end.
        name: of the file, for errors.
        index: of the record, for errors.

    Returns:
        The payload, or None at the end of the file.

    Raises:
        RecordError: if the record is cut or damaged.
    """
    header = file.read(_HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        raise _damaged(name, index, "the file ends within it")
    length = _HEADER.unpack(header)[0]
    if _frame_header(length) != header:
        raise _damaged(name, index, "its checksum is wrong, or this is no TFRecord file")
    body = file.read(length + _CHECKSUM.size)
    if len(body) < length + _CHECKSUM.size:
        raise _damaged(name, index, "the file ends within it")
    payload = body[:length]
    if _masked_crc(payload) != _CHECKSUM.unpack(body[length:])[0]:
        raise _damaged(name, index, "its checksum is wrong")
    return payload


def skip_records(file: BinaryIO, size: int, name: str) -> int:
    """Counts the records of a file from their lengths, without reading the payloads.

    Args:
        file: open at its begin.
        size: of the file, bytes.
        name: of the file, for errors.

    Raises:
        RecordError: if the file ends within a record or is no record file.
    """
    return sum(1 for _ in record_begins(file, size, name))


def record_begins(file: BinaryIO, size: int, name: str) -> Iterator[int]:
    """Yields where each record of a file begins; the arguments are those of `skip_records`."""
    count = position = 0
    while position < size:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            raise _damaged(name, count, "the file ends within it")
        length = _HEADER.unpack(header)[0]
        if _frame_header(length) != header:
            raise _damaged(name, count, "its checksum is wrong, or this is no TFRecord file")
        begin = position
        position += _HEADER.size + length + _CHECKSUM.size
        if position > size:
            raise _damaged(name, count, "the file ends within it")
        yield begin
        file.seek(position)
        count += 1


def crc32c(data: bytes) -> int:
    """Returns the CRC-32C of some bytes."""
    if len(data) < 4:
        return _crc32c_of_few(data)
    places = np.frombuffer(data, np.uint8).astype(np.intp)
    places[:4] ^= 0xFF  # The start value of all ones.
    table = _contributions()
    if len(data) <= _BLOCK:
        places += _row_begins()[-len(data) :]
        return int(np.bitwise_xor.reduce(table[places])) ^ _ALL_ONES
    # Zeros in front add nothing.
    blocks = np.concatenate([np.zeros(-len(data) % _BLOCK, np.intp), places]).reshape(-1, _BLOCK)
    blocks += _row_begins()
    first, second, third, fourth = _first_rows()
    state = 0
    for remainder in np.bitwise_xor.reduce(table[blocks], axis=1).tolist():
        state = (
            remainder
            ^ first[state & 0xFF]
            ^ second[state >> 8 & 0xFF]
            ^ third[state >> 16 & 0xFF]
            ^ fourth[state >> 24]
        )
    return state ^ _ALL_ONES


@functools.cache
def _contributions() -> np.ndarray:
    """Returns `[_BLOCK * 256]` uint32: row i is what each byte value adds i places into a block."""
    remainders = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        remainders = (remainders >> 1) ^ (remainders & 1) * np.uint32(_POLYNOMIAL)
    rows = [remainders]
    for _ in range(_BLOCK - 1):  # One more byte follows.
        rows.append((rows[-1] >> 8) ^ remainders[rows[-1] & 0xFF])
    return np.concatenate(rows[::-1])


@functools.cache
def _row_begins() -> np.ndarray:
    return np.arange(_BLOCK, dtype=np.intp) * 256


@functools.cache
def _first_rows() -> list[list[int]]:
    """Returns the contributions of the first four bytes of a block, as plain integers."""
    return _contributions()[: 4 * 256].reshape(4, 256).tolist()


def _crc32c_of_few(data: bytes) -> int:
    last_row, state = _contributions()[-256:], _ALL_ONES
    for byte in data:
        state = state >> 8 ^ int(last_row[(state ^ byte) & 0xFF])
    return state ^ _ALL_ONES


def _masked_crc(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ALL_ONES


@functools.lru_cache(maxsize=1024)
def _frame_header(length: int) -> bytes:
    """Returns a record's length with its checksum; motion-capture records all have one length."""
    return _HEADER.pack(length, _masked_crc(struct.pack("<Q", length)))


def _damaged(name: str, index: int, reason: str) -> RecordError:
    return RecordError(
        f"{name}, record {index}: {reason}; replace the file (convert or download it again)."
    )
