"""Turns work items into framed records in several processes, in order.

Workers do not import TensorFlow: records are encoded and framed by `schema` and `record_file`.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple, Union

from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.processes import begin_worker, prepare_workers, worker_context
from tfrecords_tools.record_file import frame_record
from tfrecords_tools.schema import encode_sample

_ITEMS_PER_TASK = 16
# Tasks in flight per worker: enough to keep it busy, few enough to bound the memory.
_TASKS_PER_WORKER = 4
# With less work left than this, other processes cost more time than they save.
_WORTHWHILE_SECONDS = 3.0
# What the process that the workers are forked from takes to start and to import what they need.
_START_SECONDS = 0.5


class Encoded(NamedTuple):
    """A sample as it leaves a worker: the framed record and what is known in it."""

    framed: bytes
    has_3d: bool
    has_smpl: bool


ItemOutputs = list[Union[Encoded, Drop]]


def convert_items(
    converter: Converter, items: Sequence[Any], start: int, num_workers: int
) -> Iterator[tuple[int, ItemOutputs]]:
    """Converts work items, in worker processes where that is worth their start.

    This process begins alone: the first items tell how long the rest will take, and the next ones
    are converted while what the workers need is being imported.

    Args:
        converter: the dataset's converter; it is pickled once for each worker.
        items: the work items.
        start: index of the first item to convert.
        num_workers: processes; 1 for this process alone.

    Yields:
        (index, outputs) of each item from ``start`` on, in order.

    Raises:
        DatasetError: if a worker process dies, or by the converter.
        RecordError: if a sample cannot be a record.
    """
    first_task = range(start, min(start + _ITEMS_PER_TASK, len(items)))
    seconds = 0.0
    for index in first_task:
        begin = time.perf_counter()
        outputs = convert_item(converter, items[index])
        seconds += time.perf_counter() - begin
        yield index, outputs
    rest = range(first_task.stop, len(items))
    seconds_left = seconds / max(len(first_task), 1) * len(rest)
    has_workers = num_workers > 1 and converter.uses_workers and seconds_left >= _WORTHWHILE_SECONDS
    if has_workers:
        prepare_workers(["tfrecords_tools.workers", type(converter).__module__])
    ready_at = time.perf_counter() + _START_SECONDS
    for index in rest:
        if has_workers and time.perf_counter() >= ready_at:
            rest = range(index, len(items))
            break
        yield index, convert_item(converter, items[index])
    else:
        return
    yield from zip(rest, _in_workers(converter, (items[index] for index in rest), num_workers))


def _in_workers(
    converter: Converter, items: Iterator[Any], num_workers: int
) -> Iterator[ItemOutputs]:
    """Yields the outputs of each item in order, computed by other processes."""
    executor = futures.ProcessPoolExecutor(
        num_workers,
        mp_context=worker_context(),
        initializer=_begin_worker,
        initargs=(converter,),
    )
    waiting: collections.deque[futures.Future] = collections.deque()
    try:
        while True:
            task = list(itertools.islice(items, _ITEMS_PER_TASK))
            if task:
                waiting.append(executor.submit(_convert_task, task))
            while waiting and (not task or len(waiting) >= num_workers * _TASKS_PER_WORKER):
                yield from waiting.popleft().result()
            if not task:
                return
    except BrokenProcessPool as error:
        raise DatasetError(
            f"{converter.name}: a worker process died (out of memory?); run the same command "
            "again to continue, or with a smaller --num_workers."
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


_worker_converter: Converter | None = None


def _begin_worker(converter: Converter) -> None:
    """Prepares a worker process."""
    global _worker_converter
    _worker_converter = converter
    begin_worker()


def _convert_task(items: list[Any]) -> list[ItemOutputs]:
    return [convert_item(_worker_converter, item) for item in items]


def convert_item(converter: Converter, item: Any) -> ItemOutputs:
    """Converts one work item in this process.

    Raises:
        DatasetError: by the converter.
        RecordError: if a sample cannot be a record.
    """
    return [
        _named(output, converter, item)
        if isinstance(output, Drop)
        else Encoded(frame_record(encode_sample(output)), output.has_3d, output.has_smpl)
        for output in converter.convert(item)
    ]


def _named(drop: Drop, converter: Converter, item: Any) -> Drop:
    """Returns a drop that says which sample it is: the item's file and, if known, what in it."""
    item_name = converter.item_name(item)
    if item_name in drop.name:  # As it is if the item has no name.
        return drop
    return dataclasses.replace(drop, name=f"{item_name} {drop.name}".rstrip())
