"""Tells from a JPEG's tables alone that a decoder will decode it.

Decoders refuse a JPEG for what its segments say (sizes, sampling, tables that are missing or
impossible) or for ending early; whatever the compressed data hold, they draw something. Checking
the segments takes a twentieth of the time of decoding, and says as much.

Only the common kinds are known: 8 bits, Huffman codes, sequential or progressive, grey or three
components. Of all else it is not said that it can be decoded, nor that it cannot.

Reference:
    ITU-T T.81, annexes B and C.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import struct

_START, _END, _START_OF_SCAN = 0xD8, 0xD9, 0xDA
_TABLES_HUFFMAN, _TABLES_QUANTIZATION, _RESTART_INTERVAL = 0xC4, 0xDB, 0xDD
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_APPLICATION, _COMMENT = range(0xE0, 0xF0), 0xFE
# Within a scan a 0xFF is followed by a stuffed zero, a restart's number or more of its kind.
_MARKER_BEHIND_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MOST_PIXELS = 1 << 28
_MOST_BLOCKS = 10  # In one unit of an interleaved scan.


class _Unknown(Exception):
    """Something that a decoder may refuse."""


@dataclasses.dataclass
class _State:
    """What the segments so far have said.

    Attributes:
        size: (height, width); (0, 0) before the frame header.
        components: identifier -> (horizontal and vertical sampling, quantization table).
        is_progressive: from the frame header.
        quantization: the tables that are there.
        huffman: (class, identifier) of the tables that are there.
        scanned: components that a scan has begun with.
    """

    size: tuple[int, int] = (0, 0)
    components: dict[int, tuple[int, int, int]] = dataclasses.field(default_factory=dict)
    is_progressive: bool = False
    quantization: set[int] = dataclasses.field(default_factory=set)
    huffman: set[tuple[int, int]] = dataclasses.field(default_factory=set)
    scanned: set[int] = dataclasses.field(default_factory=set)


def sound_layout(data: bytes) -> tuple[int, int, int] | None:
    """Returns (height, width, number of channels) of a JPEG that can surely be decoded.

    Args:
        data: contents of the file.

    Returns:
        None if the data is damaged, cut, no JPEG or one of a kind that is not known here; only
        decoding it can tell.
    """
    state = _State()
    try:
        _read_segments(data, state)
    except (_Unknown, IndexError, struct.error):
        return None
    return (*state.size, len(state.components))


def _read_segments(data: bytes, state: _State) -> None:
    """Walks through all segments; raises _Unknown at the first that is not surely good."""
    if data[:2] != bytes((0xFF, _START)):
        raise _Unknown
    position = 2
    while True:
        if data[position] != 0xFF:
            raise _Unknown
        marker = data[position + 1]
        position += 1 if marker == 0xFF else 2  # 0xFF may be repeated as padding.
        if marker == 0xFF:
            continue
        if marker == _END:
            if not state.components or state.scanned != set(state.components):
                raise _Unknown
            return
        length = int.from_bytes(data[position : position + 2], "big")
        body = data[position + 2 : position + length]
        if length < 2 or len(body) != length - 2:
            raise _Unknown
        position += length
        if marker == _START_OF_SCAN:
            _read_scan_header(body, state)
            position = _end_of_scan(data, position)
        else:
            _read_segment(marker, body, state)


def _read_segment(marker: int, body: bytes, state: _State) -> None:
    if marker == _TABLES_QUANTIZATION:
        state.quantization.update(_quantization_tables(body))
    elif marker == _TABLES_HUFFMAN:
        state.huffman.update(_huffman_tables(body))
    elif marker in _SEQUENTIAL or marker == _PROGRESSIVE:
        _read_frame_header(marker, body, state)
    elif marker == _RESTART_INTERVAL:
        if len(body) != 2:
            raise _Unknown
    elif marker not in _APPLICATION and marker != _COMMENT:
        raise _Unknown


def _end_of_scan(data: bytes, position: int) -> int:
    """Returns where the marker behind the compressed data is."""
    found = _MARKER_BEHIND_SCAN.search(data, position)
    if found is None or found.start() == position:
        raise _Unknown
    return found.start()


@functools.lru_cache(maxsize=256)  # What encoders write differs little from file to file.
def _quantization_tables(body: bytes) -> tuple[int, ...]:
    """Returns the identifiers of the tables that a segment holds."""
    tables = []
    while body:
        precision, table = body[0] >> 4, body[0] & 15
        size = 1 + 64 * (precision + 1)
        if precision > 1 or table > 3 or len(body) < size:
            raise _Unknown
        tables.append(table)
        body = body[size:]
    return tuple(tables)


@functools.lru_cache(maxsize=256)
def _huffman_tables(body: bytes) -> tuple[tuple[int, int], ...]:
    """Returns class and identifier of the tables that a segment holds."""
    tables = []
    while body:
        table_class, table = body[0] >> 4, body[0] & 15
        counts = body[1:17]
        symbols = body[17 : 17 + sum(counts)]
        if table_class > 1 or table > 3 or len(counts) < 16 or sum(counts) > 256:
            raise _Unknown
        if len(symbols) != sum(counts) or not symbols:
            raise _Unknown
        code = 0
        for bits, count in enumerate(counts, start=1):
            code += count
            if code > 1 << bits or (count and code == 1 << bits and bits == 16):
                raise _Unknown
            code <<= 1
        if table_class == 0 and max(symbols) > 15:
            raise _Unknown
        tables.append((table_class, table))
        body = body[17 + len(symbols) :]
    return tuple(tables)


def _read_frame_header(marker: int, body: bytes, state: _State) -> None:
    precision, height, width, count = struct.unpack(">BHHB", body[:6])
    if state.components or precision != 8 or count not in (1, 3) or len(body) != 6 + 3 * count:
        raise _Unknown
    if not 0 < height * width <= _MOST_PIXELS:
        raise _Unknown
    state.components.update(_components(body[6:]))
    state.size, state.is_progressive = (height, width), marker == _PROGRESSIVE


@functools.lru_cache(maxsize=256)
def _components(body: bytes) -> dict[int, tuple[int, int, int]]:
    """Returns the components that a frame header names, as in `_State`."""
    components = {}
    for identifier, sampling, table in zip(body[::3], body[1::3], body[2::3]):
        if table > 3 or identifier in components:
            raise _Unknown
        components[identifier] = sampling >> 4, sampling & 15, table
    samplings = [component[:2] for component in components.values()]
    most = [max(column) for column in zip(*samplings)]
    if not all(
        1 <= value <= 4 and top % value == 0
        for sampling in samplings
        for value, top in zip(sampling, most)
    ):
        raise _Unknown
    return components


def _read_scan_header(body: bytes, state: _State) -> None:
    count = body[0]
    if not 1 <= count <= len(state.components) or len(body) != 4 + 2 * count:
        raise _Unknown
    first, last, high, low = body[-3], body[-2], body[-1] >> 4, body[-1] & 15
    found = [(body[1 + 2 * index], body[2 + 2 * index]) for index in range(count)]
    identifiers = {identifier for identifier, _ in found}
    if len(identifiers) != count or not identifiers <= set(state.components):
        raise _Unknown
    blocks = sum(state.components[one][0] * state.components[one][1] for one in identifiers)
    if count > 1 and blocks > _MOST_BLOCKS:
        raise _Unknown
    if state.is_progressive:
        _check_progression(first, last, high, low, count)
        if first and not identifiers <= state.scanned:  # Details before the means.
            raise _Unknown
    elif (first, last, high, low) != (0, 63, 0, 0) or identifiers & state.scanned:
        raise _Unknown
    state.scanned |= identifiers
    for identifier, tables in found:
        if state.components[identifier][2] not in state.quantization:
            raise _Unknown
        # The means have codes unless a scan refines them by plain bits.
        if first == 0 and high == 0 and (0, tables >> 4) not in state.huffman:
            raise _Unknown
        if last > 0 and (1, tables & 15) not in state.huffman:
            raise _Unknown


def _check_progression(first: int, last: int, high: int, low: int, count: int) -> None:
    """Checks which bits of which coefficients a progressive scan holds."""
    if first == 0:
        is_good = last == 0
    else:
        is_good = first <= last <= 63 and count == 1
    if not is_good or low > 13 or (high and low != high - 1):
        raise _Unknown
