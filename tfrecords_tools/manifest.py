"""The manifest beside a part's shards: what was converted, how, and what came out.

A part without a manifest was not converted to its end (or not by this package).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfrecords_tools.atomic_file import write_json
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.shard_layout import shard_layout


@dataclasses.dataclass(frozen=True)
class Shard:
    """One finished record file.

    Attributes:
        file: name relative to the dataset's record folder.
        num_examples: records in it.
        num_bytes: size of the file.
        sha256: of the file's contents, in hexadecimal.
    """

    file: str
    num_examples: int
    num_bytes: int
    sha256: str


def describe_shard(path: str, name: str, num_examples: int) -> Shard:
    """Returns the description of a finished shard.

    Args:
        path: where it lies now.
        name: its name relative to the dataset's record folder.
        num_examples: records in it.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return Shard(name, num_examples, os.path.getsize(path), digest.hexdigest())


@dataclasses.dataclass(frozen=True)
class Identity:
    """What decides the bytes of a part's records; equal identities mean equal records.

    Attributes:
        dataset: the converter's name.
        part: split, or subset of a motion-capture set.
        schema_version: of the record definition.
        examples_per_shard: records in each shard but the last.
        options: the converter's own settings.
        fingerprint: hash over the source files.
    """

    dataset: str
    part: str
    schema_version: int
    examples_per_shard: int
    options: Mapping[str, Any]
    fingerprint: str

    def differences(self, other: Identity) -> list[str]:
        """Says in words where ``other`` differs from this one."""
        found = []
        for field in ("schema_version", "examples_per_shard"):
            mine, others = getattr(self, field), getattr(other, field)
            if mine != others:
                found.append(f"{field} {mine}, now {others}")
        for key in sorted({*self.options, *other.options}):
            mine, others = self.options.get(key), other.options.get(key)
            if mine != others:
                found.append(f"{key} {mine}, now {others}")
        if self.fingerprint != other.fingerprint:
            found.append("other source files")
        return found


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The outcome of a finished conversion.

    Attributes:
        identity: what was converted and how.
        shards: the record files, in order.
        num_with_3d: records with 3D joints.
        num_with_smpl: records with SMPL pose and shape.
        drops: reason -> samples that were left out for it.
    """

    identity: Identity
    shards: tuple[Shard, ...]
    num_with_3d: int
    num_with_smpl: int
    drops: Mapping[str, int]

    @property
    def num_examples(self) -> int:
        """Records in all shards."""
        return sum(shard.num_examples for shard in self.shards)

    @property
    def has_3d(self) -> bool:
        """Whether there are records with 3D joints."""
        return self.num_with_3d > 0

    @property
    def has_smpl(self) -> bool:
        """Whether there are records with SMPL pose and shape."""
        return self.num_with_smpl > 0

    @property
    def content_sha256(self) -> str:
        """Hash over all shards' hashes."""
        return hashlib.sha256("".join(shard.sha256 for shard in self.shards).encode()).hexdigest()

    def shard_paths(self, data_dir: str) -> list[str]:
        """Returns the paths of the shards below ``data_dir``."""
        folder = os.path.join(data_dir, shard_layout(self.identity.dataset).folder)
        return [os.path.join(folder, shard.file) for shard in self.shards]


def save_manifest(data_dir: str, manifest: Manifest) -> None:
    """Writes a part's manifest to its place below ``data_dir``."""
    content = {
        **dataclasses.asdict(manifest),
        "num_examples": manifest.num_examples,
        "has_3d": manifest.has_3d,
        "has_smpl": manifest.has_smpl,
        "content_sha256": manifest.content_sha256,
    }
    identity = manifest.identity
    write_json(shard_layout(identity.dataset).manifest_path(data_dir, identity.part), content)


def load_manifest(data_dir: str, dataset: str, part: str) -> Manifest | None:
    """Reads a part's manifest.

    Args:
        data_dir: the record folder.
        dataset: converter name, e.g. `lsp`; `mosh` for the motion-capture sets.
        part: split, or subset of a motion-capture set.

    Returns:
        The manifest, or None if there is none (records of the original release have none).

    Raises:
        DatasetError: if the file is damaged.
    """
    path = shard_layout(dataset).manifest_path(data_dir, part)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        return Manifest(
            identity=Identity(**content["identity"]),
            shards=load_shards(content["shards"]),
            num_with_3d=content["num_with_3d"],
            num_with_smpl=content["num_with_smpl"],
            drops=content["drops"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{dataset}: {path} is not a manifest ({error}); delete it and convert again."
        ) from error


def load_shards(entries: Sequence[Mapping[str, Any]]) -> tuple[Shard, ...]:
    """Returns shards from their JSON form."""
    return tuple(Shard(**entry) for entry in entries)
