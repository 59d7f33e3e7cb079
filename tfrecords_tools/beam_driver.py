"""Runs a converter on Apache Beam: on this machine's cores, or on a cluster.

    python -m hmr_tf.convert --dataset=coco --data_dir=coco --out_dir=records \\
        --runner=DirectRunner --beam_option=direct_num_workers=8 \\
        --beam_option=direct_running_mode=multi_processing

Records, manifest and list of drops are byte for byte those of a conversion without Beam, and an
interrupted one goes on with what is missing. Runners other than the direct one need this package on
their workers, and source tree and record folder on a file system that all of them see under the
same path (NFS, a mounted bucket).
"""

from __future__ import annotations

import copy
import functools
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from tfrecords_tools import chunks
from tfrecords_tools.atomic_file import writing
from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.journal import Progress
from tfrecords_tools.shard_layout import shard_layout
from tfrecords_tools.tally import Tally
from tfrecords_tools.writer import ShardedWriter

_ITEMS_PER_CHUNK = 64


class BeamDriver:
    """Converts by Beam; its `write_shards` is an argument of `driver.convert_part`.

    Args:
        runner: name of a Beam runner, e.g. `DirectRunner`, `FlinkRunner`, `DataflowRunner`.
        options: more pipeline options, ``name=value`` each.

    Raises:
        DatasetError: if Beam is not installed or does not know the runner.
    """

    def __init__(self, runner: str, options: Sequence[str] = ()) -> None:
        logging.disable(logging.WARNING)  # Importing Beam warns of what else is not installed.
        try:
            import apache_beam as beam
            from apache_beam.options.pipeline_options import PipelineOptions
        except ImportError as error:
            raise DatasetError(
                "--runner needs Apache Beam, which is not installed; install it with: "
                "pip install 'hmr_tf[beam]' (or leave out --runner to use --num_workers processes)."
            ) from error
        finally:
            logging.disable(logging.NOTSET)
        logging.getLogger("apache_beam").setLevel(logging.ERROR)
        self._beam = beam
        # Newer direct runners first try to download a runner of another make.
        runner = "FnApiRunner" if runner == "DirectRunner" else runner
        given = (f"runner={runner}", *options)
        try:
            self._options = PipelineOptions([f"--{option.lstrip('-')}" for option in given])
            self._pipeline()
        except (ValueError, ImportError, AttributeError) as error:
            raise DatasetError(f"--runner={runner}: {_first_line(error)}") from error

    def write_shards(
        self, writer: ShardedWriter, converter: Converter, part: str, max_error_fraction: float
    ) -> None:
        """Converts a part and completes the writer.

        Raises:
            DatasetError: if the source is not usable or too much of it is damaged, or a worker
                failed.
        """
        writer.delegate()
        work = _prepare(writer.staging, converter, part)
        self._run(work.missing(), functools.partial(chunks.convert_chunk, work), writer.staging)
        progress, plans = _plan(writer, work, max_error_fraction)
        assembled = functools.partial(chunks.assembled, writer.staging)
        missing = [plan for plan in plans if assembled(plan) is None]
        assemble = functools.partial(chunks.assemble_shard, writer.staging)
        self._run(missing, assemble, writer.staging)
        writer.adopt([assembled(plan) for plan in plans], progress)

    def _pipeline(self) -> Any:
        return self._beam.Pipeline(options=self._options)

    def _run(self, elements: Sequence[Any], function: Callable[[Any], None], folder: str) -> None:
        """Calls a function on each element; raises what the first one that failed says.

        Args:
            elements: what to do, one after the other or at a time.
            function: does it.
            folder: a new one in it takes what failing workers say.
        """
        if not elements:
            return
        beam = self._beam
        with tempfile.TemporaryDirectory(prefix="errors_", dir=folder) as errors:
            reporting = functools.partial(chunks.report_errors, function, errors)
            try:
                with self._pipeline() as pipeline:
                    spread = pipeline | beam.Create(elements) | beam.Reshuffle()
                    _ = spread | function.func.__name__ >> beam.Map(reporting)
            except Exception as error:  # Beam's, or what a worker could not write to a file.
                _raise_reported(errors)
                raise DatasetError(f"Beam could not finish: {_first_line(error)}") from error
            _raise_reported(errors)


def _prepare(staging: str, converter: Converter, part: str) -> chunks.ChunkedWork:
    """Describes the work to the workers."""
    for_workers = copy.copy(converter)  # What `items` may gather is not sent along.
    num_items = len(converter.items(part))
    folder = os.path.join(staging, f"chunks_{_ITEMS_PER_CHUNK}")
    with writing(folder):
        os.makedirs(folder, exist_ok=True)
    return chunks.ChunkedWork(for_workers, part, folder, num_items, _ITEMS_PER_CHUNK)


def _plan(
    writer: ShardedWriter, work: chunks.ChunkedWork, max_error_fraction: float
) -> tuple[Progress, list[chunks.ShardPlan]]:
    """Counts what came out, lists the drops, and says which record goes into which shard."""
    tally = Tally(Progress(), max_error_fraction)
    layout = shard_layout(work.converter.name)
    planner = chunks.ShardPlanner(
        functools.partial(layout.shard_name, work.part), writer.identity.examples_per_shard
    )
    for output, piece in chunks.read_outputs(work):
        tally.add(output)
        if isinstance(output, Drop):
            writer.note_drop(output)
        else:
            planner.add(piece)
    tally.check(f"{work.converter.name} {work.part}")
    planner.finish()
    return tally.progress(work.num_items, 0), planner.plans


def _raise_reported(folder: str) -> None:
    """Raises what a worker reported, if one did."""
    for name in sorted(os.listdir(folder)):
        if name.endswith(".txt"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                raise DatasetError(file.read())


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
