"""Pickles as Python 2 wrote them, which is what older datasets hold."""

from __future__ import annotations

import io
import pickle
import struct
from typing import Any, ClassVar


def dumps(value: Any) -> bytes:
    """Returns the pickle of plain data and arrays: protocol 2, all text as byte strings."""
    buffer = io.BytesIO()
    _Python2Pickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


class _Python2Pickler(pickle._Pickler):
    """Writes text and bytes as Python 2's one string type, which the real files hold."""

    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)

    def _save_string(self, value: Any) -> None:
        content = value.encode("latin1") if isinstance(value, str) else value
        if len(content) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(content)]) + content)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(value)

    dispatch[str] = _save_string
    dispatch[bytes] = _save_string
