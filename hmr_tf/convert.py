"""Converts a dataset in its own format to TFRecords.

    python -m hmr_tf.convert --dataset=lsp --data_dir=lsp_dataset --out_dir=records
    python -m hmr_tf.convert --dataset=mosh --data_dir=neutrMosh --subsets=CMU --out_dir=records

A finished conversion is not done again; an interrupted one goes on where it stopped and ends with
the same bytes. Samples that are left out are counted by reason, here and in the manifest beside the
records; a list beside it says which samples they are.

With --runner the same records are made by Apache Beam (pip install 'hmr_tf[beam]'), on this machine
or on a cluster:

    python -m hmr_tf.convert --dataset=coco --data_dir=coco --out_dir=records --runner=DirectRunner
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from hmr_tf import command
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.registry import CONVERTERS

_DATASET = flags.DEFINE_enum(
    "dataset", None, sorted(CONVERTERS), "Dataset to convert.", required=True
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "The dataset as downloaded.", required=True)
_OUT_DIR = flags.DEFINE_string(
    "out_dir", None, "Record folder; each dataset has a folder of its own in it.", required=True
)
_SPLIT = flags.DEFINE_string("split", "", "Split to convert; the dataset's first if empty.")
_SUBSETS = flags.DEFINE_list(
    "subsets",
    [],
    "Subsets to convert, of datasets that have some (mosh: CMU, H3.6, jointLim; amass, human_data, "
    "spin_npz); all that are there if empty.",
)
_OPTION = flags.DEFINE_multi_string(
    "option",
    [],
    "Setting of the dataset's converter as name=value, e.g. person_px=0; may be repeated. A name "
    "that the converter does not know is answered with those that it knows.",
)
_NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "Processes that convert.", lower_bound=1)
_EXAMPLES_PER_SHARD = flags.DEFINE_integer(
    "examples_per_shard", 0, "Records in a file; 0 for the original release's.", lower_bound=0
)
_MAX_ERROR_FRACTION = flags.DEFINE_float(
    "max_error_fraction",
    0.05,
    "Greatest share of damaged samples; with more nothing is written.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_RUNNER = flags.DEFINE_string(
    "runner",
    "",
    "Apache Beam runner that converts (DirectRunner, FlinkRunner, DataflowRunner, ...) instead of "
    "--num_workers processes.",
)
_BEAM_OPTION = flags.DEFINE_multi_string(
    "beam_option",
    [],
    "Pipeline option of Apache Beam as name=value, e.g. direct_num_workers=8; may be repeated.",
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace records that are already there.")


def main(argv: Sequence[str]) -> None:
    """Converts what the flags name.

    Raises:
        DatasetError: if the dataset cannot be converted; see `driver.convert_part`.
    """
    del argv  # Settings are flags.
    from tfrecords_tools.driver import convert_part
    from tfrecords_tools.registry import get_converter

    converter = get_converter(_DATASET.value)(
        _DATA_DIR.value, _SPLIT.value, _SUBSETS.value, _parse_options(_OPTION.value)
    )
    write_shards = None
    if _RUNNER.value:
        from tfrecords_tools.beam_driver import BeamDriver

        write_shards = BeamDriver(_RUNNER.value, _BEAM_OPTION.value).write_shards
    elif _BEAM_OPTION.value:
        raise DatasetError("--beam_option says how Apache Beam runs; give --runner, too.")
    for part in converter.parts():
        outcome = convert_part(
            converter,
            part,
            _OUT_DIR.value,
            num_workers=_NUM_WORKERS.value,
            examples_per_shard=_EXAMPLES_PER_SHARD.value,
            max_error_fraction=_MAX_ERROR_FRACTION.value,
            overwrite=_OVERWRITE.value,
            write_shards=write_shards,
        )
        print(outcome.report(_OUT_DIR.value))


def _parse_options(texts: Sequence[str]) -> dict[str, str]:
    """Splits name=value texts."""
    options = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise DatasetError(f"--option must be name=value; received '{text}'.")
        options[name] = value
    return options


def run() -> None:
    """Runs the command; the console entry point."""
    command.run(main)


if __name__ == "__main__":
    run()
