"""A conversion cut into chunks that any process on any machine can convert, in any order.

First each chunk, some consecutive work items, becomes a file of framed records with a summary of
what came out of every item. When all summaries are there, it is known which record belongs into
which shard, and each shard is put together from pieces of chunk files. The shards are the bytes
that one process would have written.

Chunk files and summaries appear whole under their names, so that a chunk may be converted twice at
a time (as schedulers do with slow work) and an interrupted conversion goes on with the chunks that
are missing. Source tree and record folder must be under the same path on all machines.
"""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Union

from tfrecords_tools.atomic_file import publish, writing
from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.manifest import Shard, describe_shard
from tfrecords_tools.workers import Encoded, convert_item


@dataclasses.dataclass(frozen=True)
class ChunkedWork:
    """What a process has to know to convert chunks; it is pickled.

    Attributes:
        converter: the dataset's converter, before its `items` is called: each process calls it.
        part: what is converted.
        folder: where chunk files and summaries go.
        num_items: work items that the part has.
        items_per_chunk: work items in each chunk but the last.
        run: a name that no other run has.
    """

    converter: Converter
    part: str
    folder: str
    num_items: int
    items_per_chunk: int
    run: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def num_chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.num_items // self.items_per_chunk)

    def records_path(self, chunk: int) -> str:
        """Returns where the framed records of a chunk lie."""
        return os.path.join(self.folder, f"{chunk:08d}.records")

    def summary_path(self, chunk: int) -> str:
        """Returns where it is written what came out of a chunk."""
        return os.path.join(self.folder, f"{chunk:08d}.json")

    def missing(self) -> list[int]:
        """Returns the chunks that are still to be converted."""
        there = set(os.listdir(self.folder))
        return [
            chunk
            for chunk in range(self.num_chunks)
            if os.path.basename(self.summary_path(chunk)) not in there
        ]


@dataclasses.dataclass(frozen=True)
class Piece:
    """Bytes [begin, end) of a chunk file."""

    path: str
    begin: int
    end: int


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """What a shard is put together from.

    Attributes:
        name: of the shard, relative to the dataset's record folder.
        num_examples: records in it.
        pieces: its contents, in order.
    """

    name: str
    num_examples: int
    pieces: tuple[Piece, ...]


# What the summary of a chunk says about one output, before it is an `Encoded` or a `Drop` again.
_Summary = Union[tuple[int, bool, bool], tuple[str, bool, str]]


def convert_chunk(work: ChunkedWork, chunk: int) -> None:
    """Converts one chunk and writes its file and its summary.

    Raises:
        DatasetError: by the converter, or if this process sees another source tree.
        RecordError: if a sample cannot be a record, or the files cannot be written.
    """
    converter, items = _prepared(work)
    begin = chunk * work.items_per_chunk
    outputs = [
        output
        for item in items[begin : begin + work.items_per_chunk]
        for output in convert_item(converter, item)
    ]
    framed = (output.framed for output in outputs if isinstance(output, Encoded))
    with writing(work.records_path(chunk)):
        _write_whole(work.records_path(chunk), framed)
        summary = json.dumps([_summary(output) for output in outputs])
        _write_whole(work.summary_path(chunk), [summary.encode()])


def read_outputs(work: ChunkedWork) -> Iterator[tuple[Encoded | Drop, Piece | None]]:
    """Yields all outputs of a conversion, in order, when all chunks are done.

    Yields:
        An output (records without their bytes), and where its record lies if it is one.
    """
    for chunk in range(work.num_chunks):
        path, end = work.records_path(chunk), 0
        with open(work.summary_path(chunk), encoding="utf-8") as file:
            summaries = json.load(file)
        for first, second, third in summaries:
            if isinstance(first, str):
                yield Drop(first, second, third), None
            else:
                begin, end = end, end + first
                yield Encoded(b"", second, third), Piece(path, begin, end)


