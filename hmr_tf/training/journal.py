"""What a run tells: progress on the console, a text log, a table and a picture of its curve.

=================  =================================================================================
file               content
=================  =================================================================================
train_log.txt      one dated line per event, the progress lines among them
curve.csv          one row per log line: step, the mean of every metric since the row before,
                   learning rates, images per second
validation.csv     one row per validation: step, the mean of every metric, people scored
curve.png          the losses of curve.csv, over the errors of validation.csv
=================  =================================================================================

A restarted run continues the files; rows of steps that will be taken again are removed first.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tqdm
from absl import logging

from hmr_tf.image_files import writing
from hmr_tf.render import plots
from hmr_tf.training.task import JOINT_ERROR
from tfrecords_tools import atomic_file

LOG_FILE = "train_log.txt"
CURVE_FILE = "curve.csv"
VALIDATION_FILE = "validation.csv"
PLOT_FILE = "curve.png"
RATE = "images_per_second"
PEOPLE = "num_people"


class Journal:
    """Writes the files of a run and its console lines.

    Args:
        log_dir: the run's folder; exists.
        columns: names of the numbers of a row, without step and rate.
        num_steps: length of the run.
        first_step: steps already taken.
        batch_size: images a step.
        is_terminal: whether to draw a progress bar; by default if stderr is a terminal.
        metrics: names of what validations measure; none without validations.
    """

    def __init__(
        self,
        log_dir: str,
        columns: Sequence[str],
        num_steps: int,
        first_step: int,
        batch_size: int,
        is_terminal: bool | None = None,
        metrics: Sequence[str] = (),
    ) -> None:
        self._log_dir = log_dir
        self._num_steps = num_steps
        self._batch_size = batch_size
        self._first_step = first_step
        self._last = (first_step, None)  # step and time of the last rate measurement
        self._started = time.perf_counter()
        self._shown: dict[str, str] = {}  # beside the bar
        self._curve = _Table(os.path.join(log_dir, CURVE_FILE), (*columns, RATE), first_step)
        self._validations = None
        if metrics:
            path = os.path.join(log_dir, VALIDATION_FILE)
            self._validations = _Table(path, (*metrics, PEOPLE), first_step)
        shown = sys.stderr.isatty() if is_terminal is None else is_terminal
        self._bar = (
            tqdm.tqdm(total=num_steps, initial=first_step, unit="step", dynamic_ncols=True)
            if shown
            else None
        )

    def say(self, text: str) -> None:
        """Writes one line to the log and the console."""
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n"
        _append(os.path.join(self._log_dir, LOG_FILE), line)
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            logging.info("%s", text)

    def pause(self, seconds: float) -> None:
        """Leaves time out of the rate: checkpoints, pictures."""
        step, since = self._last
        if since is not None:
            self._last = (step, since + seconds)

    def tick(self, step: int, loss: float) -> None:
        """Moves the bar; the clock of the rate starts after the first step, which compiles."""
        if self._last[1] is None:
            self._last = (step, time.perf_counter())
        if self._bar is not None:
            self._bar.set_postfix({**self._shown, "loss": f"{loss:.4g}"}, refresh=False)
            self._bar.update(step - self._bar.n)

    def row(self, step: int, values: Mapping[str, float]) -> float:
        """Writes a row of the table and a progress line.

        Args:
            step: steps taken.
            values: number by column.

        Returns:
            Images per second since the last row; 0 if not measured yet.
        """
        before, since = self._last
        now = time.perf_counter()
        rate = 0.0
        if since is not None and step > before:
            rate = (step - before) * self._batch_size / max(now - since, 1e-9)
            self._last = (step, now)
        self._curve.add(step, {**values, RATE: rate})
        self._shown = {name: f"{values[name]:.4g}" for name in _whole(values) if not _is_rate(name)}
        self.say(self._progress_line(step, rate))
        return rate

    def validation(self, step: int, means: Mapping[str, float], num_people: int, note: str) -> None:
        """Writes a row of validation.csv and a line.

        Args:
            step: steps taken.
            means: metric -> mean error; metrics without truth are left out.
            num_people: people scored.
            note: how it compares, for the line.
        """
        self._validations.add(step, {**means, PEOPLE: num_people})
        numbers = "  ".join(f"{name} {value:.1f}" for name, value in means.items())
        self.say(f"validation at step {step}: {numbers}  ({num_people} people; {note})")

    def _progress_line(self, step: int, rate: float) -> str:
        parts = [f"step {step}/{self._num_steps}"]
        parts += [f"{name} {value}" for name, value in self._shown.items()]
        if rate:
            left = (self._num_steps - step) * self._batch_size / rate
            parts += [f"{rate:.1f} images/s", f"{duration(left)} left"]
        return "  ".join(parts)

    def plot(self) -> None:
        """Draws the losses so far and, under them, the errors of validations."""
        losses = self._curve.series()
        names = [name for name in _whole(losses) if not _is_rate(name) and name != JOINT_ERROR]
        panels = [("training", "loss", {name: losses[name] for name in names}, True)]
        if self._validations is not None:
            panels.append(("validation", "error", self._validations.series(), False))
        pictures = [
            plots.draw_curves(series, title, "step", label, log_y)
            for title, label, series, log_y in panels
            if series
        ]
        if pictures:
            writing.write_png(os.path.join(self._log_dir, PLOT_FILE), np.concatenate(pictures))

    def summary(self, step: int, best_step: int) -> list[str]:
        """Returns what a run ends with, line by line.

        Args:
            step: steps taken in all.
            best_step: step of the best validation; negative if there was none.
        """
        seconds = time.perf_counter() - self._started
        taken = step - self._first_step
        rate = taken * self._batch_size / max(seconds, 1e-9)
        part = f"{taken} of them in this part, " if self._first_step else ""
        lines = [f"{step} steps, {part}{duration(seconds)}, {rate:.1f} images/s overall"]
        rows = [] if self._validations is None else self._validations.rows()
        lines += [_described("last", row) for row in rows[-1:]]
        lines += [_described("best", row) for row in rows if int(row["step"]) == best_step]
        return lines

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


class _Table:
    """A CSV file with a row for some steps, continued by a run that goes on.

    Args:
        path: of the file.
        columns: names of the numbers, without the step.
        first_step: steps already taken; rows of later ones are removed.
    """

    def __init__(self, path: str, columns: Sequence[str], first_step: int) -> None:
        self._path = path
        self._columns = ("step", *columns)
        lines = [",".join(self._columns)]
        for row in read_rows(path):
            if float(row["step"]) <= first_step:
                lines.append(",".join(row.get(name) or "" for name in self._columns))
        atomic_file.write_bytes(path, ("\n".join(lines) + "\n").encode())

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Writes a row; a column without a value stays empty."""
        numbers = {**values, "step": step}
        _append(self._path, ",".join(_exact(numbers.get(name)) for name in self._columns) + "\n")

    def rows(self) -> list[dict[str, str]]:
        """Returns all rows."""
        return read_rows(self._path)

    def series(self) -> dict[str, tuple[list[float], list[float]]]:
        """Returns (steps, values) of every column that has values, but for rates and counts."""
        rows, found = self.rows(), {}
        for name in self._columns:
            points = [(float(row["step"]), float(row[name])) for row in rows if row.get(name)]
            if points and name not in ("step", RATE, PEOPLE):
                found[name] = tuple(map(list, zip(*points)))
        return found


def _whole(names: Iterable[str]) -> list[str]:
    """Leaves out the parts of a metric: `adversarial_1`, `discriminator_real`."""
    names = list(names)
    return [name for name in names if name.rpartition("_")[0] not in names]


def _is_rate(name: str) -> bool:
    return name.endswith("learning_rate")


def _described(which: str, row: Mapping[str, str]) -> str:
    """Returns a row of validation.csv as a line."""
    means = {name: text for name, text in row.items() if name not in ("step", PEOPLE) and text}
    numbers = "  ".join(f"{name} {float(text):.1f}" for name, text in means.items())
    return f"{which} validation, step {row['step']}: {numbers}"


def _append(path: str, line: str) -> None:
    with atomic_file.writing(path):
        with open(path, "a", encoding="utf-8") as file:
            file.write(line)


def read_rows(path: str) -> list[dict[str, str]]:
    """Reads the whole rows of a curve.csv; a row cut short by a kill is left out."""
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    whole = text[: text.rfind("\n") + 1].splitlines()
    return [row for row in csv.DictReader(whole) if None not in row.values()]


def duration(seconds: float) -> str:
    """Returns a time as ``h:mm:ss``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value) if isinstance(value, int) else f"{value:.9g}"
