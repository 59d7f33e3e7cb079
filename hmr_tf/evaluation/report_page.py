"""One page with everything about an evaluation: it opens without a network, on a phone too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from hmr_tf.evaluation import html_page, report_tables
from hmr_tf.evaluation.breakdown import Breakdown
from hmr_tf.evaluation.contact_sheet import Draw
from hmr_tf.evaluation.evaluation import Evaluation
from hmr_tf.evaluation.examples import Example
from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.report_tables import LABELS, format_value

# Rows that a table on the page may have before it is folded away.
_LONG_TABLE = 40
# What people are the best and the worst by: the first source, and its unit.
_RANKED_BY = {
    "mpjpe_mm": ("MPJPE", "mm"),
    "pa_mpjpe_mm": ("PA-MPJPE", "mm"),
    "pve_mm": ("PVE", "mm"),
    "smpl_mpjpe_mm": ("MPJPE of SMPL's joints", "mm"),
    "located_mpjpe_mm": ("MPJPE as located", "mm"),
    "keypoints_2d_px": ("2D error", "px"),
    "joint_errors_mm": ("mean joint error", "mm"),
    "pa_joint_errors_mm": ("mean joint error after alignment", "mm"),
    "errors_in_torsos": ("mean 2D error", "torsos"),
    "errors_in_heads": ("mean 2D error", "heads"),
    "errors_in_boxes": ("mean 2D error", "sides of the box"),
}
_JPEG_QUALITY = 85


def make_page(
    evaluation: Evaluation,
    summary: Mapping[str, Any],
    tables: Sequence[Breakdown],
    images: Mapping[str, bytes],
    draw: Draw,
) -> str:
    """Makes the page of an evaluation.

    Args:
        evaluation: what was measured, and how.
        summary: as in `report.make_files`.
        tables: the numbers by part.
        images: file name -> PNG file of each chart.
        draw: from a person to three square pictures of one size.

    Returns:
        HTML that needs nothing but itself.
    """
    protocol, picked = evaluation.protocol, evaluation.examples.pick()
    parts = _by_joint(evaluation) + "".join(_part(table) for table in tables)
    sections = {
        "Numbers": html_page.tiles(_tiles(summary)),
        "Beside published numbers": _comparison(summary),
        "Spread of the errors": html_page.pictures(_charts(images), "charts"),
        "By part": parts,
        "Best people": _people(picked["best"], evaluation, draw),
        "Worst people": _people(picked["worst"][::-1], evaluation, draw),
        "How it was measured": _facts(summary),
    }
    subtitle = f"{evaluation.num_people:,} people of {', '.join(protocol.datasets)}"
    if "split" in summary:
        subtitle += f", {summary['split']} split"
    return html_page.page(f"Evaluation: {protocol.name}", subtitle, sections)


def _tiles(summary: Mapping[str, Any]) -> list[html_page.Tile]:
    entries = []
    for name, value in summary["metrics"].items():
        unit = MEASURES[name].unit
        notes = [
            f"{label} {format_value(summary[key][name], unit)}"
            for label, key in (("median", "median"), ("mean pose", "baseline"))
            if summary.get(key, {}).get(name) is not None
        ]
        value = format_value(value, unit)
        entries.append(html_page.Tile(LABELS[name], value, unit, tuple(notes)))
    return entries


def _comparison(summary: Mapping[str, Any]) -> str:
    header, rows = report_tables.comparison(summary)
    text = f"Comparable with {summary['comparable_with']}."
    return html_page.paragraph(text) + html_page.table(header, rows, strong=(0,), num_text=2)


def _charts(images: Mapping[str, bytes]) -> list[html_page.Picture]:
    found = []
    for name, content in images.items():
        height, width = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape[:2]
        words = re.sub(r"\.png$", "", name).replace("_", " ")
        found.append(html_page.Picture(content, width, height, words))
    return found


def _part(table: Breakdown) -> str:
    header, rows = report_tables.part_rows(table)
    body = html_page.table(header, rows, strong=(len(rows) - 1,))
    if len(rows) > _LONG_TABLE:
        return html_page.folded(f"By {table.by}: {len(rows) - 2} rows", body)
    return html_page.subheading(f"By {table.by}") + body


def _by_joint(evaluation: Evaluation) -> str:
    """Returns the table of each joint's mean error."""
    names = evaluation.protocol.joint_names
    headings = {"joint_errors_mm": "roots joined, mm", "pa_joint_errors_mm": "aligned, mm"}
    columns = {}
    for source, heading in headings.items():
        errors = evaluation.errors.get(source)
        if errors is not None:
            known = np.isfinite(errors)
            total = np.where(known, errors, 0.0).sum(axis=0, dtype=np.float64)
            columns[heading] = total / np.maximum(known.sum(axis=0), 1)
    if not columns:
        return ""
    rows = [
        [name.replace("_", " "), *[f"{value:.1f}" for value in values]]
        for name, *values in zip(names, *columns.values())
    ]
    return html_page.folded("By joint", html_page.table(["joint", *columns], rows))


def _people(people: Sequence[Example], evaluation: Evaluation, draw: Draw) -> str:
    """Returns pictures of people, in the order given."""
    label, unit = _RANKED_BY[next(iter(evaluation.errors))]
    digits = 1 if unit in ("mm", "px") else 3
    found = []
    for person in people:
        picture = np.concatenate(list(draw(person)), axis=1)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        content = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), quality)[1]
        height, width = picture.shape[:2]
        found.append(
            html_page.Picture(
                *(content.tobytes(), width, height, f"{person.name}, as estimated"),
                title=f"{person.error:.{digits}f} {unit}",
                caption=person.name,
            )
        )
    text = f"By {label}. Each person thrice: true keypoints, estimate, estimate from the side."
    return html_page.paragraph(text) + html_page.pictures(found, "people") if found else ""


def _facts(summary: Mapping[str, Any]) -> str:
    meanings = [f"{LABELS[m]}: {MEASURES[m].meaning}" for m in summary["metrics"]]
    entries = {"metrics": "\n".join(meanings)}
    for name, value in summary.items():
        if isinstance(value, (str, int, float)):
            entries[name.replace("_", " ")] = str(value)
    return html_page.facts(entries, code=("command",))
