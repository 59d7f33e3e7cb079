"""The files that say how an evaluation went: numbers, tables, charts and one page of it all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from hmr_tf.evaluation import breakdown, charts, contact_sheet, published, report_page
from hmr_tf.evaluation.evaluation import Evaluation
from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.report_tables import LABELS

EXAMPLES_FILE = "examples.png"
PAGE_FILE = "report.html"
SUMMARY_FILE = "evaluation.json"
_PARTS = ("action", "sequence", "subject", "dataset")
# Sources of which PCK curves are drawn: title, largest threshold, unit.
_CURVES = {
    "joint_errors_mm": ("3DPCK, roots joined", 200.0, "mm"),
    "pa_joint_errors_mm": ("3DPCK, aligned", 200.0, "mm"),
    "errors_in_torsos": ("PCK", 0.5, "torsos"),
    "errors_in_heads": ("PCKh", 1.0, "heads"),
    "errors_in_boxes": ("PCK", 0.2, "sides of the box"),
}


def make_files(
    evaluation: Evaluation,
    summary: Mapping[str, Any],
    draw: contact_sheet.Draw,
) -> dict[str, bytes]:
    """Makes everything that is written about an evaluation.

    Args:
        evaluation: what was measured, and how.
        summary: plain JSON types: `metrics`, `baseline` and `median` by metric name, and facts to
            print, of which `command` tells how to repeat it.
        draw: from a person to three square pictures of one size.

    Returns:
        File name -> content: ``evaluation.json``, ``by_<part>.csv``, ``histogram_<metric>.png``,
        ``pck_<source>.png``, ``examples.png`` with a few people, and ``report.html`` with all of
        it and the best and worst people.
    """
    tables = break_down(evaluation)
    images = {name: _png(image) for name, image in draw_charts(evaluation).items()}
    entries = published.find(evaluation.protocol.name)
    full = {
        **summary,
        "published": [dataclasses.asdict(entry) for entry in entries],
        "parts": {
            table.by: {row.label: {"people": row.count, **row.values} for row in table.rows}
            for table in tables
        },
    }
    page = report_page.make_page(evaluation, summary, tables, images, draw)
    return {
        **{f"by_{table.by}.csv": table.to_csv().encode() for table in tables},
        **images,
        EXAMPLES_FILE: _png(contact_sheet.draw_sheet(draw, evaluation.examples)),
        PAGE_FILE: page.encode(),
        SUMMARY_FILE: (json.dumps(full, indent=2) + "\n").encode(),
    }


def break_down(evaluation: Evaluation) -> list[breakdown.Breakdown]:
    """Returns the tables by part of an evaluation, those that tell something."""
    errors, summarise, total = evaluation.errors, evaluation.summarise, evaluation.means()
    return [
        breakdown.break_down(errors, evaluation.samples[by], by, summarise, total)
        for by in breakdown.choose(evaluation.samples, _PARTS)
    ]


def draw_charts(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Returns file name -> uint8 RGB: a histogram of each error, and PCK curves."""
    images = {}
    for name in evaluation.metrics:
        measure = MEASURES[name]
        values = evaluation.errors[measure.source]
        if values.ndim == 1 and np.isfinite(values).any():
            baseline = evaluation.baseline.get(measure.source)
            images[f"histogram_{name}.png"] = charts.draw_histogram(
                LABELS[name], values, baseline, measure.unit
            )
    for source, (title, top, unit) in _CURVES.items():
        curves = {
            name: errors[source]
            for name, errors in (("model", evaluation.errors), ("mean pose", evaluation.baseline))
            if source in errors and np.isfinite(errors[source]).any()
        }
        if "model" in curves:
            thresholds = np.linspace(0.0, top, 41)
            images[f"pck_{source}.png"] = charts.draw_pck(curves, thresholds, title, unit)
    return images


def _png(image: np.ndarray) -> bytes:
    smallest = [cv2.IMWRITE_PNG_COMPRESSION, 9]
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]), smallest)[1].tobytes()
