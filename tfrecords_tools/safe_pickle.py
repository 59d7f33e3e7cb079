"""Reads pickles and .npz files of arrays without running anything they contain.

A pickle is a program: loading one with the standard library can call any function. This reader
admits a closed list of names, all of them stand-ins written here, and refuses everything else
before it is looked up. What comes out is plain data: dicts, lists, NumPy arrays and scalars, SciPy
sparse matrices. Files of Python 2 and 3, pickle protocols 0 to 5, old and new NumPy and SciPy
module names, and chumpy objects (which become the arrays they hold) are understood; none of
chumpy, the old NumPy or the old SciPy needs to be installed.

NumPy's own ``__setstate__`` is never called with values from the file either, since crafted states
of ``dtype`` can make it read arbitrary memory: arrays are rebuilt from checked bytes.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Callable, NoReturn

import numpy as np
from scipy import sparse

from tfrecords_tools.errors import DatasetError

_DTYPE_CODE = re.compile(r"([|<>=]?)(\?|[biufcSU]\d+|O\d*)")


class PickleRefusedError(DatasetError):
    """Raised when a pickle asks for more than plain data, or is damaged."""


class PickleDamagedError(PickleRefusedError):
    """Raised when a file is no pickle or a cut one; nothing speaks for ill will."""


class _Malformed(Exception):
    """Raised by the stand-ins; becomes a `PickleRefusedError` that names the file."""


class _ImmutableType(type):
    """Metaclass of the stand-ins: a pickle's BUILD step must not be able to change a class."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise _Malformed(f"it tries to change the class '{cls.__name__}'")


class _Array(metaclass=_ImmutableType):
    """Stands for ``numpy.ndarray`` while the pickle is read."""

    __slots__ = ("value",)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise _Malformed("an array's state is not understood")
        shape, dtype, is_fortran, data = state[-4:]
        self.value = _build_array(shape, dtype, bool(is_fortran), data)


class _Dtype(metaclass=_ImmutableType):
    """Stands for ``numpy.dtype``; only numbers, booleans, text and objects are admitted."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *_: Any) -> None:
        match = _DTYPE_CODE.fullmatch(code) if isinstance(code, str) else None
        if match is None:
            raise _Malformed(f"an array has the type {str(code)[:40]!r}, which is not plain data")
        self.order, self.code = match.groups()

    def __setstate__(self, state: Any) -> None:
        plain = isinstance(state, tuple) and len(state) >= 5 and state[3] is None
        if not plain or state[2] is not None or state[1] not in ("<", ">", "|", "="):
            raise _Malformed("an array has a compound type, which is not plain data")
        self.order = state[1]

    def resolve(self) -> np.dtype:
        return np.dtype(object) if self.code[0] == "O" else np.dtype(self.order + self.code)


class _Sparse(metaclass=_ImmutableType):
    """Stands for a SciPy sparse matrix; the subclasses say which."""

    __slots__ = ("state",)
    build: Callable[..., Any]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise _Malformed("a sparse matrix's state is not understood")
        self.state = state

    def resolve(self, members: dict[str, Any]) -> Any:
        """Builds the matrix from its members, with its indices checked."""
        shape = tuple(int(size) for size in members.get("_shape", members.get("shape")))
        values = [np.asarray(values) for values in self.arguments(members)]
        if any(value.dtype.hasobject for value in values):
            raise _Malformed("a sparse matrix holds objects")
        return type(self).build(*values, shape)

    def arguments(self, members: dict[str, Any]) -> list[Any]:
        return [members["data"], members["indices"], members["indptr"]]


class _Csc(_Sparse):
    __slots__ = ()

    @staticmethod
    def build(data: Any, indices: Any, indptr: Any, shape: Any) -> Any:
        matrix = sparse.csc_matrix((data, indices, indptr), shape=shape)
        matrix.check_format(full_check=True)  # Refuses indices out of range.
        return matrix


class _Csr(_Sparse):
    __slots__ = ()

    @staticmethod
    def build(data: Any, indices: Any, indptr: Any, shape: Any) -> Any:
        matrix = sparse.csr_matrix((data, indices, indptr), shape=shape)
        matrix.check_format(full_check=True)
        return matrix


class _Coo(_Sparse):
    __slots__ = ()

    @staticmethod
    def build(data: Any, row: Any, column: Any, shape: Any) -> Any:
        return sparse.coo_matrix((data, (row, column)), shape=shape)

    def arguments(self, members: dict[str, Any]) -> list[Any]:
        row, column = members["coords"] if "coords" in members else (members["row"], members["col"])
        return [members["data"], row, column]


class _Chumpy(metaclass=_ImmutableType):
    """Stands for ``chumpy.ch.Ch``: an array under the key ``x``."""

    __slots__ = ("state",)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise _Malformed("a chumpy object's state is not understood")
        self.state = state

    def resolve(self, members: dict[str, Any]) -> np.ndarray:
        if "x" not in members:
            raise _Malformed("a chumpy object holds no array (key 'x')")
        return np.asarray(members["x"])


class _ChumpySelect(_Chumpy):
    """Stands for ``chumpy.reordering.Select``: elements ``idxs`` of ``a``, reshaped."""

    __slots__ = ()

    def resolve(self, members: dict[str, Any]) -> np.ndarray:
        missing = {"a", "idxs", "preferred_shape"} - set(members)
        if missing:
            raise _Malformed(f"a chumpy selection lacks {', '.join(sorted(missing))}")
        chosen = np.asarray(members["a"]).ravel()[np.asarray(members["idxs"]).ravel().astype(int)]
        return chosen.reshape([int(size) for size in np.ravel(members["preferred_shape"])])


class _Admitted:
    """A callable handed to the unpickler that a BUILD step cannot alter."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise _Malformed("it tries to change a function")

    def __setstate__(self, state: Any) -> None:
        raise _Malformed("it tries to change a function")


