"""Reads pickles and .npz files of arrays without running anything they contain.

A pickle is a program: loading one with the standard library can call any function. This reader
admits a closed list of names, all of them stand-ins of `pickle_stand_ins`, and refuses everything
else before it is looked up. What comes out is plain data: dicts, lists, NumPy arrays and scalars,
SciPy sparse matrices. Files of Python 2 and 3, pickle protocols 0 to 5, old and new NumPy and SciPy
module names, and chumpy objects (which become the arrays they hold) are understood; none of
chumpy, the old NumPy or the old SciPy needs to be installed.
"""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Callable, NoReturn

import numpy as np

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.pickle_stand_ins import (
    ADMITTED,
    Admitted,
    Array,
    Chumpy,
    Dtype,
    ImmutableType,
    Malformed,
    Sparse,
)


class PickleRefusedError(DatasetError):
    """Raised when a pickle asks for more than plain data, or is damaged."""


class PickleDamagedError(PickleRefusedError):
    """Raised when a file is no pickle or a cut one; nothing speaks for ill will."""


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
        self._names = dict(ADMITTED)
        for key, value in more_names.items():
            self._names[key] = Admitted(value) if callable(value) else value
        self._find_outside = find_outside

    def find_class(self, module: str, name: str) -> Any:
        # An exact table, so dotted names (attribute walks of protocol 4) find nothing either.
        try:
            return self._names[module, name]
        except KeyError:
            raise Malformed(
                f"it asks for '{module}.{name}', which is not an array, a sparse matrix or a "
                "plain container"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        if self._find_outside is None:
            raise Malformed("it asks for objects outside the file")
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
        if isinstance(value, Array):
            return self._resolve_array(getattr(value, "value", None))
        if isinstance(value, np.ndarray):
            return self._resolve_array(value)
        if isinstance(value, Dtype):
            return value.resolve()
        if isinstance(value, (Sparse, Chumpy)):
            return value.resolve(self.resolve(getattr(value, "state", {})))
        if isinstance(value, (Admitted, ImmutableType)):
            raise Malformed("it holds a function or a class instead of data")
        return value

    def _resolve_array(self, array: Any) -> np.ndarray:
        if array is None:
            raise Malformed("an array has no content")
        if array.dtype == object:
            flat = array.reshape(-1)
            for index in range(flat.size):
                flat[index] = self.resolve(flat[index])
            return flat.reshape(array.shape)
        return array


def refuse(reason: str) -> NoReturn:
    """Refuses the pickle being loaded, from within a stand-in given to `load`."""
    raise Malformed(reason)


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
    except Malformed as error:
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
