"""Names to things, without importing the things.

A registry maps a name to ``"module:attribute"``. Names and ``--help`` texts are then known without
importing TensorFlow or every model; the module is imported when the name is first looked up.
"""

from __future__ import annotations

import importlib
from typing import Any

from hmr_tf.errors import ConfigError


class Registry:
    """A table of lazily imported attributes.

    Args:
        kind: what the entries are, for error messages, e.g. ``"model"``.
        entries: name -> ``"package.module:attribute"``.
    """

    def __init__(self, kind: str, entries: dict[str, str]) -> None:
        self._kind = kind
        self._entries = dict(entries)

    @property
    def names(self) -> list[str]:
        """The registered names, sorted."""
        return sorted(self._entries)

    def get(self, name: str) -> Any:
        """Imports and returns the entry called ``name``.

        Raises:
            ConfigError: if the name is not registered.
        """
        if name not in self._entries:
            raise ConfigError(
                f"Unknown {self._kind} '{name}'; expected one of: {', '.join(self.names)}."
            )
        module, attribute = self._entries[name].split(":")
        return getattr(importlib.import_module(module), attribute)
