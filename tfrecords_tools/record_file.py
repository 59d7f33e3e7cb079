"""The TFRecord container, written and read without importing TensorFlow.

A record is its payload's length (uint64, little endian), the length's checksum (uint32), the
payload, and the payload's checksum. A checksum is CRC-32C, rotated and shifted ("masked") so that
checksums of data that hold checksums stay good.

Reference:
    https://www.tensorflow.org/tutorials/load_data/tfrecord (format), RFC 3720 section 12.1 (CRC).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

from tfrecords_tools.errors import RecordError

_HEADER, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")


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


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _frame_header(length: int) -> bytes:
    return _HEADER.pack(length, _masked_crc(struct.pack("<Q", length)))


def _damaged(name: str, index: int, reason: str) -> RecordError:
    return RecordError(
        f"{name}, record {index}: {reason}; replace the file (convert or download it again)."
    )
