"""What a run tells: progress on the console, a text log, a table and a picture of its curve.

=================  =================================================================================
file               content
=================  =================================================================================
train_log.txt      one dated line per event, the progress lines among them
curve.csv          one row per log line: step, the mean of every metric since the row before,
                   learning rates, images per second
curve.png          the losses of curve.csv
=================  =================================================================================

A restarted run continues the files; rows of steps that will be taken again are removed first.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Mapping, Sequence

import tqdm
from absl import logging

from hmr_tf.render import plots
from tfrecords_tools import atomic_file

LOG_FILE = "train_log.txt"
CURVE_FILE = "curve.csv"
PLOT_FILE = "curve.png"
RATE = "images_per_second"


class Journal:
    """Writes the files of a run and its console lines.

    Args:
        log_dir: the run's folder; exists.
        columns: names of the numbers of a row, without step and rate.
        num_steps: length of the run.
        first_step: steps already taken.
        batch_size: images a step.
        is_terminal: whether to draw a progress bar; by default if stderr is a terminal.
    """

    def __init__(
        self,
        log_dir: str,
        columns: Sequence[str],
        num_steps: int,
        first_step: int,
        batch_size: int,
        is_terminal: bool | None = None,
    ) -> None:
        self._log_dir = log_dir
        self._columns = ("step", *columns, RATE)
        self._num_steps = num_steps
        self._batch_size = batch_size
        self._first_step = first_step
        self._last = (first_step, None)  # step and time of the last rate measurement
        self._log = open(os.path.join(log_dir, LOG_FILE), "a", encoding="utf-8")
        self._curve_path = os.path.join(log_dir, CURVE_FILE)
        self._begin_curve()
        shown = sys.stderr.isatty() if is_terminal is None else is_terminal
        self._bar = (
            tqdm.tqdm(total=num_steps, initial=first_step, unit="step", dynamic_ncols=True)
            if shown
            else None
        )

    def say(self, text: str) -> None:
        """Writes one line to the log and the console."""
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        self._log.flush()
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
            self._bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
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
        numbers = {**values, RATE: rate, "step": step}
        with open(self._curve_path, "a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([_exact(numbers.get(name)) for name in self._columns])
        self.say(self._progress_line(step, values, rate))
        return rate

    def _progress_line(self, step: int, values: Mapping[str, float], rate: float) -> str:
        parts = [f"step {step}/{self._num_steps}"]
        # Parts of a metric (`adversarial_1`, `discriminator_real`) are for the table only.
        parts += [
            f"{name} {value:.4g}"
            for name, value in values.items()
            if name.rpartition("_")[0] not in values and not name.endswith("learning_rate")
        ]
        if rate:
            left = (self._num_steps - step) * self._batch_size / rate
            parts += [f"{rate:.1f} images/s", f"{duration(left)} left"]
        return "  ".join(parts)

    def _begin_curve(self) -> None:
        """Writes the header, keeping the rows of a run that goes on from `first_step`."""
        rows = [",".join(self._columns)]
        for row in read_rows(self._curve_path):
            if float(row["step"]) <= self._first_step:
                rows.append(",".join(row.get(name) or "" for name in self._columns))
        temporary = self._curve_path + ".tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write("\n".join(rows) + "\n")
        atomic_file.publish(temporary, self._curve_path)

    def plot(self) -> None:
        """Draws the losses so far."""
        rows = read_rows(self._curve_path)
        names = [
            name
            for name in self._columns
            if name not in ("step", RATE, "mpjpe_mm") and not name.endswith("learning_rate")
        ]
        names = [name for name in names if name.rpartition("_")[0] not in names]
        series = {}
        for name in names:
            points = [(float(row["step"]), float(row[name])) for row in rows if row.get(name)]
            points = [(x, y) for x, y in points if y > 0]
            if points:
                series[name] = tuple(zip(*points))
        if series:
            plots.plot_curves(
                series,
                os.path.join(self._log_dir, PLOT_FILE),
                title="training",
                xlabel="step",
                ylabel="loss",
                log_y=True,
            )

    def close(self) -> None:
        """Ends the bar and the log."""
        if self._bar is not None:
            self._bar.close()
        self._log.close()


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
