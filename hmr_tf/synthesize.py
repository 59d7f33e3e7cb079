"""Writes a synthetic dataset in its true on-disk layout, with exact SMPL truth beside it.

    python -m hmr_tf.synthesize --dataset lsp --out_dir RAW --num_images 200 --num_test 50 --seed 0
    python -m hmr_tf.synthesize --dataset mosh --out_dir MOCAP --num_frames 20000

`lsp` is photographs of rendered people (images/, joints.mat, smpl_truth.npz), `mosh` is motion
capture (neutrMosh/). Train and test people move differently: their poses come from different motion
clips, and `mosh` never shows the test people's. The same command continues an interrupted run.

The other names are twins of the datasets that are converted: small, in the dataset's own tree and
file formats, with its awkward cases, and with smpl_truth.npz beside them. They are for trying
things out, not for training. --num_images is about how many pictures there are in all (frames, for
datasets of films), --image_size their height unless the dataset prescribes it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from absl import flags

from hmr_tf import command, common_flags
from hmr_tf.synthetic.layouts import LAYOUTS

_DATASET = flags.DEFINE_enum("dataset", None, LAYOUTS.names, "Layout to write.")
_OUT_DIR = common_flags.define_out_dir("Folder to fill.")
_NUM_IMAGES = flags.DEFINE_integer(
    "num_images", 200, "Images, those for testing included.", lower_bound=1
)
_NUM_TEST = flags.DEFINE_integer(
    "num_test", None, "How many of them are for testing; a quarter, at most 1000.", lower_bound=0
)
_NUM_FRAMES = flags.DEFINE_integer("num_frames", 20_000, "Frames of `mosh`.", lower_bound=1)
_NUM_LIMIT_FRAMES = flags.DEFINE_integer(
    "num_limit_frames", 0, "Frames of extreme poses beside them (jointLim).", lower_bound=0
)
_NUM_H36M_FRAMES = flags.DEFINE_integer(
    "num_h36m_frames", 0, "Frames beside them in the files of Human3.6M (mosh).", lower_bound=0
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size", 224, "Height and width of the images, px.", lower_bound=32, upper_bound=4096
)
_SEED = common_flags.define_seed()
_NUM_WORKERS = flags.DEFINE_integer(
    "num_workers", os.cpu_count(), "Processes; the files do not depend on it.", lower_bound=1
)
_BODY, _GENDER = common_flags.define_body()
_MOTION_DIR = flags.DEFINE_string(
    "motion_dir", "", "Folder of AMASS (.npz) or MoSh (.pkl) files instead of the embedded clips."
)
_BACKGROUND_DIR = flags.DEFINE_string(
    "background_dir", "", "Folder of photographs without people instead of drawn backgrounds."
)
flags.mark_flags_as_required(["dataset", "out_dir"])


def main(argv: Sequence[str]) -> None:
    del argv
    command.check_out_dir(_OUT_DIR.value)
    # One thread per process: the processes are the parallelism, and rounding stays the same.
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    from hmr_tf.config import SynthesisConfig

    num_test = _NUM_TEST.value
    config = SynthesisConfig(
        num_images=_NUM_IMAGES.value,
        num_test=min(_NUM_IMAGES.value // 4, 1000) if num_test is None else num_test,
        num_frames=_NUM_FRAMES.value,
        num_limit_frames=_NUM_LIMIT_FRAMES.value,
        num_h36m_frames=_NUM_H36M_FRAMES.value,
        image_size=_IMAGE_SIZE.value,
        seed=_SEED.value,
        body=_BODY.value,
        gender=_GENDER.value,
        motion_dir=_MOTION_DIR.value,
        background_dir=_BACKGROUND_DIR.value,
    )
    write = LAYOUTS.get(_DATASET.value)
    print(write(_OUT_DIR.value, config, _NUM_WORKERS.value))


def run() -> None:
    command.run(main)


if __name__ == "__main__":
    run()
