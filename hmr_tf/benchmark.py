"""Runs a suite of experiments and draws up its table and figure.

    python -m hmr_tf.benchmark --suite prior --data_dir RECORDS --out_dir OUT
    python -m hmr_tf.benchmark --suite sgre --data_dir RECORDS --out_dir OUT
    python -m hmr_tf.benchmark --suite ik --out_dir OUT
    python -m hmr_tf.benchmark --suite denoising --checkpoint LOG --data_dir RECORDS --out_dir OUT

`prior` trains three times, on the same people and schedule: with 3D labels and the adversary, with
2D labels and the adversary, and with 2D labels alone. It writes prior.md, prior.json and prior.png.
`sgre` trains twice, likewise: with global rotations estimated joint after joint, and with relative
rotations estimated at once. It writes errors by depth in the tree: sgre.md, sgre.json and sgre.png.
`ik` compares the ways to solve inverse kinematics on noisy joints of the embedded body; it needs no
records. It writes ik.md, ik.json and ik.png.
`denoising` measures what each step of a trained SMPLR adds on held-out people, clean and occluded.
It writes denoising.md, denoising.json and denoising.png.
An interrupted suite is continued by the same command; what is done is not done again.
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags, logging

from hmr_tf import command, common_flags
from hmr_tf.experiments import SUITES, Options

_SUITE = flags.DEFINE_enum("suite", None, SUITES.names, "What is run.")
_DATA_DIR = common_flags.define_data_dir("Folder of records, for suites that need them.")
_CHECKPOINT = common_flags.define_checkpoint()
_OUT_DIR = common_flags.define_out_dir("Folder for the runs, the table and the figure.")
_FLAGFILES = flags.DEFINE_list(
    "flagfiles", [], "Flagfiles of the suite's trainings, in its order; by default its own."
)
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps", None, "Steps of every training; by default the flagfiles'.", lower_bound=1
)
_SEED = flags.DEFINE_integer(
    "seed",
    None,
    "Seed of every training, by default the flagfiles', or of what is drawn.",
    lower_bound=0,
)
flags.mark_flags_as_required(["suite", "out_dir"])


def main(argv: Sequence[str]) -> None:
    """Runs the suite and prints its table."""
    del argv
    command.check_out_dir(_OUT_DIR.value)
    if flags.FLAGS["verbosity"].using_default_value:
        logging.set_verbosity(logging.INFO)
    options = Options(
        data_dir=_DATA_DIR.value or "",
        out_dir=_OUT_DIR.value,
        flagfiles=tuple(_FLAGFILES.value),
        num_steps=_NUM_STEPS.value,
        seed=_SEED.value,
        checkpoint=_CHECKPOINT.value or "",
    )
    print(SUITES.get(_SUITE.value)(options))


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
