"""Takes training steps of russoale/hmr2.0 for `benchmark_training.py`.

    python hmr2_worker.py INPUTS.npz THREADS HMR2_DIR

HMR2_DIR is a checkout of the repository; its `Model._train_step` runs as it stands. Two things of
it are switched off: the change of Keras's layers after they are built, which breaks the network on
TensorFlow 2.15, and the download of ImageNet's weights.
"""

import contextlib
import os
import pickle
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import h5py
import numpy as np
import tensorflow as tf
from step_server import serve


def write_body(inputs, folder):
    """Writes the body and the mean parameters in the files that the peer reads."""
    parents = inputs["body/parents"].astype(np.int64)
    model = {
        "v_template": inputs["body/template"],
        "shapedirs": inputs["body/shape_basis"],
        "posedirs": inputs["body/pose_basis"],
        "J_regressor": inputs["body/joint_regressor"],
        "weights": inputs["body/skin_weights"],
        "cocoplus_regressor": inputs["body/keypoint_regressor"],
        "kintree_table": np.stack([parents, np.arange(len(parents))]),
        "f": inputs["body/faces"],
    }
    with open(os.path.join(folder, "smpl.pkl"), "wb") as file:
        pickle.dump(model, file)
    with h5py.File(os.path.join(folder, "mean.h5"), "w") as file:
        file["pose"], file["shape"] = inputs["mean/pose"], inputs["mean/betas"]


def build_model(batch_size, folder):
    """Returns the peer's `Model` with its own settings."""
    from main import config, generator

    class Settings(config.Config):
        LOG_DIR = DATA_DIR = SMPL_DATA_DIR = folder
        SMPL_MODEL_PATH = os.path.join(folder, "smpl.pkl")
        SMPL_MEAN_THETA_PATH = os.path.join(folder, "mean.h5")
        BATCH_SIZE = batch_size

    Settings()  # The first one made is everybody's.
    resnet = generator.ResNet50V2
    generator.ResNet50V2 = lambda **options: resnet(**{**options, "weights": None})
    generator.Generator._set_resnet_arg_scope = lambda self: None
    from main import model

    return model.Model(display_config=False)


def main():
    path, threads, hmr2_dir = sys.argv[1:]
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    sys.path.insert(0, os.path.join(hmr2_dir, "src"))
    with np.load(path) as file:
        inputs = {key: file[key] for key in file.files}
    batch = {key: inputs[f"batch/{key}"] for key in ("image", "keypoints_2d", "visibility")}
    keypoints_2d = np.concatenate([batch["keypoints_2d"], batch["visibility"][..., None]], -1)
    theta = np.concatenate([inputs["batch/mocap_pose_axis_angle"], inputs["batch/mocap_betas"]], -1)
    arguments = (
        2.0 * batch["image"] - 1.0,
        keypoints_2d,
        inputs["batch/joints_3d"],
        inputs["batch/has_3d"],
        theta,
    )
    arguments = [tf.constant(value, tf.float32) for value in arguments]
    with tempfile.TemporaryDirectory() as folder:
        write_body(inputs, folder)
        with contextlib.redirect_stdout(sys.stderr):
            model = build_model(len(batch["image"]), folder)

        def step():
            model._train_step(*arguments)
            return float(model.generator_loss_log.result())

        serve(step)


if __name__ == "__main__":
    main()
