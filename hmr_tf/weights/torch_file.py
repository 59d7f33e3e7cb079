"""Torch's checkpoint files without torch: today's zip archives and the older single stream.

Either is a pickle of the structure, in which tensors are references into raw data beside it. The
pickle goes through `tfrecords_tools.safe_pickle`, to which this module adds the few names that
rebuild tensors, all of them stand-ins: nothing from the file is run, and a file that asks for more
is refused.
"""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Callable

import numpy as np

from hmr_tf.errors import CheckpointError
from tfrecords_tools import safe_pickle

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_BFLOAT16 = "bfloat16"
_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}


class _Checked:
    """What a pickle's BUILD step must not alter after it was checked."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        safe_pickle.refuse("it tries to change a tensor")


class _Storage(_Checked):
    """A reference to raw numbers in the file."""

    __slots__ = ("count", "dtype", "key", "start")

    def __init__(self, key: str, dtype: str, count: int, start: int = 0) -> None:
        self.key, self.dtype, self.count, self.start = key, dtype, count, start

    @property
    def item_size(self) -> int:
        return 2 if self.dtype == _BFLOAT16 else np.dtype(self.dtype).itemsize


class _Tensor(_Checked):
    """A tensor as a view into a storage."""

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any) -> None:
        if not isinstance(storage, _Storage) or not _are_sizes((offset, *shape, *strides)):
            safe_pickle.refuse("a tensor is rebuilt in an unknown way")
        if len(shape) != len(strides):
            safe_pickle.refuse("a tensor's strides do not fit its shape")
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
        if math.prod(shape) and last >= storage.count:
            safe_pickle.refuse("a tensor reaches beyond its data")
        self.storage, self.offset = storage, storage.start + offset
        self.shape, self.strides = tuple(shape), tuple(strides)


class _StateDict(dict):
    """Stands for OrderedDict, whose notes of module versions are not kept."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        pass


def _are_sizes(values: Any) -> bool:
    return all(isinstance(value, int) and 0 <= value < 2**48 for value in values)


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _rebuild_parameter(data: Any, *_: Any) -> _Tensor:
    if not isinstance(data, _Tensor):
        safe_pickle.refuse("a parameter is rebuilt in an unknown way")
    return data


def _rebuild_dict(items: Any = ()) -> _StateDict:
    if not isinstance(items, (list, tuple)):
        safe_pickle.refuse("a container is built from something that is not a list")
    return _StateDict(items)


_NAMES: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): lambda sizes=(): tuple(sizes),
    ("collections", "OrderedDict"): _rebuild_dict,
    **{("torch", name): dtype for name, dtype in _STORAGES.items()},
}


