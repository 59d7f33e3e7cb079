"""The training command with an encoder that is traced in a moment, for tests of what surrounds it.

Runs are forks of a process that has imported TensorFlow, which takes long, but not used it.
"""

import os
import sys
import tempfile
import traceback

import cv2
import numpy as np
import tensorflow as tf
import toy_body

from hmr_tf.body import model_file
from hmr_tf.models import encoders
from tfrecords_tools import samples, schema
from tfrecords_tools.shard_layout import shard_layout

_BODY = "body.npz"
# The encoder for models that are shown a pose after its stem.
_WITH_STEM = "resnet_small_v2"


def write_records(folder):
    """Writes images with all labels, twelve and four held out, and thirty bodies of mocap."""
    _write(folder, "lsp", "train", [_sample(number) for number in range(12)])
    _write(folder, "lsp", "test", [_sample(number) for number in range(12, 16)])
    rng = np.random.default_rng(0)
    bodies = [samples.MocapSample(rng.normal(0, 0.4, 72), rng.normal(size=10)) for _ in range(30)]
    _write(folder, "mosh", "CMU", bodies)
    model_file.save_body(toy_body.toy_body(), folder / _BODY)


def settings(folder):
    """Returns flags of a run on such records: every step in the curve, many checkpoints."""
    return [
        *(f"--data_dir={folder}", f"--body={folder / _BODY}", "--rotation=6d_contiguous"),
        *("--datasets=lsp", "--mocap_datasets=CMU", "--image_size=32", "--window_px=64"),
        *("--hidden_units=16", "--num_iterations=2", "--batch_size=8", "--average_decay=0.9"),
        *("--generator_learning_rate=1e-3", "--adam_epsilon=1e-3", "--schedule=cosine"),
        *(
            "--dropout=0",
            "--log_every=1",
            "--image_every=0",
            "--checkpoint_every=3",
            "--deterministic",
        ),
    ]


def hybrik_settings(folder):
    """Returns the same for HybrIK."""
    return [
        *("--model=hybrik", f"--data_dir={folder}", f"--body={folder / _BODY}", "--datasets=lsp"),
        *("--image_size=32", "--window_px=64", "--deconv_width=8", "--hidden_units=16"),
        *("--rotation_deg=30", "--rotation_probability=0.6", "--noise_areas=lsp:0.3"),
        *("--batch_size=8", "--average_decay=0.9", "--generator_learning_rate=1e-3"),
        *("--adam_epsilon=1e-3", "--schedule=step", "--decay_steps=3", "--dropout=0"),
        *("--log_every=1", "--image_every=0", "--checkpoint_every=2", "--deterministic"),
    ]


def sgre_settings(folder):
    """Returns the same for SGRE."""
    return [
        *("--model=sgre", f"--data_dir={folder}", f"--body={folder / _BODY}", "--datasets=lsp"),
        *("--image_size=32", "--window_px=64", f"--encoder={_WITH_STEM}", "--colors=imagenet"),
        *("--noneeds_pose", "--own_pose_share=0.5", "--marginal_weight=1"),
        "--flip_probability=0.5",
        *("--batch_size=8", "--average_decay=0.9", "--generator_learning_rate=1e-3"),
        *("--log_every=1", "--image_every=0", "--checkpoint_every=2", "--deterministic"),
    ]


def smplr_settings(folder):
    """Returns the same for SMPLR."""
    return [
        *("--model=smplr", f"--data_dir={folder}", f"--body={folder / _BODY}", "--datasets=lsp"),
        *("--image_size=32", "--window_px=64", "--num_stacks=1", "--hourglass_width=8"),
        *("--depths=4", "--dense_width=16", "--batch_size=4", "--generator_learning_rate=1e-3"),
        *("--log_every=1", "--image_every=0", "--checkpoint_every=1", "--deterministic"),
        "--average_decay=0.5",
    ]


def begin(arguments, output, **environment):
    """Forks a process that trains as the command does; returns its id."""
    # Once, before the forks; not above, where it would define flags for all tests.
    from hmr_tf import command, train
    from hmr_tf.training import adversarial, hourglass_errors, loop

    del adversarial, loop
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.environ.update(environment)
        tempfile.tempdir = None  # What TMPDIR said when somebody first asked.
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        encoders.build_encoder = _tiny_encoder
        hourglass_errors.COUNT = 20
        sys.argv = ["train", *arguments]
        command.run(train.main)
        code = 0
    except SystemExit as error:
        code = error.code or 0
    except Exception:  # The fork ends below, and would say nothing.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def end(pid):
    """Waits for a process; returns its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _tiny_encoder(name, image_size, pool, dtype_policy):
    # Batch normalisation's statistics are local to a replica; this encoder has none.
    images = tf.keras.Input([image_size, image_size, 3])
    x = tf.keras.layers.Conv2D(8, 5, strides=4, padding="same", activation="relu")(images)
    if name == _WITH_STEM:
        x = tf.keras.layers.MaxPooling2D(1, name="pool1_pool")(x)
        x = tf.keras.layers.Conv2D(8, 2, strides=2, activation="relu")(x)
    return tf.keras.Model(images, tf.keras.layers.GlobalAveragePooling2D(name="avg_pool")(x))


def _sample(number):
    rng = np.random.default_rng(number)
    image = rng.integers(0, 255, (64, 64, 3), np.uint8)
    return samples.Sample(
        image=cv2.imencode(".jpg", image)[1].tobytes(),
        filename=f"{number}.jpg",
        height=64,
        width=64,
        center=np.array([32.0, 32.0]),
        keypoints_2d=np.concatenate(
            [rng.uniform(10, 54, (19, 2)), rng.random((19, 1)) > 0.3], axis=1
        ),
        dataset="lsp",
        joints_3d=rng.normal(0, 0.4, (14, 3)),
        pose_axis_angle=rng.normal(0, 0.4, 72),
        betas=rng.normal(0, 1, 10),
    )


def _write(folder, dataset, part, items):
    layout = shard_layout(dataset)
    path = folder / layout.folder / layout.shard_name(part, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for item in items:
            writer.write(schema.encode_sample(item))
