"""What stands for the names that a pickle may ask for, and the list of those names.

A stand-in takes what the file says, checks it, and keeps it until `safe_pickle` puts the data in
its place. None of them can be changed by a file, and none runs anything from it.

NumPy's own ``__setstate__`` is never called with values from the file either, since crafted states
of ``dtype`` can make it read arbitrary memory: arrays are rebuilt from checked bytes.
"""

from __future__ import annotations

import math
import re
from typing import Any, Callable

import numpy as np
from scipy import sparse

_DTYPE_CODE = re.compile(r"([|<>=]?)(\?|[biufcSU]\d+|O\d*)")


class Malformed(Exception):
    """Raised by the stand-ins; becomes a `PickleRefusedError` that names the file."""


class ImmutableType(type):
    """Metaclass of the stand-ins: a pickle's BUILD step must not be able to change a class."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise Malformed(f"it tries to change the class '{cls.__name__}'")


class Array(metaclass=ImmutableType):
    """Stands for ``numpy.ndarray`` while the pickle is read."""

    __slots__ = ("value",)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise Malformed("an array's state is not understood")
        shape, dtype, is_fortran, data = state[-4:]
        self.value = _build_array(shape, dtype, bool(is_fortran), data)


class Dtype(metaclass=ImmutableType):
    """Stands for ``numpy.dtype``; only numbers, booleans, text and objects are admitted."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *_: Any) -> None:
        match = _DTYPE_CODE.fullmatch(code) if isinstance(code, str) else None
        if match is None:
            raise Malformed(f"an array has the type {str(code)[:40]!r}, which is not plain data")
        self.order, self.code = match.groups()

    def __setstate__(self, state: Any) -> None:
        plain = isinstance(state, tuple) and len(state) >= 5 and state[3] is None
        if not plain or state[2] is not None or state[1] not in ("<", ">", "|", "="):
            raise Malformed("an array has a compound type, which is not plain data")
        self.order = state[1]

    def resolve(self) -> np.dtype:
        """Returns the type."""
        return np.dtype(object) if self.code[0] == "O" else np.dtype(self.order + self.code)


class Sparse(metaclass=ImmutableType):
    """Stands for a SciPy sparse matrix; the subclasses say which."""

    __slots__ = ("state",)
    build: Callable[..., Any]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise Malformed("a sparse matrix's state is not understood")
        self.state = state

    def resolve(self, members: dict[str, Any]) -> Any:
        """Builds the matrix from its members, with its indices checked."""
        shape = tuple(int(size) for size in members.get("_shape", members.get("shape")))
        values = [np.asarray(values) for values in self.arguments(members)]
        if any(value.dtype.hasobject for value in values):
            raise Malformed("a sparse matrix holds objects")
        return type(self).build(*values, shape)

    def arguments(self, members: dict[str, Any]) -> list[Any]:
        """Returns what `build` takes before the shape."""
        return [members["data"], members["indices"], members["indptr"]]


class _Csc(Sparse):
    __slots__ = ()

    @staticmethod
    def build(data: Any, indices: Any, indptr: Any, shape: Any) -> Any:
        matrix = sparse.csc_matrix((data, indices, indptr), shape=shape)
        matrix.check_format(full_check=True)  # Refuses indices out of range.
        return matrix


class _Csr(Sparse):
    __slots__ = ()

    @staticmethod
    def build(data: Any, indices: Any, indptr: Any, shape: Any) -> Any:
        matrix = sparse.csr_matrix((data, indices, indptr), shape=shape)
        matrix.check_format(full_check=True)
        return matrix


class _Coo(Sparse):
    __slots__ = ()

    @staticmethod
    def build(data: Any, row: Any, column: Any, shape: Any) -> Any:
        return sparse.coo_matrix((data, (row, column)), shape=shape)

    def arguments(self, members: dict[str, Any]) -> list[Any]:
        row, column = members["coords"] if "coords" in members else (members["row"], members["col"])
        return [members["data"], row, column]


class Chumpy(metaclass=ImmutableType):
    """Stands for ``chumpy.ch.Ch``: an array under the key ``x``."""

    __slots__ = ("state",)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise Malformed("a chumpy object's state is not understood")
        self.state = state

    def resolve(self, members: dict[str, Any]) -> np.ndarray:
        """Returns the array, from the object's members."""
        if "x" not in members:
            raise Malformed("a chumpy object holds no array (key 'x')")
        return np.asarray(members["x"])


class _ChumpySelect(Chumpy):
    """Stands for ``chumpy.reordering.Select``: elements ``idxs`` of ``a``, reshaped."""

    __slots__ = ()

    def resolve(self, members: dict[str, Any]) -> np.ndarray:
        missing = {"a", "idxs", "preferred_shape"} - set(members)
        if missing:
            raise Malformed(f"a chumpy selection lacks {', '.join(sorted(missing))}")
        chosen = np.asarray(members["a"]).ravel()[np.asarray(members["idxs"]).ravel().astype(int)]
        return chosen.reshape([int(size) for size in np.ravel(members["preferred_shape"])])


