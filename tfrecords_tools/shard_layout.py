"""Where the records of a dataset lie below a record folder.

The names are those that the original release writes and its loader looks for; datasets it does not
know follow the common pattern.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import re


@dataclasses.dataclass(frozen=True)
class ShardLayout:
    """The file names of one dataset's records.

    A *part* is what is converted as a whole and described by one manifest: a split, or a subset of
    the motion-capture sets.

    Attributes:
        folder: below the record folder.
        shard: shard name within the folder, a format string of `part` and `index`.
        pattern: glob of all shards of a part, a format string of `part`.
    """

    folder: str
    shard: str = "{part}_{index:03d}.tfrecord"
    pattern: str = "{part}_*.tfrecord"

    def shard_name(self, part: str, index: int) -> str:
        """Returns the name of a shard, relative to the folder."""
        return self.shard.format(part=part, index=index)

    def manifest_path(self, data_dir: str, part: str) -> str:
        """Returns where the manifest of a part lies."""
        return os.path.join(data_dir, self.folder, f"manifest_{part}.json")

    def glob(self, data_dir: str, part: str) -> str:
        """Returns the glob pattern of all shards of a part."""
        folder = glob.escape(os.path.join(data_dir, self.folder))
        return os.path.join(folder, self.pattern.format(part=glob.escape(part)))

    def shards(self, data_dir: str, part: str) -> list[str]:
        """Returns the paths of all shards of a part that exist, in order of their numbers."""
        return sorted(glob.glob(self.glob(data_dir, part)), key=_numeric_order)


def _numeric_order(path: str) -> list[tuple[int, str]]:
    """Sort key that puts shard 1000 behind shard 999."""
    pieces = re.split(r"(\d+)", path)
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]


# Where the original release departs from the common pattern.
_ORIGINAL = {
    "coco": ShardLayout("coco", "{part}_{index:04d}_wmeta.tfrecord"),
    "mpi_inf_3dhp": ShardLayout(
        "mpi_inf_3dhp", "{part}/train_{index:04d}.tfrecord", "{part}/*.tfrecord"
    ),
    "h36m": ShardLayout(
        "tf_records_human36m_wjoints", "{part}/{part}_{index:04d}.tfrecord", "{part}/*.tfrecord"
    ),
    "mosh": ShardLayout(
        "mocap_neutrMosh", "neutrSMPL_{part}_{index:03d}.tfrecord", "neutrSMPL_{part}_*.tfrecord"
    ),
}


def shard_layout(dataset: str) -> ShardLayout:
    """Returns the layout of a dataset's records."""
    return _ORIGINAL.get(dataset, ShardLayout(dataset))
