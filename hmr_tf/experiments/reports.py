"""What an experiment leaves behind: NAME.md, NAME.json and NAME.png."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hmr_tf.image_files import writing
from tfrecords_tools import atomic_file


def write(
    out_dir: str | os.PathLike,
    name: str,
    results: Mapping[str, Any],
    text: str,
    figure: np.ndarray,
) -> None:
    """Writes numbers, figure and table; where the table is, everything is.

    Args:
        out_dir: folder.
        name: the experiment's.
        results: plain JSON types.
        text: Markdown.
        figure: uint8 RGB.
    """
    out_dir = pathlib.Path(out_dir)
    atomic_file.write_json(out_dir / f"{name}.json", results)
    writing.write_png(out_dir / f"{name}.png", figure)
    atomic_file.write_bytes(out_dir / f"{name}.md", text.encode())


def claim(text: str, value: float, bound: float, holds: bool) -> dict[str, Any]:
    """Returns a claim as `claims_table` takes it, plain JSON types."""
    return {"text": text, "value": float(value), "bound": bound, "holds": bool(holds)}


def claims_table(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns lines of Markdown that say which claims hold; values and bounds are shares."""
    lines = ["| claim | measured | bound | |", "| --- | ---: | ---: | --- |"]
    for one in claims:
        sign = "holds" if one["holds"] else "does not hold"
        lines.append(f"| {one['text']} | {one['value']:.1%} | {one['bound']:.0%} | {sign} |")
    return lines


def list_runs(runs: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> list[str]:
    """Returns lines of Markdown that say of each run what it was."""
    return [
        f"- {titles[name]}: {run['num_people']} people, step {run['step']}, seed {run['seed']}: "
        f"`{run['command']}`"
        for name, run in runs.items()
    ]


def stack(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Returns pictures one under the other, white beside the narrower ones.

    Args:
        rows: uint8 RGB each.
    """
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [
            np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
            for row in rows
        ]
    )
