"""Imports the published weights of another system.

    python -m hmr_tf.import_weights --format hmr_tf1 --source model.ckpt-667589 --smpl_model SMPL.pkl --out CHECKPOINT
    python -m hmr_tf.import_weights --format torchvision_resnet --source resnet50.pth --out ENCODER

Whole models (hmr_tf1, hmr2, spin, mmhuman3d, pytorch_hmr, hybrik) become a checkpoint for
hmr_tf.predict, evaluate and export; encoders (slim_resnet_v2_50, torchvision_resnet,
keras_imagenet) a folder for train --initial_weights. Files of torch are read without torch, and
nothing in them is run. Published models estimate SMPL's own body: its file is yours, and arrays of
it inside a checkpoint are dropped.
"""  # noqa: E501 - commands to copy stand on one line.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from absl import flags

from hmr_tf import command, common_flags
from hmr_tf.errors import BodyError
from hmr_tf.weights import FORMATS

_FORMAT = flags.DEFINE_enum("format", None, FORMATS.names, "What the file is.")
_SOURCE = flags.DEFINE(
    common_flags.NamesParser(),
    "source",
    None,
    "File of the weights, or the prefix of a TensorFlow checkpoint; several count as one, e.g. "
    "pytorch_HMR's generator and discriminator.",
)
_SMPL_MODEL = flags.DEFINE_string(
    "smpl_model",
    "smpl",
    "SMPL's file, .pkl or .npz, or its folder; 'smpl' searches the usual places. Not for encoders.",
)
_REGRESSORS = flags.DEFINE(
    common_flags.NamesParser(),
    "regressors",
    (),
    "Keypoint regressors that the body's file lacks, as name=FILE.npy, e.g. "
    "h36m=J_regressor_h36m.npy,extra=J_regressor_extra.npy.",
)
_OUT = flags.DEFINE_string("out", None, "Folder to make.")
flags.mark_flags_as_required(["format", "source", "out"])


def main(argv: Sequence[str]) -> None:
    """Imports."""
    del argv
    from hmr_tf.weights import importer

    command.check_out_dir(_OUT.value, "out")
    is_encoder = FORMATS.get(_FORMAT.value).is_encoder
    body = None if is_encoder else _load_body()
    lines = importer.import_weights(_FORMAT.value, _SOURCE.value, _OUT.value, body)
    for line in lines:
        print(line)
    use = "train --initial_weights" if is_encoder else "predict, evaluate and export --checkpoint"
    print(f"Imported to {_OUT.value}, for {use}; every tensor is named in {importer.REPORT_FILE}.")


def _load_body() -> Any:
    """Returns the user's body with the regressors given."""
    import numpy as np

    from hmr_tf.body import model_file
    from hmr_tf.weights import importer

    body = model_file.load_body(_SMPL_MODEL.value)
    for entry in _REGRESSORS.value:
        name, _, path = entry.partition("=")
        try:
            matrix = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise BodyError(
                f"--regressors {entry}: '{path}' is not a file of NumPy: {error}."
            ) from None
        body = body.with_regressor(name, matrix, importer.BODY_KIND)
    return body


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