class Admitted:
    """A callable handed to the unpickler that a BUILD step cannot alter."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise Malformed("it tries to change a function")

    def __setstate__(self, state: Any) -> None:
        raise Malformed("it tries to change a function")


def _not_callable(*_: Any) -> Any:
    raise Malformed("it calls a name that only marks a type")


_NDARRAY = Admitted(_not_callable)
_OBJECT = Admitted(_not_callable)


def _build_array(shape: Any, dtype: Any, is_fortran: bool, data: Any) -> np.ndarray:
    """Returns an array of native byte order from checked parts of a pickled state."""
    if not isinstance(dtype, Dtype) or not isinstance(shape, tuple):
        raise Malformed("an array's state is not understood")
    shape = tuple(int(size) for size in shape)
    if any(size < 0 for size in shape):
        raise Malformed("an array has a negative size")
    order = "F" if is_fortran else "C"
    kind, size = dtype.resolve(), math.prod(shape)
    if kind.hasobject:
        if not isinstance(data, list) or len(data) != size:
            raise Malformed("an array of objects does not match its shape")
        items = np.empty(size, object)
        for index, item in enumerate(data):
            items[index] = item
        return items.reshape(shape, order=order)
    # Python 2 wrote the bytes as a string, which the latin1 decoding keeps one to one.
    raw = data.encode("latin1") if isinstance(data, str) else data
    is_empty_text = kind.itemsize == 0
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != size * kind.itemsize or is_empty_text:
        raise Malformed(f"an array of shape {shape} does not match its bytes")
    return _from_bytes(raw, kind, shape, order)


def _from_bytes(raw: Any, kind: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    values = np.frombuffer(raw, kind).reshape(shape, order=order)
    return values.astype(kind.newbyteorder("="), order="K", copy=True)


def _reconstruct_array(subtype: Any, shape: Any, _type_code: Any) -> Array:
    if subtype is not _NDARRAY:
        raise Malformed("an array is of an unknown subtype")
    return Array()


def _array_from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Protocol 5's form of an array."""
    raw = bytes(buffer) if isinstance(buffer, (bytes, bytearray)) else b""
    return _build_array(tuple(shape), dtype, order == "F", raw)


def _scalar(dtype: Any, data: Any) -> Any:
    return _build_array((1,), dtype, False, data)[0]


def _reconstruct_object(cls: Any, base: Any, state: Any) -> Any:
    """Protocol 0 and 1's form of an object without constructor arguments."""
    if not isinstance(cls, ImmutableType) or base is not _OBJECT or state is not None:
        raise Malformed("an object is built in an unknown way")
    return cls.__new__(cls)


def _encode_latin1(text: Any, encoding: Any = "latin1") -> bytes:
    """Python 3's form of bytes in protocols 0 to 2."""
    if not isinstance(text, str) or str(encoding) not in ("latin1", "latin-1"):
        raise Malformed("bytes are encoded in an unknown way")
    return text.encode("latin1")


def _plain_list(items: Any = ()) -> list[Any]:
    if not isinstance(items, (list, tuple)):
        raise Malformed("a container is built from something that is not a list")
    return list(items)


def _plain_bytes(*args: Any) -> bytes:
    return _encode_latin1(*args) if args else b""


def _plain_complex(real: float, imaginary: float) -> complex:
    return complex(float(real), float(imaginary))


def _admitted_names() -> dict[tuple[str, str], Any]:
    """Returns (module, name) -> stand-in: the whole of what a pickle may ask for."""
    names: dict[tuple[str, str], Any] = {}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        names[module, "_reconstruct"] = Admitted(_reconstruct_array)
        names[module, "scalar"] = Admitted(_scalar)
    for module in ("numpy.core.numeric", "numpy._core.numeric"):
        names[module, "_frombuffer"] = Admitted(_array_from_buffer)
    names["numpy", "ndarray"] = _NDARRAY
    names["numpy", "dtype"] = Admitted(Dtype)
    for letters, stand_in in (("csc", _Csc), ("csr", _Csr), ("coo", _Coo)):
        for module in (f"scipy.sparse.{letters}", f"scipy.sparse._{letters}", "scipy.sparse"):
            names[module, f"{letters}_matrix"] = stand_in
            names[module, f"{letters}_array"] = stand_in
    names["chumpy.ch", "Ch"] = names["chumpy", "Ch"] = Chumpy
    names["chumpy.reordering", "Select"] = _ChumpySelect
    for module in ("copy_reg", "copyreg"):
        names[module, "_reconstructor"] = Admitted(_reconstruct_object)
    for module in ("__builtin__", "builtins"):
        names[module, "object"] = _OBJECT
        names[module, "list"] = Admitted(_plain_list)
        names[module, "tuple"] = Admitted(lambda items=(): tuple(_plain_list(items)))
        names[module, "set"] = Admitted(lambda items=(): set(_plain_list(items)))
        names[module, "frozenset"] = Admitted(lambda items=(): frozenset(_plain_list(items)))
        names[module, "dict"] = Admitted(lambda items=(): dict(_plain_list(items)))
        names[module, "bytes"] = Admitted(_plain_bytes)
        names[module, "bytearray"] = Admitted(_plain_bytes)
        names[module, "complex"] = Admitted(_plain_complex)
    names["collections", "OrderedDict"] = Admitted(lambda items=(): dict(_plain_list(items)))
    names["_codecs", "encode"] = Admitted(_encode_latin1)
    return names


ADMITTED = _admitted_names()
