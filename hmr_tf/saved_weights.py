"""The weights in a checkpoint directory: TensorFlow's checkpoints ``weights/ckpt-N.*``.

Which of them is the newest, writing and restoring them, and what a kill or a full disk left.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, Union

import tensorflow as tf

from hmr_tf.errors import CheckpointError
from tfrecords_tools import atomic_file

WEIGHTS_DIR = "weights"

PathLike = Union[str, "os.PathLike[str]"]


def weights_dir(directory: PathLike) -> str:
    """Returns the folder of the TensorFlow checkpoints."""
    return os.path.join(directory, WEIGHTS_DIR)


def list_path(directory: PathLike) -> str:
    """Returns the file in which TensorFlow names the checkpoints, the newest first."""
    return os.path.join(weights_dir(directory), "checkpoint")


def latest_weights(directory: PathLike) -> str | None:
    """Returns the prefix of the newest TensorFlow checkpoint, or None if there is none yet.

    Raises:
        CheckpointError: if there was one, but its file or the list of checkpoints is gone or
            damaged; whoever took that for none would begin anew over what is left.
    """
    folder = weights_dir(directory)
    try:
        state = tf.train.get_checkpoint_state(folder)
    except ValueError:  # Empty, or no text; of other damage TensorFlow says None.
        state = None
    if state is None:
        names = list_path(directory)
        # One checkpoint without a list is what a kill amid the first save leaves.
        if os.path.exists(names) or len(list(pathlib.Path(folder).glob("ckpt-*.index"))) > 1:
            raise CheckpointError(
                f"'{names}', TensorFlow's list of the checkpoints, is damaged or missing; copy it "
                "again."
            )
        return None
    if not os.path.exists(f"{state.model_checkpoint_path}.index"):
        raise CheckpointError(
            f"'{state.model_checkpoint_path}.index' of the newest checkpoint is missing; copy "
            f"'{folder}' again, name another in its file 'checkpoint', or remove it."
        )
    return state.model_checkpoint_path


def latest_step(directory: PathLike) -> int | None:
    """Returns the step of the newest TensorFlow checkpoint, or None if there is none yet."""
    path = latest_weights(directory)
    return None if path is None else int(path.rpartition("-")[2])


def remove_unfinished(manager: tf.train.CheckpointManager) -> None:
    """Removes what a kill in the middle of saving left: files of no known checkpoint."""
    known = {os.path.basename(path) for path in manager.checkpoints}
    for path in pathlib.Path(manager.directory).glob("ckpt-*"):
        if path.name.partition(".")[0] in known:
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def weights_digest(prefix: str) -> str:
    """Returns the SHA-256 of a TensorFlow checkpoint's files."""
    digest = hashlib.sha256()
    folder, name = os.path.split(prefix)
    for file_name in sorted(os.listdir(folder)):
        if file_name.startswith((f"{name}.index", f"{name}.data-")):
            with open(os.path.join(folder, file_name), "rb") as file:
                while chunk := file.read(1 << 22):
                    digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def writing(path: PathLike) -> Iterator[None]:
    """Turns what TensorFlow says about a full disk into one line; other errors pass.

    Args:
        path: what is written.

    Raises:
        OutputError: if the disk is full, a quota is used up, ...
    """
    try:
        yield
    except tf.errors.OpError as error:
        # Neither class nor code tells a full disk from full memory.
        for reason in map(os.strerror, atomic_file.NO_ROOM):
            if reason in error.message:
                raise atomic_file.not_written(path, reason) from error
        raise


def save(manager: tf.train.CheckpointManager, step: int | None = None) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        manager: of the checkpoints.
        step: number of the checkpoint; None for the next.

    Raises:
        OutputError: if it cannot be written; those before it are there as they were.
    """
    try:
        with writing(manager.directory):
            manager.save(checkpoint_number=step)
    finally:
        remove_unfinished(manager)


def save_only(directory: PathLike, **items: Any) -> None:
    """Writes the one checkpoint of a directory.

    Args:
        directory: created if missing.
        items: name in the checkpoint -> trackable object.

    Raises:
        OutputError: if it cannot be written.
    """
    checkpoint = tf.train.Checkpoint(**items)
    save(tf.train.CheckpointManager(checkpoint, weights_dir(directory), max_to_keep=1))


def restore(path: str, items: Mapping[str, Any]) -> None:
    """Restores trackable objects from a TensorFlow checkpoint, every one of their variables.

    Args:
        path: prefix of the checkpoint.
        items: name in the checkpoint -> trackable object. The checkpoint may hold more.

    Raises:
        CheckpointError: if the file is damaged, or lacks a variable, or one has another shape.
    """
    try:
        checkpoint = tf.train.Checkpoint()
        # Said before anything can fail; else TensorFlow lists all that a failure left unread.
        status = checkpoint.restore(path).expect_partial()
        for name, item in items.items():
            setattr(checkpoint, name, item)  # Which restores it.
        status.assert_existing_objects_matched()
    # TensorFlow's reader answers damage with several of Python's own errors.
    except (AssertionError, ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"The weights '{path}' are damaged or of another model: {reason}"
        ) from error
