"""The flags by which all tools are told which records to look at."""

from __future__ import annotations

from absl import flags

from tfrecords_tools.record_parts import RecordPart, find_parts

_DATA_DIR = flags.DEFINE_string("data_dir", "", "Record folder.")
_DATASET = flags.DEFINE_list("dataset", [], "Datasets in it; all that are there if empty.")
_SPLIT = flags.DEFINE_string(
    "split", "", "Split, or subset of motion capture; all that are there if empty."
)
_FILES = flags.DEFINE_list("files", [], "Record files or patterns of such, instead of a folder.")


def chosen_parts() -> list[RecordPart]:
    """Returns the parts that the flags name.

    Raises:
        DatasetError: if there is none.
    """
    return find_parts(_DATA_DIR.value, _DATASET.value, _SPLIT.value, _FILES.value)
