"""Keeps two processes from training in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
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


@contextlib.contextmanager
def own_folder(log_dir: str, is_chief: bool) -> Iterator[str]:
    """Gives a process the folder that it writes a run into.

    Args:
        log_dir: the run's folder.
        is_chief: whether this process keeps what it writes.

    Returns:
        A context with the run's folder, made if missing and locked; or with a temporary one.

    Raises:
        ConfigError: if another process is training there.
    """
    if is_chief:
        os.makedirs(log_dir, exist_ok=True)
        with locked(log_dir):
            yield log_dir
    else:
        with tempfile.TemporaryDirectory(prefix="hmr_tf_worker_") as folder:
            yield folder
