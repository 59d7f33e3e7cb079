"""Keeps two processes from training in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from hmr_tf.errors import ConfigError

LOCK_FILE = ".lock"


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Holds a folder's lock; it ends with the process, however that ends.

    Args:
        folder: exists.

    Raises:
        ConfigError: if another process holds it.
    """
    with open(os.path.join(folder, LOCK_FILE), "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"Another process is training in '{folder}'; wait for it or give another --log_dir."
            ) from error
        yield