class ShardPlanner:
    """Says which record goes into which shard.

    Args:
        shard_name: name of a shard, of its index.
        examples_per_shard: records in each shard but the last.

    Attributes:
        plans: of the shards that are full; of all after `finish`.
    """

    def __init__(self, shard_name: Callable[[int], str], examples_per_shard: int) -> None:
        self._shard_name = shard_name
        self._examples_per_shard = examples_per_shard
        self._pieces: list[Piece] = []
        self._num_examples = 0
        self.plans: list[ShardPlan] = []

    def add(self, record: Piece) -> None:
        """Takes the next record; neighbours are joined into one piece."""
        last = self._pieces[-1] if self._pieces else None
        if last and (last.path, last.end) == (record.path, record.begin):
            self._pieces[-1] = Piece(last.path, last.begin, record.end)
        else:
            self._pieces.append(record)
        self._num_examples += 1
        if self._num_examples == self._examples_per_shard:
            self.finish()

    def finish(self) -> None:
        """Completes the last shard, if it holds anything."""
        if self._num_examples:
            name = self._shard_name(len(self.plans))
            self.plans.append(ShardPlan(name, self._num_examples, tuple(self._pieces)))
            self._pieces, self._num_examples = [], 0


def assemble_shard(staging: str, plan: ShardPlan) -> None:
    """Puts a shard together and writes its description beside it.

    Raises:
        RecordError: if it cannot be written.
    """
    path = os.path.join(staging, plan.name)
    with writing(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write_whole(path, map(_read_piece, plan.pieces))
        shard = describe_shard(path, plan.name, plan.num_examples)
        description = json.dumps(dataclasses.asdict(shard))
        _write_whole(_description_path(staging, plan), [description.encode()])


def assembled(staging: str, plan: ShardPlan) -> Shard | None:
    """Returns the description of a shard, or None if it is not put together yet."""
    path = _description_path(staging, plan)
    if not os.path.exists(path) or not os.path.exists(os.path.join(staging, plan.name)):
        return None
    with open(path, encoding="utf-8") as file:
        return Shard(**json.load(file))


def report_errors(function: Callable[[Any], None], folder: str, element: Any) -> None:
    """Calls a function; what it says when it fails goes into a file.

    A scheduler would wrap its own traceback around it and try again.

    Args:
        function: called with the element.
        folder: there.
        element: what to do.
    """
    try:
        function(element)
    except (DatasetError, RecordError) as error:
        try:
            _write_whole(os.path.join(folder, f"{uuid.uuid4().hex}.txt"), [str(error).encode()])
        except OSError:
            raise error from None


def _description_path(staging: str, plan: ShardPlan) -> str:
    return os.path.join(staging, f"{plan.name}.json")


# Run -> its converter after `items`, and the items: read once in each process.
_known: dict[str, tuple[Converter, Sequence[Any]]] = {}


def _prepared(work: ChunkedWork) -> tuple[Converter, Sequence[Any]]:
    """Returns the converter, ready to convert, and the work items."""
    if work.run not in _known:
        items = work.converter.items(work.part)
        if len(items) != work.num_items:
            raise DatasetError(
                f"{work.converter.name}: {work.converter.data_dir} has {len(items)} items here and "
                f"{work.num_items} where the conversion was started; all machines must see one "
                "source tree."
            )
        _known.clear()
        _known[work.run] = work.converter, items
    return _known[work.run]


def _summary(output: Encoded | Drop) -> _Summary:
    if isinstance(output, Drop):
        return output.reason, output.is_error, output.name
    return len(output.framed), output.has_3d, output.has_smpl


def _read_piece(piece: Piece) -> bytes:
    with open(piece.path, "rb") as file:
        file.seek(piece.begin)
        return file.read(piece.end - piece.begin)


def _write_whole(path: str, contents: Iterable[bytes]) -> None:
    """Writes a file under a name of its own first: another process may write the same one."""
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "wb") as file:
            for content in contents:
                file.write(content)
        publish(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
