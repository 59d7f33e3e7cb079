"""What a converter of a dataset has to provide.

A converter lists *work items* of a *part* (a split, or a subset) in a fixed order, which must be
cheap, and turns one item into samples or counted drops, which may be slow and happens in worker
processes. Everything else (shards, workers, resume, manifest) is `tfrecords_tools.driver`'s.
"""

from __future__ import annotations

import abc
import dataclasses
import hashlib
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Union

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.samples import MocapSample, OccluderSample, Sample


@dataclasses.dataclass(frozen=True)
class Drop:
    """A sample that is left out.

    Attributes:
        reason: counted under this in the manifest.
        is_error: whether the source is damaged, as opposed to filtered on purpose; too large a
            share of errors fails the conversion.
        name: which sample of the item it is, for the list of drops; `Converter.item_name`, which
            names the item, is put before it.
    """

    reason: str
    is_error: bool = False
    name: str = ""


# What one item turns into.
Output = Union[Sample, MocapSample, OccluderSample, Drop]


class Converter(abc.ABC):
    """Base of all converters.

    Instances are sent to worker processes by pickling, so they hold paths and settings, not open
    files; what `items` gathers for one item goes into the item.

    Attributes:
        name: the dataset's name, also of its record folder.
        splits: splits that the dataset has; the first is the default.
        option_defaults: settings of this converter alone (``--option name=value``) -> default.
        examples_per_shard: records in a shard unless the user says otherwise.
        uses_workers: whether `convert` is worth other processes.
        data_dir: the source tree.
        split: the chosen split.
        subsets: the chosen subsets; empty for all that are there.
        options: all settings, defaults included.
    """

    name: ClassVar[str]
    splits: ClassVar[tuple[str, ...]] = ("train",)
    option_defaults: ClassVar[Mapping[str, Any]] = {}
    examples_per_shard: ClassVar[int] = 500
    uses_workers: ClassVar[bool] = True

    def __init__(
        self,
        data_dir: str,
        split: str = "",
        subsets: Sequence[str] = (),
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = os.fspath(data_dir)
        self.split = split or self.splits[0]
        self.subsets = tuple(subsets)
        if self.split not in self.splits:
            raise DatasetError(
                f"{self.name} has no split '{self.split}'; expected {' or '.join(self.splits)}."
            )
        if not os.path.isdir(self.data_dir):
            raise DatasetError(f"{self.name}: {self.data_dir} is not a folder; check --data_dir.")
        self.options = {**self.option_defaults}
        for key, text in (options or {}).items():
            self.options[key] = self._option(key, text)

    def _option(self, key: str, text: str) -> Any:
        """Returns an option given as text, as the type of its default."""
        if key not in self.option_defaults:
            known = ", ".join(self.option_defaults) or "none"
            raise DatasetError(f"{self.name} has no option '{key}'; it has: {known}.")
        kind = type(self.option_defaults[key])
        try:
            if kind is bool:
                return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
            value = kind(text)
        except (ValueError, KeyError) as error:
            raise DatasetError(
                f"{self.name}: option {key} must be {kind.__name__}; received '{text}'."
            ) from error
        if kind in (int, float) and not 0 <= value < math.inf:
            raise DatasetError(f"{self.name}: option {key} must be 0 or more; received '{text}'.")
        return value

    def parts(self) -> Sequence[str]:
        """Returns the parts to convert, each with shards and a manifest of its own.

        Raises:
            DatasetError: if the source tree is not this dataset.
        """
        if self.subsets:
            raise DatasetError(f"{self.name} has no subsets; leave out --subsets.")
        return (self.split,)

    @abc.abstractmethod
    def fingerprint(self, part: str) -> str:
        """Returns a hash over the source files of a part; see `fingerprint_files`.

        Raises:
            DatasetError: if the source tree is not this dataset.
        """

    @abc.abstractmethod
    def items(self, part: str) -> Sequence[Any]:
        """Returns the work items of a part, always the same in the same order.

        Raises:
            DatasetError: if the source tree is not this dataset.
        """

    @abc.abstractmethod
    def convert(self, item: Any) -> Iterable[Output]:
        """Turns one item into samples and drops: a pure function of the item."""

    def item_name(self, item: Any) -> str:
        """Says which item this is, in the list of drops.

        The default is the item's `path`, `image_path` or `file_name`, below ``data_dir``; a
        converter whose items have none overrides it, or names its drops.
        """
        for attribute in ("path", "image_path", "file_name"):
            path = getattr(item, attribute, None)
            if path:
                path, folder = os.fspath(path), os.path.join(self.data_dir, "")
                is_below = os.path.isabs(path) or path.startswith(folder)
                return os.path.relpath(path, folder) if is_below else path
        return ""


def fingerprint_files(root: str, contents: Iterable[str], listed: Iterable[str] = ()) -> str:
    """Returns a hash over source files.

    Args:
        root: the source tree; only paths below it count, so that it may be moved.
        contents: files of which every byte counts (labels).
        listed: files of which name and size count (images, of which there are many).
    """
    digest = hashlib.sha256()
    for path in contents:
        digest.update(f"{os.path.relpath(path, root)}\n".encode())
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    prefixes: dict[str, str] = {}  # Folder -> what is before a file's name: the same for many.
    for path in listed:
        # Missing images are dropped and counted, so a listed file need not be there.
        try:
            size = os.stat(path).st_size
        except (OSError, ValueError):
            size = -1
        folder, name = os.path.split(path)
        if folder not in prefixes:
            relative = os.path.relpath(folder or os.curdir, root)
            prefixes[folder] = "" if relative == os.curdir else os.path.join(relative, "")
        digest.update(f"{prefixes[folder]}{name} {size}\n".encode())
    return digest.hexdigest()
