"""Settings as plain JSON types, and back."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from hmr_tf.errors import ConfigError


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a dataclass as plain JSON types."""
    return dataclasses.asdict(config)


def defaults(config: Any) -> dict[str, Any]:
    """Returns a dataclass as `to_dict` does, with all settings at their defaults.

    Args:
        config: an instance; what has no default is taken from it.
    """
    required = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.default is field.default_factory is dataclasses.MISSING
    }
    return to_dict(type(config)(**required))


def from_dict(config_class: type, values: dict[str, Any]) -> Any:
    """Builds a config from plain JSON types.

    Raises:
        ConfigError: if a key is unknown to ``config_class``.
    """
    known = {field.name for field in dataclasses.fields(config_class)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(
            f"{config_class.__name__} has no setting {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(known))}. The file comes from another version of hmr_tf."
        )
    kinds = typing.get_type_hints(config_class)
    return config_class(**{name: _typed(value, kinds[name]) for name, value in values.items()})


def _typed(value: Any, kind: Any) -> Any:
    """Turns JSON's lists into tuples and its objects into the settings they came from."""
    if isinstance(value, dict) and dataclasses.is_dataclass(kind):
        return from_dict(kind, value)
    if isinstance(value, (list, tuple)):
        return tuple(_typed(item, None) for item in value)
    return value
