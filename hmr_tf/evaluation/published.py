"""Numbers that others published, by protocol, to stand beside ours. One table, here only.

A number stands under a protocol if it was measured in that way, as far as its source says; where
something differs, the entry's note says what. Metrics are those of `measures.MEASURES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

_HMR = "Kanazawa et al., CVPR 2018"
_SPIN = "Kolotouros et al., ICCV 2019"
_HYBRIK = "Li et al., CVPR 2021"
_HYBRIK_README = "HybrIK's README"
_MMHUMAN3D = "mmhuman3d's README"
_HUMANS_4D = "Goel et al., ICCV 2023"
_TRAINED_ON_3DPW = "trained on 3DPW, too"
_BY_HYBRIK = f"{_TRAINED_ON_3DPW}; true meshes are of the neutral body"
_NEUTRAL = "true meshes are of the neutral body"


@dataclasses.dataclass(frozen=True)
class Published:
    """What somebody measured.

    Attributes:
        model: what was measured.
        values: metric -> number.
        source: where it is printed.
        note: what differs from the protocol, or what else a reader must know.
    """

    model: str
    values: Mapping[str, float]
    source: str
    note: str = ""


def find(protocol: str) -> tuple[Published, ...]:
    """Returns what was published for a protocol; nothing for those that nobody else uses."""
    return PUBLISHED.get(protocol, ())


def _errors(
    mpjpe: float | None = None, pa_mpjpe: float | None = None, pve: float | None = None
) -> dict[str, float]:
    named = {"mpjpe_mm": mpjpe, "pa_mpjpe_mm": pa_mpjpe, "pve_mm": pve}
    return {name: value for name, value in named.items() if value is not None}


def _pck(*values: float) -> dict[str, float]:
    """Names PCK, AUC and MPJPE, then, if given, the same three after alignment."""
    names = ("pck_150", "auc_150", "mpjpe_mm", "pa_pck_150", "pa_auc_150", "pa_mpjpe_mm")
    return dict(zip(names, values))


def _masks(*values: float) -> dict[str, float]:
    names = ("foreground_accuracy", "foreground_f1", "part_accuracy", "part_f1")
    return dict(zip(names, values))


# Joints are measured alike by SPIN and mmhuman3d.
_ON_3DPW_BY_MMHUMAN3D = (
    Published("HMR, mmhuman3d", _errors(112.34, 67.53), _MMHUMAN3D),
    Published("SPIN, mmhuman3d", _errors(94.11, 57.54), _MMHUMAN3D),
)

PUBLISHED: dict[str, tuple[Published, ...]] = {
    "h36m_p1": (
        Published("HMR", _errors(87.97, 58.1), f"{_HMR}, table 2"),
        Published("HMR, unpaired", _errors(106.84, 67.45), f"{_HMR}, table 2"),
        Published("HMR, retrained for the release", _errors(86.20, 58.47), "hmr's doc/train.md"),
        Published("Rogez et al. 2017", _errors(87.7, 71.6), f"{_HMR}, table 2", "joints only"),
        Published("Pavlakos et al. 2017", _errors(71.9, 51.23), f"{_HMR}, table 2", "joints only"),
    ),
    "h36m_p2": (
        Published("HMR", _errors(None, 56.8), f"{_HMR}, table 1"),
        Published("HMR, unpaired", _errors(None, 66.5), f"{_HMR}, table 1"),
        Published("SMPLify", _errors(None, 82.3), f"{_HMR}, table 1"),
        Published("Pavlakos et al. 2017", _errors(None, 51.9), f"{_HMR}, table 1", "joints only"),
        Published("Martinez et al. 2017", _errors(None, 47.7), f"{_HMR}, table 1", "joints only"),
    ),
    "h36m_p2_spin": (
        Published("SPIN", _errors(None, 41.1), _SPIN),
        Published("VIBE", _errors(None, 41.5), _HYBRIK_README),
    ),
    "pw3d": (
        Published("SPIN", _errors(96.9, 59.2), _SPIN),
        *_ON_3DPW_BY_MMHUMAN3D,
        Published(
            *("HMR", _errors(130.0, 76.7), "as quoted in later papers"),
            "papers disagree: PA-MPJPE is quoted as 81.3, too",
        ),
        Published("HMR 2.0a", _errors(70.0, 44.5), _HUMANS_4D),
        Published("HMR 2.0b", _errors(81.3, 54.3), _HUMANS_4D),
        Published("HybrIK, ResNet-34", _errors(80.0, 48.8, 94.5), _HYBRIK, _NEUTRAL),
        Published("HybrIK, ResNet-34", _errors(74.1, 45.0, 86.5), _HYBRIK, _BY_HYBRIK),
        Published("HybrIK, HRNet-W48", _errors(88.0, 48.6), _HYBRIK_README, _NEUTRAL),
        Published("HybrIK, HRNet-W48", _errors(71.3, 41.8), _HYBRIK_README, _BY_HYBRIK),
    ),
    "pw3d_mmhuman3d": _ON_3DPW_BY_MMHUMAN3D,
    "pw3d_vibe": (
        Published("SPIN", _errors(102.4, 60.1, 129.2), "VIBE's issue 135, by VIBE's code"),
    ),
    "mpi_inf_3dhp": (
        Published("SPIN", _errors(None, 67.5), _SPIN),
        Published("HybrIK, ResNet-34", _pck(86.2, 42.2, 91.0), _HYBRIK),
    ),
    "mpi_inf_3dhp_hmr": (
        Published("HMR", _pck(72.9, 36.5, 124.2, 86.3, 47.8, 89.8), f"{_HMR}, table 3"),
        Published("HMR, unpaired", _pck(59.6, 27.9, 169.5, 77.1, 40.7, 113.2), f"{_HMR}, table 3"),
        Published(
            *("VNect", _pck(76.6, 40.4, 124.7, 83.9, 47.3, 98.0), f"{_HMR}, table 3"),
            "joints only",
        ),
        Published("Mehta et al. 2017", _pck(75.7, 39.3, 117.6), f"{_HMR}, table 3", "joints only"),
    ),
    "lsp": (
        Published("HMR", _masks(91.67, 0.87, 87.12, 0.60), f"{_HMR}, table 4"),
        Published("HMR, unpaired", _masks(91.30, 0.86, 87.00, 0.59), f"{_HMR}, table 4"),
        Published("SMPLify", _masks(91.89, 0.88, 87.71, 0.64), f"{_HMR}, table 4"),
        Published(
            *("SMPLify, oracle", _masks(92.17, 0.88, 88.82, 0.67), f"{_HMR}, table 4"),
            "knows the true joints",
        ),
        Published("Decision forests", _masks(86.60, 0.80, 82.32, 0.51), f"{_HMR}, table 4"),
    ),
}
