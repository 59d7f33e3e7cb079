"""From the tensors of somebody's checkpoint to the variables of a network, with nothing unsaid.

A format lists `Assignment`s: which tensors, of which shapes, make which variable. `assign` checks
all of them before it writes any, and reports every tensor of the file as used or unused and every
one that is not there.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Protocol

import numpy as np
import tensorflow as tf

from hmr_tf.errors import CheckpointError

UNKNOWN = "not part of this network"
INCOMPLETE = "of a part that is not whole"


class Tensors(Protocol):
    """The tensors of a checkpoint file, read one at a time.

    Attributes:
        path: the file, for messages.
        shapes: tensor name -> shape, of all tensors.
    """

    path: str
    shapes: Mapping[str, tuple[int, ...]]

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor."""


@dataclasses.dataclass(frozen=True)
class Source:
    """One tensor that a format should have: its name and shape in the file."""

    name: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Assignment:
    """How one variable is made.

    Attributes:
        variable: what is written.
        sources: the tensors that it is made of.
        make: function of their arrays, in order, to the variable's value.
        is_optional: whether the variable keeps its value if the file lacks a source, e.g. in the
            discriminators, which published checkpoints often leave out.
    """

    variable: tf.Variable
    sources: tuple[Source, ...]
    make: Callable[..., np.ndarray]
    is_optional: bool = False


class Joined:
    """Several files as one, e.g. a generator's and a discriminator's (see `Tensors`).

    Args:
        parts: the files; a tensor that two of them have is taken from the first.
    """

    def __init__(self, parts: Sequence[Tensors]) -> None:
        self.path = ", ".join(part.path for part in parts)
        self._parts = {name: part for part in reversed(parts) for name in part.shapes}
        self.shapes = {name: part.shapes[name] for name, part in self._parts.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor."""
        return self._parts[name].read(name)


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of every tensor.

    Attributes:
        used: names of the tensors that now stand in the network.
        unused: name -> why not, of the file's other tensors.
        missing: names of tensors that the format may hold and this file does not.
    """

    used: tuple[str, ...]
    unused: Mapping[str, str]
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON types."""
        return {
            "used": list(self.used),
            "unused": dict(self.unused),
            "missing": list(self.missing),
        }

    def summary(self) -> list[str]:
        """Returns lines for a reader: counts, and names where there are few."""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.unused.items():
            reasons.setdefault(reason, []).append(name)
        lines = [f"{len(self.used)} tensors used"]
        lines += [f"unused, {reason}: {_listed(names)}" for reason, names in reasons.items()]
        if self.missing:
            lines.append(f"missing, keep their first values: {_listed(self.missing)}")
        return lines


def variables_by_kind(layer: tf.keras.layers.Layer) -> dict[str, tf.Variable]:
    """Returns a layer's variables by Keras's own names for them: kernel, bias, gamma, ..."""
    return {x.name.rpartition("/")[2].partition(":")[0]: x for x in layer.weights}


def copied(variable: tf.Variable, name: str, is_optional: bool = False) -> Assignment:
    """The tensor is the variable."""
    source = Source(name, tuple(variable.shape))
    return Assignment(variable, (source,), lambda value: value, is_optional)


def reshaped(
    variable: tf.Variable, name: str, shape: tuple[int, ...], is_optional: bool = False
) -> Assignment:
    """The tensor holds the variable's numbers in the same order under another shape."""
    target = tuple(variable.shape)
    return Assignment(
        variable, (Source(name, shape),), lambda value: value.reshape(target), is_optional
    )


def transposed(variable: tf.Variable, name: str, is_optional: bool = False) -> Assignment:
    """Torch's layout: a matrix is ``[out, in]``, a 2D convolution ``[out, in, height, width]``."""
    shape = tuple(variable.shape)
    if len(shape) == 4:
        height, width, inputs, outputs = shape
        source = Source(name, (outputs, inputs, height, width))
        return Assignment(
            variable, (source,), lambda value: value.transpose(2, 3, 1, 0), is_optional
        )
    return Assignment(variable, (Source(name, shape[::-1]),), np.transpose, is_optional)


def assign(
    tensors: Tensors,
    assignments: Sequence[Assignment],
    ignored: Sequence[tuple[str, str]],
    own: str,
    what: str,
) -> Report:
    """Writes the variables of a network.

    Args:
        tensors: the file.
        assignments: how every variable is made, in the order in which mismatches are looked for.
        ignored: (regular expression, reason) of tensors that are known and not needed.
        own: regular expression of the names that belong to the network; a tensor among them that
            nothing needs means that the file holds a larger network.
        what: what the file should be, for messages.

    Raises:
        CheckpointError: at the first tensor that is missing, has another shape, is not made of
            finite numbers, or belongs to the network and has no place in it. Nothing is written
            then.
    """
    present, missing = [], []
    for assignment in assignments:
        absent = [x for x in assignment.sources if x.name not in tensors.shapes]
        if absent and not assignment.is_optional:
            raise CheckpointError(_absent(tensors, absent[0], what))
        missing += [source.name for source in absent]
        if not absent:
            present.append(assignment)
    needed = [source for assignment in present for source in assignment.sources]
    for source in needed:
        found = tuple(tensors.shapes[source.name])
        if found != source.shape:
            raise CheckpointError(
                f"{tensors.path} is not {what}: '{source.name}' should have the shape "
                f"{list(source.shape)}; it has {list(found)}."
            )
    used = {source.name for source in needed}
    known = {source.name for x in assignments for source in x.sources}
    unused = {
        name: INCOMPLETE if name in known else _reason(name, ignored)
        for name in tensors.shapes
        if name not in used
    }
    for name, reason in unused.items():
        if reason == UNKNOWN and re.fullmatch(own, name):
            raise CheckpointError(
                f"{tensors.path} is not {what}: '{name}' {list(tensors.shapes[name])} has no "
                "place in that network."
            )
    values = [
        assignment.make(*(_numbers(tensors, source.name) for source in assignment.sources))
        for assignment in present
    ]
    for assignment, value in zip(present, values):
        assignment.variable.assign(value)
    return Report(tuple(sorted(used)), dict(sorted(unused.items())), tuple(missing))


def _absent(tensors: Tensors, source: Source, what: str) -> str:
    names = sorted(tensors.shapes)
    others = f"{len(names)} tensors, e.g. '{names[0]}'" if names else "no tensors"
    return (
        f"{tensors.path} is not {what}: '{source.name}' {list(source.shape)} is missing; the file "
        f"has {others}."
    )


def _reason(name: str, ignored: Sequence[tuple[str, str]]) -> str:
    for pattern, reason in ignored:
        if re.fullmatch(pattern, name):
            return reason
    return UNKNOWN


def _numbers(tensors: Tensors, name: str) -> np.ndarray:
    value = tensors.read(name)
    if value.dtype.kind != "f" or not np.isfinite(value).all():
        raise CheckpointError(f"{tensors.path}: '{name}' does not hold finite numbers.")
    return value.astype(np.float32)


def _listed(names: Sequence[str], most: int = 6) -> str:
    listed = ", ".join(sorted(names)[:most])
    return f"{listed} and {len(names) - most} more" if len(names) > most else listed
