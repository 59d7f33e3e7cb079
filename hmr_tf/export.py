"""Exports a checkpoint as a SavedModel that runs where only TensorFlow is installed.

    python -m hmr_tf.export --checkpoint LOG --out_dir MODELS/hmr/1
    tensorflow_model_server --rest_api_port=8501 --model_name=hmr --model_base_path=$PWD/MODELS/hmr

The signatures are serving_default (image bytes), predict_boxes (image bytes and boxes) and
predict_crops (crops); hmr_tf/exporters/saved_model.py describes their inputs and outputs. The
folder must not exist or be empty; exporting the same weights again to it changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from absl import flags, logging

from hmr_tf import command, common_flags

_CHECKPOINT = common_flags.define_checkpoint()
_OUT_DIR = common_flags.define_out_dir("Folder to make, e.g. MODELS/hmr/1.")
_AVERAGED = flags.DEFINE_bool(
    "averaged", True, "Whether averaged weights are taken where the checkpoint has them."
)
flags.mark_flags_as_required(["checkpoint", "out_dir"])


def main(argv: Sequence[str]) -> None:
    """Exports."""
    del argv
    from hmr_tf import checkpoints, saved_weights
    from hmr_tf.exporters import saved_model

    command.check_out_dir(_OUT_DIR.value)
    if logging.get_verbosity() == logging.INFO:
        # TensorFlow's reports of every input that it renames help nobody.
        logging.set_verbosity(logging.WARNING)
    model = checkpoints.load_model(_CHECKPOINT.value, averaged=_AVERAGED.value)
    weights = saved_weights.latest_weights(_CHECKPOINT.value)
    origin = {
        "weights": os.path.basename(weights),
        "sha256": saved_weights.weights_digest(weights),
        "averaged": _AVERAGED.value,
    }
    if saved_model.export_saved_model(model, _OUT_DIR.value, origin):
        print(f"Exported {weights} to {_OUT_DIR.value}.")
    else:
        print(f"{_OUT_DIR.value} already holds this export of {weights}.")


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
