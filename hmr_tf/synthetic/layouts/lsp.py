"""Writes rendered people in the layout of Leeds Sports Pose, with their exact SMPL truth beside it.

    images/im0001.jpg ...   joints.mat   README.txt      as in lsp_dataset
    smpl_truth.npz                                       what no photograph can tell

``joints.mat`` holds ``joints`` float64 (3, 14, N): x, y and a flag that is 0 for visible and 1 for
occluded. ``smpl_truth.npz`` holds, over the same N images: image_name, split (`train`/`test`),
subject (motion clip), pose_axis_angle [72] (camera-frame root), betas, translation [3] m,
intrinsics [4] (fx, fy, cx, cy) px, joints_3d [19, 3] (cocoplus) and joints_24_3d [24, 3] (J24), m,
camera frame, not translated; and body_kind.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import scipy.io

from hmr_tf import config as settings
from hmr_tf.body.model_file import load_body
from hmr_tf.errors import DataError
from hmr_tf.synthetic import lsp_pictures, work_folder
from tfrecords_tools import atomic_file

_VERSION = 3  # Counts up when equal settings give other pictures than before.
_IMAGES_PER_TASK = 20
_README = """Synthetic people in the layout of the Leeds Sports Pose dataset.

images/        im0001.jpg ... rendered pictures, {size} x {size} px
joints.mat     joints (3, 14, {count}): x, y, flag (0 visible, 1 occluded); pixel centres are
               integers; joints: right ankle, knee, hip, left hip, knee, ankle, right wrist, elbow,
               shoulder, left shoulder, elbow, wrist, neck, head top
smpl_truth.npz exact SMPL parameters, 3D joints and cameras of the same pictures
synthesize.json the settings they were made with

The first {train} pictures are for training, the last {test} for testing; the two show poses from
different motion clips. Body: {body}.
"""


_worker: lsp_pictures.Drawer | None = None


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    if not 0 <= config.num_test <= config.num_images:
        raise DataError(
            f"num_test must lie between 0 and num_images={config.num_images}; received "
            f"{config.num_test}."
        )
    folder = Path(out_dir)
    # Whatever is wrong with the settings is told before work begins.
    lsp_pictures.Drawer(folder, config)
    parts = folder / "unfinished"
    used = {name: settings.to_dict(config)[name] for name in lsp_pictures.USED_SETTINGS}
    work_folder.claim(
        folder / "synthesize.json",
        {"dataset": "lsp", "version": _VERSION, **used},
        [folder / "joints.mat", folder / "images"],
    )
    summary = (
        f"{config.num_images} images ({config.num_images - config.num_test} train, "
        f"{config.num_test} test) in {folder}"
    )
    image_names = map(lsp_pictures.image_name, range(config.num_images))
    names = [folder / "images" / name for name in image_names]
    is_finished = (folder / "smpl_truth.npz").exists() and (folder / "joints.mat").exists()
    if is_finished and all(name.exists() for name in names):
        work_folder.remove_parts(folder)
        return summary
    (folder / "images").mkdir(exist_ok=True)
    parts.mkdir(exist_ok=True)
    tasks = [
        (start, min(start + _IMAGES_PER_TASK, config.num_images))
        for start in range(0, config.num_images, _IMAGES_PER_TASK)
    ]
    open_tasks = [
        task
        for task in tasks
        if not (parts / _part_name(task)).exists()
        or not all(name.exists() for name in names[slice(*task)])
    ]
    total = sum(end - start for start, end in open_tasks)
    work_folder.run(_draw_part, open_tasks, num_workers, _start, (folder, config), "image", total)
    _assemble(folder, config, [parts / _part_name(task) for task in tasks])
    work_folder.remove_parts(folder)
    return summary


def _part_name(task: tuple[int, int]) -> str:
    return f"part_{task[0]:07d}.npz"


def _start(out_dir: Path, config: settings.SynthesisConfig) -> None:
    global _worker
    _worker = lsp_pictures.Drawer(out_dir, config)


def _draw_part(task: tuple[int, int]) -> int:
    """Draws the images of one task and then writes down what is true about them."""
    drawn = [_worker.draw(index) for index in range(*task)]
    buffer = io.BytesIO()
    np.savez(buffer, **{key: np.stack([one[key] for one in drawn]) for key in drawn[0]})
    atomic_file.write_bytes(_worker.out_dir / "unfinished" / _part_name(task), buffer.getvalue())
    return len(drawn)


def _assemble(folder: Path, config: settings.SynthesisConfig, parts: list[Path]) -> None:
    """Joins the tasks' truths into the dataset's files."""
    pieces = []
    for part in parts:
        with np.load(part, allow_pickle=False) as file:
            pieces.append(dict(file))
    truth = {key: np.concatenate([piece[key] for piece in pieces]) for key in pieces[0]}
    keypoints = truth.pop("keypoints")
    body_kind = load_body(config.body, config.gender).kind
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **truth, body_kind=np.array(body_kind))
    atomic_file.write_bytes(folder / "smpl_truth.npz", buffer.getvalue())
    text = _README.format(
        size=config.image_size,
        count=config.num_images,
        train=config.num_images - config.num_test,
        test=config.num_test,
        body=body_kind,
    )
    atomic_file.write_bytes(folder / "README.txt", text.encode())
    atomic_file.write_bytes(folder / "joints.mat", _matlab_bytes(keypoints))


def _matlab_bytes(keypoints: np.ndarray) -> bytes:
    """Returns joints.mat for `[N, 14, 3]` keypoints; equal keypoints give equal bytes."""
    buffer = io.BytesIO()
    joints = np.ascontiguousarray(keypoints.transpose(2, 1, 0))
    scipy.io.savemat(buffer, {"joints": joints}, do_compression=True)
    # The first 116 bytes are free text, where SciPy writes the time.
    description = b"MATLAB 5.0 MAT-file, written by hmr_tf.synthesize".ljust(116)
    return description + buffer.getvalue()[116:]
