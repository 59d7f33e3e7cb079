"""Scores a checkpoint on held-out records, beside the mean pose as a baseline.

    python -m hmr_tf.evaluate --checkpoint LOG --protocol synthetic --data_dir RECORDS
    python -m hmr_tf.evaluate --checkpoint LOG --protocol synthetic --data_dir RECORDS \\
        --split train --limit 500 --out_dir REPORT

Prints a table; with --out_dir also writes evaluation.json (the numbers and how to get them again)
and examples.png (the best, middling and worst people). hmr_tf/evaluation/protocols.py says what
each protocol measures and whose numbers it compares with.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags, logging

from hmr_tf import command, common_flags, config
from hmr_tf.evaluation.protocols import METRICS, PROTOCOLS, Protocol

_CHECKPOINT = common_flags.define_checkpoint()
_PROTOCOL = flags.DEFINE_enum("protocol", "synthetic", PROTOCOLS.names, "What is measured.")
_DATA_DIR = common_flags.define_data_dir()
_SPLIT = flags.DEFINE_enum(
    "split", None, ["train", "test"], "Split of the records; by default the protocol's."
)
_OUT_DIR = common_flags.define_out_dir("Folder for evaluation.json and examples.png.")
_LIMIT = flags.DEFINE_integer("limit", None, "People after which to stop.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "People at once.", lower_bound=1)
_AVERAGED = flags.DEFINE_bool(
    "averaged", True, "Whether averaged weights are taken where the checkpoint has them."
)
flags.mark_flags_as_required(["checkpoint", "data_dir"])

REPORT_FILE = "evaluation.json"
EXAMPLES_FILE = "examples.png"


def main(argv: Sequence[str]) -> None:
    """Evaluates."""
    del argv
    from hmr_tf import checkpoints
    from hmr_tf.data import pipeline
    from hmr_tf.evaluation import evaluator

    protocol: Protocol = PROTOCOLS.get(_PROTOCOL.value)
    description = checkpoints.read_description(_CHECKPOINT.value)
    model = checkpoints.load_model(_CHECKPOINT.value, averaged=_AVERAGED.value)
    weights = checkpoints.latest_weights(_CHECKPOINT.value)
    data = config.DataConfig(
        data_dir=_DATA_DIR.value,
        datasets=tuple((name, 1.0) for name in protocol.datasets),
        split=_SPLIT.value or protocol.split,
        window_px=model.config.window_px,
    )
    batches = pipeline.evaluation_dataset(data, model.config.image_size, _BATCH_SIZE.value)
    with _Progress(_num_people(data)) as progress:
        result = evaluator.evaluate(
            model,
            batches,
            protocol,
            limit=_LIMIT.value,
            mean=description.mean_parameters,
            on_progress=progress,
        )
    report = {
        "protocol": protocol.name,
        "comparable_with": protocol.comparable_with,
        **result.report(),
        "checkpoint": os.path.abspath(_CHECKPOINT.value),
        "step": int(weights.rpartition("-")[2]),
        "averaged": _AVERAGED.value and description.has_averaged,
        "training_seed": description.settings.get("train", {}).get("seed"),
        "data_dir": os.path.abspath(_DATA_DIR.value),
        "split": data.split,
        "window_px": data.window_px,
        "command": shlex.join(["python", "-m", "hmr_tf.evaluate", *sys.argv[1:]]),
    }
    if _OUT_DIR.value:
        _write(report, model, result)
    _print_table(report)


def _write(report: Mapping[str, Any], model: Any, result: Any) -> None:
    """Writes the report, the sheet first: where the numbers are, everything is."""
    from hmr_tf.evaluation import contact_sheet
    from tfrecords_tools import atomic_file

    os.makedirs(_OUT_DIR.value, exist_ok=True)
    contact_sheet.save_sheet(os.path.join(_OUT_DIR.value, EXAMPLES_FILE), model, result.examples)
    data = (json.dumps(report, indent=2) + "\n").encode()
    atomic_file.write_bytes(os.path.join(_OUT_DIR.value, REPORT_FILE), data)


def _print_table(report: Mapping[str, Any]) -> None:
    people = f"{report['num_people']} people of the {report['split']} split"
    print(f"protocol {report['protocol']}, {people}, step {report['step']}")
    print(f"{'':<18}{'model':>9}{'mean pose':>11}{'ratio':>8}")
    for name in report["metrics"]:
        values = report["metrics"][name], report["baseline"][name], report["ratio"][name]
        print(f"{name:<18}{values[0]:9.1f}{values[1]:11.1f}{values[2]:8.0%}  {METRICS[name]}")


def _num_people(data: config.DataConfig) -> int | None:
    """Returns the number of people in the records."""
    from hmr_tf.data import record_sets

    found = (
        record_sets.find_records(data.data_dir, name, data.split).num_records
        for name, _ in data.datasets
    )
    total = sum(found)
    return total if _LIMIT.value is None else min(total, _LIMIT.value)


class _Progress:
    """A bar on a terminal, a log line every thousand people otherwise."""

    def __init__(self, total: int | None) -> None:
        import tqdm

        is_terminal = sys.stderr.isatty()
        self._bar = tqdm.tqdm(total=total, unit="people", disable=not is_terminal)
        self._is_terminal = is_terminal
        self._total = total
        self._done = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *unused: Any) -> None:
        self._bar.close()

    def __call__(self, count: int) -> None:
        before, self._done = self._done, self._done + count
        self._bar.update(count)
        if not self._is_terminal and before // 1000 != self._done // 1000:
            logging.info("%d of %s people", self._done, self._total)


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