def _not_callable(*_: Any) -> Any:
    raise _Malformed("it calls a name that only marks a type")


_NDARRAY = _Admitted(_not_callable)
_OBJECT = _Admitted(_not_callable)


def _build_array(shape: Any, dtype: Any, is_fortran: bool, data: Any) -> np.ndarray:
    """Returns an array of native byte order from checked parts of a pickled state."""
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise _Malformed("an array's state is not understood")
    shape = tuple(int(size) for size in shape)
    if any(size < 0 for size in shape):
        raise _Malformed("an array has a negative size")
    order = "F" if is_fortran else "C"
    kind, size = dtype.resolve(), math.prod(shape)
    if kind.hasobject:
        if not isinstance(data, list) or len(data) != size:
            raise _Malformed("an array of objects does not match its shape")
        items = np.empty(size, object)
        for index, item in enumerate(data):
            items[index] = item
        return items.reshape(shape, order=order)
    # Python 2 wrote the bytes as a string, which the latin1 decoding keeps one to one.
    raw = data.encode("latin1") if isinstance(data, str) else data
    is_empty_text = kind.itemsize == 0
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != size * kind.itemsize or is_empty_text:
        raise _Malformed(f"an array of shape {shape} does not match its bytes")
    return _from_bytes(raw, kind, shape, order)


