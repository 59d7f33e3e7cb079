"""Where the records of a dataset lie below a record folder.

The names are those that the original release writes and its loader looks for; datasets it does not
know follow the common pattern. Where there are none, records are looked for under the names that
hmr2.0 writes: `<dataset>/000_train.tfrecord`, `smpl/cmu/000_train.tfrecord`.

A source that holds several datasets, such as `spin_npz`, has a part for each split of each, e.g.
`mpii_train`. They are read by the name of both: dataset `spin_npz/mpii`, split `train`.
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
        hmr2_folder: hmr2.0's folder, a format string of `part`; `folder` if empty.
        prefix: of the part's name in the names of the files beside the shards.
    """

    folder: str
    shard: str = "{part}_{index:03d}.tfrecord"
    pattern: str = "{part}_*.tfrecord"
    hmr2_folder: str = ""
    prefix: str = ""

    def shard_name(self, part: str, index: int) -> str:
        """Returns the name of a shard, relative to the folder."""
        return self.shard.format(part=part, index=index)

    def manifest_path(self, data_dir: str, part: str) -> str:
        """Returns where the manifest of a part lies."""
        return os.path.join(data_dir, self.folder, f"manifest_{self.prefix}{part}.json")

    def drops_path(self, data_dir: str, part: str) -> str:
        """Returns where the list of samples that were left out lies, if there are any."""
        return os.path.join(data_dir, self.folder, f"drops_{self.prefix}{part}.tsv")

    def staging(self, data_dir: str, part: str) -> str:
        """Returns the hidden folder in which the records of a part grow."""
        return os.path.join(data_dir, self.folder, f".partial_{self.prefix}{part}")

    def glob(self, data_dir: str, part: str) -> str:
        """Returns the glob pattern of all shards of a part."""
        folder = glob.escape(os.path.join(data_dir, self.folder))
        return os.path.join(folder, self.pattern.format(part=glob.escape(part)))

    def shards(self, data_dir: str, part: str) -> list[str]:
        """Returns the paths of all shards of a part that exist, in order of their numbers."""
        return sorted(glob.glob(self.glob(data_dir, part)), key=_numeric_order)

    def hmr2_shards(self, data_dir: str, part: str) -> list[str]:
        """Returns the paths of hmr2.0's shards of a part that exist, in order of their numbers."""
        name = _HMR2_SUBSETS.get(part, part)
        folder = os.path.join(data_dir, (self.hmr2_folder or self.folder).format(part=name))
        # Each of its motion-capture sets is one split.
        split = "train" if "{part}" in self.hmr2_folder else part
        pattern = os.path.join(glob.escape(folder), f"[0-9]*_{glob.escape(split)}.tfrecord")
        return sorted(glob.glob(pattern), key=_numeric_order)


def _numeric_order(path: str) -> list[tuple[int, str]]:
    """Sort key that puts shard 1000 behind shard 999."""
    pieces = re.split(r"(\d+)", path)
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces]


# hmr2.0's names of motion-capture sets.
_HMR2_SUBSETS = {"CMU": "cmu", "H3.6": "h36", "jointLim": "joint_lim"}
# Where the original release departs from the common pattern.
_ORIGINAL = {
    "coco": ShardLayout("coco", "{part}_{index:04d}_wmeta.tfrecord"),
    "mpi_inf_3dhp": ShardLayout(
        "mpi_inf_3dhp", "{part}/train_{index:04d}.tfrecord", "{part}/*.tfrecord", "mpii_3d"
    ),
    "h36m": ShardLayout(
        "tf_records_human36m_wjoints",
        "{part}/{part}_{index:04d}.tfrecord",
        "{part}/*.tfrecord",
        "h36m",
    ),
    "mosh": ShardLayout(
        "mocap_neutrMosh",
        "neutrSMPL_{part}_{index:03d}.tfrecord",
        "neutrSMPL_{part}_*.tfrecord",
        "smpl/{part}",
    ),
}


def shard_layout(dataset: str) -> ShardLayout:
    """Returns the layout of a dataset's records."""
    source, slash, inner = dataset.partition("/")
    if slash:
        return ShardLayout(
            source,
            inner + "_{part}_{index:03d}.tfrecord",
            # No other split that begins alike, as valid_protocol1 does.
            inner + "_{part}_[0-9]*.tfrecord",
            prefix=f"{inner}_",
        )
    return _ORIGINAL.get(dataset, ShardLayout(dataset))
