"""Flags that several commands share, and flags made from the dataclasses of `config`.

A command calls the functions it needs at module level and keeps what they return in constants; the
flags then count as the command's own in ``--help``.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

flags.disclaim_key_flags()  # What is defined through this module belongs to the caller.

# Kind of each flag of `define_config`.
_KINDS: dict[str, Any] = {}


def define_data_dir(text: str = "Folder of records, as hmr_tf.convert wrote it.", **kwargs: Any):
    """Defines ``--data_dir``."""
    return flags.DEFINE_string("data_dir", None, text, **kwargs)


def define_out_dir(text: str, default: str | None = None):
    """Defines ``--out_dir``."""
    return flags.DEFINE_string("out_dir", default, text)


def define_checkpoint():
    """Defines ``--checkpoint``."""
    return flags.DEFINE_string(
        "checkpoint",
        None,
        "Checkpoint folder: the log_dir of a training run, or what import_weights wrote.",
    )


def define_body():
    """Defines ``--body`` and ``--gender``."""
    body = flags.DEFINE_string(
        "body",
        "free_body",
        "Body model: 'free_body' (embedded), 'smpl' (searched in the usual places), or a path.",
    )
    gender = flags.DEFINE_enum(
        "gender", "neutral", ["neutral", "male", "female"], "Which SMPL file of a folder is taken."
    )
    return body, gender


def define_num_logical_cpus():
    """Defines ``--num_logical_cpus``."""
    return flags.DEFINE_integer(
        "num_logical_cpus",
        0,
        "Replicas on this machine's CPU instead of its GPUs, to try distribution; 0: all GPUs.",
        lower_bound=0,
    )


def define_seed(text: str = "Seed of everything random."):
    """Defines ``--seed``."""
    return flags.DEFINE_integer("seed", 0, text, lower_bound=0)


class NamesParser(flags.ArgumentParser):
    """Reads ``a,b`` as a tuple of names; an empty text is an empty tuple."""

    syntactic_help = "names, separated by commas"

    def parse(self, argument: Any) -> tuple[str, ...]:
        """Returns the names."""
        if not isinstance(argument, str):
            return tuple(argument)
        return tuple(part.strip() for part in argument.split(",") if part.strip())


class WeightedNamesParser(flags.ArgumentParser):
    """Reads ``a:1.5,b`` as a tuple of (name, weight); a weight not given is 1, no text no pair."""

    syntactic_help = "name:weight pairs, separated by commas"

    def parse(self, argument: Any) -> tuple[tuple[str, float], ...]:
        """Returns the pairs.

        Raises:
            ValueError: if a weight is not a positive number or a name comes twice.
        """
        if not isinstance(argument, str):
            return tuple((name, float(weight)) for name, weight in argument)
        if not argument.strip():
            return ()
        pairs = []
        for part in argument.split(","):
            name, colon, weight = part.strip().partition(":")
            try:
                value = float(weight) if colon else 1.0
            except ValueError:
                value = -1.0
            if not name or not 0 < value < float("inf"):
                raise ValueError(f"expected name:weight with a positive weight, got '{part}'")
            pairs.append((name, value))
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError(f"a dataset is named twice in '{argument}'")
        return tuple(pairs)


class WholeNumbersParser(flags.ArgumentParser):
    """Reads ``1,20`` as a tuple of whole numbers; an empty text is an empty tuple."""

    syntactic_help = "whole numbers, separated by commas"

    def parse(self, argument: Any) -> tuple[int, ...]:
        """Returns the numbers.

        Raises:
            ValueError: if one is not a whole number.
        """
        if not isinstance(argument, str):
            return tuple(argument)
        return tuple(int(part) for part in argument.split(",") if part.strip())


class _TupleSerializer(flags.ArgumentSerializer):
    """Writes tuples as their parsers read them."""

    def serialize(self, value: Sequence[Any]) -> str:
        pairs = [item if isinstance(item, tuple) else (item,) for item in value]
        return ",".join(":".join(map(str, pair)) for pair in pairs)


_TUPLE_PARSERS = {str: NamesParser, int: WholeNumbersParser}


def define_config(
    config_class: type,
    choices: Mapping[str, Sequence[str]] | None = None,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    skip: Sequence[str] = (),
) -> None:
    """Defines one flag per field of a settings dataclass, of the same name, default and meaning.

    Help texts are the entries of the dataclass's ``Attributes`` section. A field whose flag this
    function has defined for another dataclass shares it; `use_defaults` then says whose default it
    has.

    Args:
        config_class: a dataclass of `hmr_tf.config`.
        choices: field -> values allowed.
        bounds: field -> (least, greatest), inclusive; None for no bound.
        skip: fields that get no flag here.
    """
    choices, bounds = choices or {}, bounds or {}
    meanings = attribute_meanings(config_class)
    kinds = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        kind, text = kinds[field.name], meanings[field.name]
        default = None if field.default is dataclasses.MISSING else field.default
        if field.name in skip:
            continue
        if _is_shared(field.name, kind):
            flag = flags.FLAGS[field.name]
            if flag.default != default:
                flag.help += f" Default of {config_class.__name__}: {default}."
            continue
        low, high = bounds.get(field.name, (None, None))
        if field.name in choices:
            flags.DEFINE_enum(field.name, default, list(choices[field.name]), text)
        elif kind is bool:
            flags.DEFINE_bool(field.name, default, text)
        elif kind is int:
            flags.DEFINE_integer(field.name, default, text, lower_bound=low, upper_bound=high)
        elif kind is float:
            flags.DEFINE_float(field.name, default, text, lower_bound=low, upper_bound=high)
            # Bounds let `nan` through.
            flags.register_validator(field.name, math.isfinite, "must be a finite number.")
        elif kind is str:
            flags.DEFINE_string(field.name, default, text)
        else:
            parser = _TUPLE_PARSERS.get(typing.get_args(kind)[0], WeightedNamesParser)
            flags.DEFINE(
                parser(),
                field.name,
                default,
                text,
                serializer=_TupleSerializer(),
            )


def _is_shared(name: str, kind: Any) -> bool:
    """Whether `define_config` has defined a flag of this name, and so of this kind, before."""
    if name not in flags.FLAGS or name not in _KINDS:
        _KINDS[name] = kind
        return False
    if _KINDS[name] != kind:
        raise ValueError(f"--{name} is {_KINDS[name]} and cannot be {kind}, too.")
    return True


def use_defaults(*config_classes: type) -> None:
    """Gives flags that are not set the defaults of some dataclasses: those that are in use."""
    for config_class in config_classes:
        for field in dataclasses.fields(config_class):
            flags.FLAGS.set_default(field.name, field.default)


def build_config(config_class: type, **others: Any) -> Any:
    """Builds a settings dataclass from the flags of `define_config`.

    Args:
        config_class: the dataclass.
        **others: fields that are not taken from flags.

    Returns:
        The settings.
    """
    names = [f.name for f in dataclasses.fields(config_class) if f.name not in others]
    return config_class(**{name: flags.FLAGS[name].value for name in names}, **others)


def attribute_meanings(config_class: type) -> dict[str, str]:
    """Reads the ``Attributes`` section of a docstring: field -> meaning, on one line each."""
    section = (config_class.__doc__ or "").partition("Attributes:")[2]
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = re.match(r" {8}(\w+(?:, \w+)*): (.*)", line)
        if entry:
            names, text = entry.group(1).split(", "), entry.group(2)
        else:
            text = line.strip()
        for name in names:
            meanings[name] = f"{meanings.get(name, '')} {text}".strip().replace("`", "")
    return meanings
