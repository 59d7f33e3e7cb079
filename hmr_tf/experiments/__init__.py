"""Named experiments of several runs. One registry line per suite."""

from __future__ import annotations

import dataclasses

from hmr_tf.registry import Registry

# Each is a function of `Options` that does what is not done yet and returns its table.
SUITES = Registry(
    "suite",
    {
        "prior": "hmr_tf.experiments.prior:run",
        "ik": "hmr_tf.experiments.ik:run",
        "sgre": "hmr_tf.experiments.sgre:run",
        "denoising": "hmr_tf.experiments.denoising:run",
    },
)


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user asks of a suite.

    Attributes:
        data_dir: folder of records; empty if not given.
        out_dir: folder for all that the suite makes.
        flagfiles: of its trainings, in the suite's order; empty for those it names itself.
        num_steps: length of every training; None for the flagfiles'.
        seed: of every training; None for the flagfiles'.
        checkpoint: folder of a trained model; empty if not given.
    """

    data_dir: str
    out_dir: str
    flagfiles: tuple[str, ...] = ()
    num_steps: int | None = None
    seed: int | None = None
    checkpoint: str = ""
