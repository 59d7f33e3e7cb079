"""Folders that are filled piece by piece: settings that must match, pieces that are not redone."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Callable

from absl import logging
from tqdm import tqdm

from hmr_tf.errors import DataError
from tfrecords_tools import atomic_file
from tfrecords_tools.processes import begin_worker


def claim(settings_file: Path, settings: dict[str, Any], products: Iterable[Path]) -> None:
    """Takes a folder for one set of settings, or takes it up again.

    Args:
        settings_file: where the settings are kept.
        settings: JSON types.
        products: files that only a folder with a settings file may hold.

    Raises:
        DataError: if the folder holds data of other settings or of another origin.
    """
    folder = settings_file.parent
    settings = json.loads(json.dumps(settings))
    if settings_file.exists():
        try:
            found = json.loads(settings_file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(
                f"{settings_file}: damaged; remove '{folder}' and start anew."
            ) from error
        changed = sorted(key for key in settings if found.get(key) != settings[key])
        if changed:
            was = ", ".join(f"{key}={found.get(key)}" for key in changed)
            now = ", ".join(f"{key}={settings[key]}" for key in changed)
            raise DataError(
                f"'{folder}' holds data made with {was}; these settings have {now}. Give another "
                "out_dir, or remove that folder."
            )
        return
    for product in products:
        if product.exists():
            raise DataError(
                f"'{folder}' already holds '{product.name}', which this command did not write. "
                "Give another out_dir."
            )
    folder.mkdir(parents=True, exist_ok=True)
    atomic_file.write_json(settings_file, settings)


def remove_parts(folder: Path) -> None:
    """Removes the parts of a finished folder, if there are: a kill may have come before this."""
    parts = folder / "unfinished"
    if parts.exists():
        shutil.rmtree(parts)


def run(
    work: Callable[[Any], int],
    tasks: Sequence[Any],
    num_workers: int,
    start: Callable[..., None],
    start_arguments: tuple[Any, ...],
    unit: str,
    total: int,
) -> None:
    """Does tasks in worker processes, in any order, with a progress bar.

    Args:
        work: does one task and returns how many units it made.
        tasks: what to do.
        num_workers: processes; 0 works in this one.
        start: prepares a process.
        start_arguments: its arguments.
        unit: name of the units.
        total: units of all tasks.

    Raises:
        DataError: if a worker process dies.
    """
    if not tasks:
        return
    # None: a bar on a terminal only.
    with tqdm(total=total, unit=unit, disable=None) as progress:
        done, next_line = 0, 0.1

        def advance(made: int) -> None:
            nonlocal done, next_line
            done += made
            progress.update(made)
            if progress.disable and done >= next_line * total:
                logging.info("%d of %d %ss", done, total, unit)
                next_line = done / total + 0.1

        if num_workers == 0:
            start(*start_arguments)
            for task in tasks:
                advance(work(task))
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            min(num_workers, len(tasks)),
            context,
            initializer=_begin_worker,
            initargs=(start, start_arguments),
        ) as pool:
            futures = [pool.submit(work, task) for task in tasks]
            try:
                for future in as_completed(futures):
                    advance(future.result())
            except BrokenProcessPool as error:
                raise DataError(
                    "A worker process died, perhaps for want of memory. Run the same command again "
                    "to continue, with a smaller --num_workers."
                ) from error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _begin_worker(start: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    begin_worker()
    start(*arguments)
