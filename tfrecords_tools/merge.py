"""Merges record files into one dataset, or lays one out in files of another size.

    python -m tfrecords_tools.merge --data_dir=records --dataset=lsp,lsp_ext --split=train \\
        --out_dir=merged --out_dataset=sports
    python -m tfrecords_tools.merge --files='coco/train_*.tfrecord' --out_dir=resharded \\
        --out_dataset=coco --examples_per_shard=2000 --shuffle

Records are copied byte for byte, in order or shuffled, and get a manifest. All must be of one
format. An interrupted run goes on where it stopped, and the same command twice does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from tfrecords_tools import command, merging, record_flags

_OUT_DIR = flags.DEFINE_string("out_dir", None, "Record folder to write to.", required=True)
_OUT_DATASET = flags.DEFINE_string(
    "out_dataset", None, "Dataset that the records become, and its folder's name.", required=True
)
_OUT_SPLIT = flags.DEFINE_string("out_split", "train", "Split that they become.")
_EXAMPLES_PER_SHARD = flags.DEFINE_integer(
    "examples_per_shard", 500, "Records in each file but the last.", lower_bound=1
)
_SHUFFLE = flags.DEFINE_bool("shuffle", False, "Put the records into random order.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the random order.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace records that are already there.")


def main(argv: Sequence[str]) -> None:
    """Merges the chosen parts."""
    del argv  # Settings are flags.
    outcome = merging.merge_parts(
        record_flags.chosen_parts(),
        _OUT_DIR.value,
        _OUT_DATASET.value,
        _OUT_SPLIT.value,
        examples_per_shard=_EXAMPLES_PER_SHARD.value,
        seed=_SEED.value if _SHUFFLE.value else None,
        overwrite=_OVERWRITE.value,
    )
    print(outcome.report(_OUT_DIR.value))


def run() -> None:
    """Runs the command."""
    command.run(main)


if __name__ == "__main__":
    run()