def _from_bytes(raw: Any, kind: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    values = np.frombuffer(raw, kind).reshape(shape, order=order)
    return values.astype(kind.newbyteorder("="), order="K", copy=True)


def _reconstruct_array(subtype: Any, shape: Any, _type_code: Any) -> _Array:
    if subtype is not _NDARRAY:
        raise _Malformed("an array is of an unknown subtype")
    return _Array()


def _array_from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Protocol 5's form of an array."""
    raw = bytes(buffer) if isinstance(buffer, (bytes, bytearray)) else b""
    return _build_array(tuple(shape), dtype, order == "F", raw)


def _scalar(dtype: Any, data: Any) -> Any:
    return _build_array((1,), dtype, False, data)[0]


def _reconstruct_object(cls: Any, base: Any, state: Any) -> Any:
    """Protocol 0 and 1's form of an object without constructor arguments."""
    if not isinstance(cls, _ImmutableType) or base is not _OBJECT or state is not None:
        raise _Malformed("an object is built in an unknown way")
    return cls.__new__(cls)


def _encode_latin1(text: Any, encoding: Any = "latin1") -> bytes:
    """Python 3's form of bytes in protocols 0 to 2."""
    if not isinstance(text, str) or str(encoding) not in ("latin1", "latin-1"):
        raise _Malformed("bytes are encoded in an unknown way")
    return text.encode("latin1")


def _plain_list(items: Any = ()) -> list[Any]:
    if not isinstance(items, (list, tuple)):
        raise _Malformed("a container is built from something that is not a list")
    return list(items)


def _plain_bytes(*args: Any) -> bytes:
    return _encode_latin1(*args) if args else b""


def _plain_complex(real: float, imaginary: float) -> complex:
    return complex(float(real), float(imaginary))


def _admitted_names() -> dict[tuple[str, str], Any]:
    """Returns (module, name) -> stand-in: the whole of what a pickle may ask for."""
    names: dict[tuple[str, str], Any] = {}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        names[module, "_reconstruct"] = _Admitted(_reconstruct_array)
        names[module, "scalar"] = _Admitted(_scalar)
    for module in ("numpy.core.numeric", "numpy._core.numeric"):
        names[module, "_frombuffer"] = _Admitted(_array_from_buffer)
    names["numpy", "ndarray"] = _NDARRAY
    names["numpy", "dtype"] = _Admitted(_Dtype)
    for letters, stand_in in (("csc", _Csc), ("csr", _Csr), ("coo", _Coo)):
        for module in (f"scipy.sparse.{letters}", f"scipy.sparse._{letters}", "scipy.sparse"):
            names[module, f"{letters}_matrix"] = stand_in
            names[module, f"{letters}_array"] = stand_in
    names["chumpy.ch", "Ch"] = names["chumpy", "Ch"] = _Chumpy
    names["chumpy.reordering", "Select"] = _ChumpySelect
    for module in ("copy_reg", "copyreg"):
        names[module, "_reconstructor"] = _Admitted(_reconstruct_object)
    for module in ("__builtin__", "builtins"):
        names[module, "object"] = _OBJECT
        names[module, "list"] = _Admitted(_plain_list)
        names[module, "tuple"] = _Admitted(lambda items=(): tuple(_plain_list(items)))
        names[module, "set"] = _Admitted(lambda items=(): set(_plain_list(items)))
        names[module, "frozenset"] = _Admitted(lambda items=(): frozenset(_plain_list(items)))
        names[module, "dict"] = _Admitted(lambda items=(): dict(_plain_list(items)))
        names[module, "bytes"] = _Admitted(_plain_bytes)
        names[module, "bytearray"] = _Admitted(_plain_bytes)
        names[module, "complex"] = _Admitted(_plain_complex)
    names["collections", "OrderedDict"] = _Admitted(lambda items=(): dict(_plain_list(items)))
    names["_codecs", "encode"] = _Admitted(_encode_latin1)
    return names


_ADMITTED = _admitted_names()


class _Unpickler(pickle.Unpickler):
    """An unpickler whose every global is a stand-in."""

    def __init__(
        self,
        source: BinaryIO,
        encoding: str,
        more_names: Mapping[tuple[str, str], Any],
        find_outside: Callable[[Any], Any] | None,
    ) -> None:
        super().__init__(source, encoding=encoding)
        self._names = dict(_ADMITTED)
        for key, value in more_names.items():
            self._names[key] = _Admitted(value) if callable(value) else value
        self._find_outside = find_outside

    def find_class(self, module: str, name: str) -> Any:
        # An exact table, so dotted names (attribute walks of protocol 4) find nothing either.
        try:
            return self._names[module, name]
        except KeyError:
            raise _Malformed(
                f"it asks for '{module}.{name}', which is not an array, a sparse matrix or a "
                "plain container"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        if self._find_outside is None:
            raise _Malformed("it asks for objects outside the file")
        return self._find_outside(pid)


class _Resolver:
    """Replaces the stand-ins in a loaded tree by what they stand for."""

    def __init__(self) -> None:
        # Keeps the originals alive too, since an id is only unique among living objects.
        self._done: dict[int, tuple[Any, Any]] = {}

    def resolve(self, value: Any) -> Any:
        if id(value) in self._done:
            return self._done[id(value)][1]
        if isinstance(value, dict):
            result: Any = {}
            self._done[id(value)] = (value, result)
            result.update((self.resolve(k), self.resolve(v)) for k, v in value.items())
            return result
        if isinstance(value, list):
            result = []
            self._done[id(value)] = (value, result)
            result.extend(self.resolve(item) for item in value)
            return result
        result = self._resolve_leaf(value)
        self._done[id(value)] = (value, result)
        return result

    def _resolve_leaf(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self.resolve(item) for item in value)
        if isinstance(value, _Array):
            return self._resolve_array(getattr(value, "value", None))
        if isinstance(value, np.ndarray):
            return self._resolve_array(value)
        if isinstance(value, _Dtype):
            return value.resolve()
        if isinstance(value, (_Sparse, _Chumpy)):
            return value.resolve(self.resolve(getattr(value, "state", {})))
        if isinstance(value, (_Admitted, _ImmutableType)):
            raise _Malformed("it holds a function or a class instead of data")
        return value

    def _resolve_array(self, array: Any) -> np.ndarray:
        if array is None:
            raise _Malformed("an array has no content")
        if array.dtype == object:
            flat = array.reshape(-1)
            for index in range(flat.size):
                flat[index] = self.resolve(flat[index])
            return flat.reshape(array.shape)
        return array


def refuse(reason: str) -> NoReturn:
    """Refuses the pickle being loaded, from within a stand-in given to `load`."""
    raise _Malformed(reason)


def load(
    source: str | Path | BinaryIO,
    name: str = "",
    encoding: str = "latin1",
    more_names: Mapping[tuple[str, str], Any] | None = None,
    find_outside: Callable[[Any], Any] | None = None,
) -> Any:
    """Loads a pickle of plain data; runs nothing from it.

    Args:
        source: a path, or an open binary file, which is left at the end of the pickle.
        name: what to call the file in errors; the path if empty.
        encoding: how Python 2 strings are decoded. ``latin1`` also keeps arrays intact.
        more_names: (module, name) -> stand-in, besides those of this module. Each must be safe to
            call with anything, or a plain value; what they make is returned as it is.
        find_outside: what is called with the references to objects outside the pickle; refused if
            None.

    Returns:
        Dicts, lists, tuples, numbers, strings, bytes, NumPy arrays and scalars, SciPy matrices.
        chumpy objects become arrays.

    Raises:
        PickleRefusedError: if the pickle asks for any name outside the admitted list (the message
            names it), or is damaged.
    """
    if isinstance(source, (str, Path)):
        with open(source, "rb") as file:
            return load(file, name or str(source), encoding, more_names, find_outside)
    try:
        unpickler = _Unpickler(source, encoding, more_names or {}, find_outside)
        return _Resolver().resolve(unpickler.load())
    except _Malformed as error:
        raise PickleRefusedError(
            f"{name or 'pickle'}: refused to load this pickle: {error}; nothing in it was run."
        ) from None
    except Exception as error:  # A damaged pickle can fail in any way at all.
        raise PickleDamagedError(
            f"{name or 'pickle'}: not a readable pickle ({type(error).__name__}: {error}); "
            "the file is damaged or of another format."
        ) from error


def load_npz(path: str | Path, names: Collection[str] | None = None) -> dict[str, Any]:
    """Loads the arrays of an .npz file; members that hold objects go through `load`.

    Args:
        path: the .npz file.
        names: which of its arrays are loaded, if they are there; None for all.

    Returns:
        name -> array; a member that holds one object gives that object.

    Raises:
        PickleRefusedError: if the file is damaged or a member's pickle is refused.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {n[: -len(".npy")]: n for n in archive.namelist() if n.endswith(".npy")}
            return {
                name: _load_npy(archive.read(member), f"{path}:{member}")
                for name, member in members.items()
                if names is None or name in names
            }
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise PickleDamagedError(
            f"{path}: not a readable .npz file ({error}); the file is damaged or of another format."
        ) from error


def _load_npy(content: bytes, name: str) -> Any:
    """Returns the array of one .npy member, its object payload unpickled safely."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    _, _, dtype = read_header(file)
    if not dtype.hasobject:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    value = load(file, name)
    is_boxed = isinstance(value, np.ndarray) and value.dtype == object and value.shape == ()
    return value.item() if is_boxed else value
