"""Writes files as torch.save does, without torch."""

import struct
import zipfile

import numpy as np

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGE_TYPES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "bfloat16": "BFloat16Storage",
}


def write_torch(path, tree, is_zip):
    """Writes what torch.save does: today's zip archive, or the older single stream."""
    pickler = _TorchPickler(is_zip)
    structure = pickler.dump(tree)
    if is_zip:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("archive/data.pkl", structure)
            archive.writestr("archive/byteorder", "little")
            for key, (_, data) in enumerate(pickler.storages):
                archive.writestr(f"archive/data/{key}", data)
            archive.writestr("archive/version", "3\n")
        return
    keys = [str(key) for key in range(len(pickler.storages))]
    sizes = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    with open(path, "wb") as file:
        for part in (_LEGACY_MAGIC, 1001, sizes):
            file.write(_TorchPickler(is_zip).dump(part))
        file.write(structure)
        file.write(_TorchPickler(is_zip).dump(keys))
        for count, data in pickler.storages:
            file.write(struct.pack("<q", count))
            file.write(data)


def one_tensor(arguments, count, state=()):
    """Returns the pickle of a dict of one tensor `x`, rebuilt from these arguments.

    Args:
        arguments: offset, shape and strides.
        count: numbers in the data.
        state: what a BUILD step gives the tensor; none if empty.
    """
    pickler = _TorchPickler(is_zip=True)
    build = pickler.plain(state) + b"b" if state else b""
    tensor = pickler.rebuilt("0", "FloatStorage", count, arguments)
    return b"\x80\x02}" + pickler.plain("x") + tensor + build + b"s."


class Global:
    """A name that a pickle asks for, called with arguments."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


class BFloat16(np.ndarray):
    """Marks a uint16 array as the upper halves of float32 numbers."""


class _TorchPickler:
    """Writes pickles of protocol 2 in which arrays stand as torch's tensors do."""

    def __init__(self, is_zip):
        self.storages = []
        # The older format says last which share of the numbers is meant: None for all.
        self._end = b"tQ" if is_zip else b"NtQ"

    def dump(self, value):
        return b"\x80\x02" + self._value(value) + b"."

    def _value(self, value):
        if value is None or isinstance(value, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        if isinstance(value, int):
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, str):
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        if isinstance(value, tuple):
            return b"(" + b"".join(self._value(item) for item in value) + b"t"
        if isinstance(value, list):
            return b"](" + b"".join(self._value(item) for item in value) + b"e"
        if isinstance(value, dict):
            # As a module's state: an OrderedDict with an attribute of its own.
            items = b"".join(self._value(part) for pair in value.items() for part in pair)
            notes = self._value("_metadata") + self._ordered_dict()
            return self._ordered_dict() + b"(" + items + b"u}(" + notes + b"ub"
        if isinstance(value, Global):
            return self._global(value.module, value.name) + self._value(value.arguments) + b"R"
        return self._tensor(value)

    def plain(self, value):
        """Writes a value; dicts as they are."""
        if isinstance(value, dict):
            items = b"".join(self.plain(part) for pair in value.items() for part in pair)
            return b"}(" + items + b"u"
        if isinstance(value, tuple):
            return b"(" + b"".join(self.plain(item) for item in value) + b"t"
        return self._value(value)

    def _tensor(self, array):
        kind = "bfloat16" if isinstance(array, BFloat16) else array.dtype.name
        key = str(len(self.storages))
        self.storages.append((array.size, np.ascontiguousarray(array).tobytes()))
        strides = tuple(int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim))
        return self.rebuilt(key, _STORAGE_TYPES[kind], array.size, (0, array.shape, strides))

    def rebuilt(self, key, storage, count, arguments):
        """Writes a tensor: a call of torch's own function on a reference to its data."""
        reference = b"(" + self._value("storage") + self._global("torch", storage)
        reference += b"".join(self._value(part) for part in (key, "cuda:0", count)) + self._end
        parts = b"".join(self._value(part) for part in arguments)
        parts = b"(" + reference + parts + b"\x89" + self._ordered_dict() + b"t"
        return self._global("torch._utils", "_rebuild_tensor_v2") + parts + b"R"

    def _ordered_dict(self):
        return self._global("collections", "OrderedDict") + b")R"

    @staticmethod
    def _global(module, name):
        return f"c{module}\n{name}\n".encode()
