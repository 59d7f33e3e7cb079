"""Trainings one after the other, as forks of one process of their own."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]


def run(folder, settings, starts):
    """Runs the training command again and again.

    Args:
        folder: where runs log to, by their names, beside what they said, `NAME.txt`.
        settings: flags of all of them.
        starts: (name, flags) pairs.

    Returns:
        The exit statuses.
    """
    done = subprocess.run(
        [sys.executable, __file__, str(folder), json.dumps(settings), json.dumps(starts)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def said(folder, starts):
    """Returns the last that each run said, to be shown where one ended unexpectedly."""
    return {name: (folder / f"{name}.txt").read_text()[-2000:] for name, _ in starts}


def weights(log_dir):
    """Returns everything that a checkpoint holds of model, averages and optimizer, by name."""
    import tensorflow as tf

    from hmr_tf import saved_weights

    reader = tf.train.load_checkpoint(saved_weights.latest_weights(log_dir))
    names = reader.get_variable_to_shape_map()
    kept = [name for name in names if name.startswith(("model/", "averaged/", "optimizer/"))]
    return {name: reader.get_tensor(name) for name in kept}


def _main(folder, settings, starts):
    import tiny_training

    codes = []
    for name, more in json.loads(starts):
        given = [*json.loads(settings), f"--log_dir={folder}/{name}", *more]
        codes.append(tiny_training.end(tiny_training.begin(given, f"{folder}/{name}.txt")))
    sys.stdout.write(json.dumps(codes))


if __name__ == "__main__":
    _main(*sys.argv[1:])
