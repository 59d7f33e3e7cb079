"""What an evaluation reports: each measure by name, and how it follows from people's errors.

The evaluator keeps an array of numbers per person (a *source*); a measure turns the rows of some
people into one number. Unknown entries are NaN and never count. Sources:

======================  ===========  ===================================================
source                  shape        meaning
======================  ===========  ===================================================
mpjpe_mm                [N]          mean joint error after the roots are joined
pa_mpjpe_mm             [N]          the same after the best similarity transform
pve_mm                  [N]          mean vertex error
smpl_mpjpe_mm           [N]          mean error of SMPL's 24 joints after the pelvises are joined
located_mpjpe_mm        [N]          the same of the joints as located before rotations were solved
keypoints_2d_px         [N]          mean error of the visible 2D keypoints, px of the stored image
joint_errors_mm         [N, J]       error of each joint, roots joined
pa_joint_errors_mm      [N, J]       error of each joint after the best similarity transform
errors_in_torsos        [N, J]       2D error of each visible joint over the torso's length
errors_in_heads         [N, J]       the same over the head's length
errors_in_boxes         [N, J]       the same over the side of the person's box
mask_counts             [N, 2, 3]    pixels per class (background, person): hit, extra, missed
part_counts             [N, 8, 3]    the same for background and six parts; in the last row
                                     pixels labelled right, pixels in all, 0
======================  ===========  ===================================================
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Callable, Optional

import numpy as np

# Of the official evaluation of MPI-INF-3DHP, mpii_compute_3d_pck.m.
THRESHOLDS_MM = np.linspace(0.0, 150.0, 31)

Reduction = Callable[[np.ndarray], Optional[float]]


@dataclasses.dataclass(frozen=True)
class Measure:
    """One row of the table.

    Attributes:
        meaning: in words.
        source: the array that it is computed from.
        reduce: from the rows of some people `[n, ...]` to the value, or None if nothing is known.
        unit: `mm`, `px`, `%` or empty.
        is_error: whether less is better.
    """

    meaning: str
    source: str
    reduce: Reduction
    unit: str = "mm"
    is_error: bool = True

    def value(
        self, errors: Mapping[str, np.ndarray], rows: np.ndarray | None = None
    ) -> float | None:
        """Returns the value over some people, by default all; None if nothing is known of them.

        Args:
            errors: the sources.
            rows: `[N]` bool, or `[n]` indices.
        """
        values = errors[self.source]
        return self.reduce(values if rows is None else values[rows])

    def per_person(self, errors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the value of each person alone, `[N]` float32, NaN where it is unknown."""
        values = errors[self.source]
        if values.ndim == 1:
            return values
        numbers = [self.reduce(values[row : row + 1]) for row in range(len(values))]
        return np.array([np.nan if n is None else n for n in numbers], np.float32)


def percentage_below(errors: np.ndarray, threshold: float) -> float | None:
    """Returns how many of the known errors, of any shape, lie below a threshold, %."""
    known = errors[np.isfinite(errors)]
    return 100.0 * float(np.mean(known < threshold)) if known.size else None


def area_below(errors: np.ndarray, thresholds: np.ndarray) -> float | None:
    """Returns the mean of `percentage_below` over thresholds, %."""
    known = np.sort(errors[np.isfinite(errors)])
    if not known.size:
        return None
    return 100.0 * float(np.searchsorted(known, thresholds, side="left").mean() / known.size)


def _mean(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean(dtype=np.float64)) if values.size else None


def _accuracy(counts: np.ndarray) -> float | None:
    """Returns the share of pixels labelled right, %: of hits among hits and misses."""
    hit, _, missed = np.nansum(counts, axis=(0, 1), dtype=np.float64)
    return 100.0 * float(hit / (hit + missed)) if hit + missed else None


def _part_accuracy(counts: np.ndarray) -> float | None:
    right, total = np.nansum(counts[:, -1, :2], axis=0, dtype=np.float64)
    return 100.0 * float(right / total) if total else None


def _f1(counts: np.ndarray) -> float | None:
    """Returns the mean over the classes of 2 hits / (2 hits + extra + missed) of all people."""
    hit, extra, missed = np.nansum(counts, axis=0, dtype=np.float64).T
    total = 2 * hit + extra + missed
    return float(np.mean(2 * hit[total > 0] / total[total > 0])) if total.any() else None


def _pck(meaning: str, source: str, threshold: float) -> Measure:
    reduce = functools.partial(percentage_below, threshold=threshold)
    return Measure(meaning, source, reduce, unit="%", is_error=False)


def _auc(meaning: str, source: str) -> Measure:
    reduce = functools.partial(area_below, thresholds=THRESHOLDS_MM)
    return Measure(meaning, source, reduce, unit="%", is_error=False)


_ALIGNED = "after the best similarity transform (no reflection)"
MEASURES: dict[str, Measure] = {
    "mpjpe_mm": Measure("mean joint error after the roots are joined, mm", "mpjpe_mm", _mean),
    "pa_mpjpe_mm": Measure(f"mean joint error {_ALIGNED}, mm", "pa_mpjpe_mm", _mean),
    "pve_mm": Measure("mean vertex error, not scaled nor turned, mm", "pve_mm", _mean),
    "smpl_mpjpe_mm": Measure(
        "mean error of SMPL's 24 joints after the pelvises are joined, mm", "smpl_mpjpe_mm", _mean
    ),
    "located_mpjpe_mm": Measure(
        "mean error of SMPL's 24 joints as located before rotations were solved, mm",
        "located_mpjpe_mm",
        _mean,
    ),
    "keypoints_2d_px": Measure(
        "mean error of the visible keypoints, px of the stored image",
        "keypoints_2d_px",
        _mean,
        unit="px",
    ),
    "pck_150": _pck("joints nearer than 150 mm, roots joined, %", "joint_errors_mm", 150.0),
    "auc_150": _auc("mean share of joints nearer than 0, 5, ..., 150 mm, %", "joint_errors_mm"),
    "pa_pck_150": _pck(f"joints nearer than 150 mm {_ALIGNED}, %", "pa_joint_errors_mm", 150.0),
    "pa_auc_150": _auc(f"area under that curve {_ALIGNED}, %", "pa_joint_errors_mm"),
    "pck_torso_0.2": _pck("2D joints nearer than a fifth of the torso, %", "errors_in_torsos", 0.2),
    "pckh_0.5": _pck("2D joints nearer than half the head's length, %", "errors_in_heads", 0.5),
    "pck_box_0.05": _pck("2D joints nearer than 5 % of the box, %", "errors_in_boxes", 0.05),
    "pck_box_0.1": _pck("2D joints nearer than 10 % of the box, %", "errors_in_boxes", 0.1),
    "foreground_accuracy": Measure(
        "pixels rightly told person or not, %", "mask_counts", _accuracy, "%", False
    ),
    "foreground_f1": Measure("mean F1 of person and background", "mask_counts", _f1, "", False),
    "part_accuracy": Measure(
        "pixels rightly told part or background, %", "part_counts", _part_accuracy, "%", False
    ),
    "part_f1": Measure(
        "mean F1 of background and six parts",
        "part_counts",
        lambda counts: _f1(counts[:, :-1]),
        "",
        False,
    ),
}