class TorchFile:
    """The tensors of a torch checkpoint (see `hmr_tf.weights.mapping.Tensors`).

    Tensors are named by their keys, joined by dots. Those under `section` go without its name, and
    without the ``module.`` that torch's data parallel models put before all of theirs.

    Args:
        path: the file.
        section: the entry of the file that holds the network, e.g. ``state_dict``; if the file has
            none of that name, all of it is the network.

    Raises:
        CheckpointError: if the file is missing, damaged, of another format, or asks for anything
            but tensors.
    """

    def __init__(self, path: str, section: str = "") -> None:
        self.path = path
        if not os.path.isfile(path):
            raise CheckpointError(f"There is no file '{path}'.")
        self._tensors: dict[str, _Tensor] = {}
        try:
            with open(path, "rb") as file:
                self._is_zip = file.read(4) == b"PK\x03\x04"
            contents = self._read_zip() if self._is_zip else self._read_legacy()
        except safe_pickle.PickleRefusedError as error:
            raise CheckpointError(str(error)) from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise CheckpointError(f"{path}: damaged, or no torch file ({error}).") from error
        own = contents.get(section) if isinstance(contents, Mapping) else None
        if isinstance(own, Mapping):
            contents = {key: value for key, value in contents.items() if key != section}
            self._collect(own, "")
            self._strip_module()
            self._collect(contents, "")
        else:
            self._collect(contents, "")
            self._strip_module()
        self.shapes = {name: tensor.shape for name, tensor in self._tensors.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor; bfloat16 as float32."""
        tensor = self._tensors[name]
        storage = tensor.storage
        try:
            raw = self._raw(storage)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError) as error:
            raise CheckpointError(f"{self.path}: the data of '{name}' is damaged.") from error
        size = (storage.start + storage.count) * storage.item_size
        if len(raw) < size:
            raise CheckpointError(
                f"{self.path}: cut off: the data of '{name}' should be {size} bytes; there are "
                f"{len(raw)}."
            )
        if storage.dtype == _BFLOAT16:
            values = np.frombuffer(raw, "<u2").astype("<u4") << 16
            values = values.view("<f4")
        else:
            values = np.frombuffer(raw, storage.dtype, count=len(raw) // storage.item_size)
        steps = [stride * values.itemsize for stride in tensor.strides]
        view = np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps)
        return np.ascontiguousarray(view).reshape(tensor.shape)

    def _collect(self, value: Any, name: str) -> None:
        """Gathers the tensors of a tree under their names."""
        if isinstance(value, _Tensor):
            self._tensors[name] = value
            return
        if isinstance(value, Mapping):
            items = list(value.items())
        elif isinstance(value, (list, tuple)):
            items = list(enumerate(value))
        else:
            return
        for key, item in items:
            self._collect(item, f"{name}.{key}" if name else str(key))

    def _strip_module(self) -> None:
        if all(name.startswith("module.") for name in self._tensors):
            self._tensors = {name[len("module.") :]: x for name, x in self._tensors.items()}

    def _read_zip(self) -> Any:
        """Reads the structure of a zip archive, one folder with data.pkl and data/KEY."""
        with zipfile.ZipFile(self.path) as archive:
            names = archive.namelist()
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise CheckpointError(f"{self.path}: a compressed archive, not of torch.save.")
            pickles = [x for x in names if x.count("/") == 1 and x.endswith("/data.pkl")]
            if len(pickles) != 1 or any(x.endswith("/constants.pkl") for x in names):
                raise CheckpointError(
                    f"{self.path}: a zip archive, but not of torch.save (TorchScript is not read)."
                )
            self._folder = pickles[0][: -len("data.pkl")]
            order = f"{self._folder}byteorder"
            if order in names and archive.read(order) != b"little":
                raise CheckpointError(f"{self.path}: written on a big-endian machine; not read.")
            with archive.open(pickles[0]) as file:
                return _load(file, self.path, _find_storage)

    def _read_legacy(self) -> Any:
        """Reads the structure of the older format and notes where each storage's numbers begin."""
        storages: dict[str, _Storage] = {}

        def find(reference: Any) -> _Storage:
            storage = _find_storage(reference)
            # A storage may be seen in parts; what lies in the file is the whole of its key.
            storages.setdefault(storage.key, storage)
            return storage

        with open(self.path, "rb") as file:
            if file.read(2) not in (b"\x80\x02", b"\x80\x03", b"\x80\x04"):
                raise CheckpointError(
                    f"{self.path}: not a torch file (neither a zip archive nor a pickle; torch's "
                    "tar files from before 2017 are not read)."
                )
            file.seek(0)
            magic, version = (_load(file, self.path) for _ in range(2))
            if magic != _LEGACY_MAGIC or version != _LEGACY_VERSION:
                raise CheckpointError(f"{self.path}: a pickle, but not of torch.save.")
            _load(file, self.path)  # The sizes of C's types on the machine that wrote it.
            contents = _load(file, self.path, find)
            keys = _load(file, self.path)
            self._starts = self._find_starts(file, keys, storages)
        return contents

    def _find_starts(
        self, file: BinaryIO, keys: Any, storages: Mapping[str, _Storage]
    ) -> dict[str, tuple[int, int]]:
        """Returns storage key -> (place, bytes) in the older format."""
        starts = {}
        end = os.path.getsize(self.path)
        for key in keys if isinstance(keys, list) else ():
            count = int.from_bytes(file.read(8), "little")
            size = count * storages[key].item_size if key in storages else end
            if file.tell() + size > end:
                raise CheckpointError(f"{self.path}: cut off in the data of its tensors.")
            starts[key] = (file.tell(), size)
            file.seek(size, os.SEEK_CUR)
        return starts

    def _raw(self, storage: _Storage) -> bytes:
        if self._is_zip:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(f"{self._folder}data/{storage.key}")
        place, size = self._starts[storage.key]
        with open(self.path, "rb") as file:
            file.seek(place)
            return file.read(size)


def _load(file: Any, path: str, find_outside: Callable[[Any], Any] | None = None) -> Any:
    return safe_pickle.load(file, path, more_names=_NAMES, find_outside=find_outside)


def _find_storage(reference: Any) -> _Storage:
    """Reads ('storage', type, key, device, count) and, in the older format, (key, start, count)."""
    if not isinstance(reference, tuple) or len(reference) not in (5, 6):
        safe_pickle.refuse("it refers to something outside that is no tensor's data")
    kind, dtype, key, _, count = reference[:5]
    view = reference[5] if len(reference) == 6 else None
    start = 0
    if view is not None:
        if not isinstance(view, tuple) or len(view) != 3:
            safe_pickle.refuse("it refers to a part of a tensor's data in an unknown way")
        _, start, count = view
    known = kind == "storage" and dtype in _STORAGES.values() and isinstance(key, str)
    if not known or not _are_sizes((start, count)):
        safe_pickle.refuse("it refers to something outside that is no tensor's data")
    return _Storage(key, dtype, count, start)
