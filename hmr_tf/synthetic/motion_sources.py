"""Where poses come from, split by whole clips into training and test: embedded clips or own files.

Own files are AMASS archives (``*_poses.npz``, ``*_stageii.npz``: any .npz with ``poses``) and MoSh
pickles (``.pkl`` with ``poses`` or ``new_poses``), as datasets of motion capture ship them. Whether
their world is z-up (AMASS) or y-up is told from how most people in them stand.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.errors import DataError
from hmr_tf.synthetic import motion_clips, poses
from tfrecords_tools import safe_pickle

_MAX_FRAMES_PER_FILE = 400
# SMPL-H and SMPL-X hold 22 body joints first; SMPL's hands follow at these joints of theirs.
_NUM_BODY_JOINTS = 22


def load_motions(motion_dir: str = "") -> dict[str, poses.Motions]:
    """Loads the motions of the splits; no clip is in both.

    Args:
        motion_dir: folder of AMASS or MoSh files, searched with its subfolders; the embedded clips
            if empty. One file in five, chosen by its name, is kept for testing.

    Returns:
        `train` and `test` -> motions, y-up.

    Raises:
        DataError: if the folder holds too little or a file cannot be used.
    """
    if not motion_dir:
        clips = {name: clip.pose_axis_angle for name, clip in motion_clips.load_clips().items()}
        test_names, weights = set(poses.TEST_CLIPS), poses.CLIP_WEIGHTS
    else:
        clips = _read_folder(motion_dir)
        test_names = {name for name in clips if _is_for_testing(name)}
        weights = {name: float(np.sqrt(len(clip))) for name, clip in clips.items()}
    parts = {
        "train": {name: clip for name, clip in clips.items() if name not in test_names},
        "test": {name: clip for name, clip in clips.items() if name in test_names},
    }
    for split, part in parts.items():
        if not part:
            raise DataError(
                f"The {len(clips)} motion file(s) in '{motion_dir}' leave none for the {split} "
                "split; one file in five is kept for testing, so give a folder with more files."
            )
    return {split: poses.gather_motions(part, weights) for split, part in parts.items()}


def _is_for_testing(name: str) -> bool:
    """Chooses one file in five by its name alone, so that new files move no old one."""
    return hashlib.sha256(name.encode()).digest()[0] % 5 == 0


def _read_folder(motion_dir: str) -> dict[str, np.ndarray]:
    """Returns file name (relative, without ending) -> `[frames, 72]` y-up poses."""
    folder = Path(motion_dir)
    paths = sorted(p for p in folder.rglob("*") if p.suffix in (".npz", ".pkl") and p.is_file())
    clips = {}
    for path in paths:
        poses_72 = _read_file(path)
        if poses_72 is not None:
            clips[str(path.relative_to(folder).with_suffix(""))] = poses_72
    if not clips:
        raise DataError(
            f"No motion files in '{motion_dir}'; expected AMASS .npz files with 'poses' or MoSh "
            ".pkl files with 'poses' or 'new_poses'."
        )
    return _turn_upright(clips)


def _read_file(path: Path) -> np.ndarray | None:
    """Returns the `[frames, 72]` poses of a file in its own world; None for a shape file."""
    arrays = safe_pickle.load_npz(path) if path.suffix == ".npz" else safe_pickle.load(path)
    found = arrays.get("poses", arrays.get("new_poses")) if isinstance(arrays, dict) else None
    if found is None:
        return None  # AMASS ships a shape.npz without motion beside each subject's files.
    found = np.asarray(found)
    is_table = found.ndim == 2 and found.dtype.kind == "f" and found.shape[1] in (72, 156, 165)
    if not is_table or not len(found) or not np.isfinite(found).all():
        raise DataError(
            f"{path}: 'poses' must be finite numbers of shape [frames, 72, 156 or 165]; received "
            f"{list(found.shape)} {found.dtype}."
        )
    found = found[:: max(len(found) // _MAX_FRAMES_PER_FILE, 1)].astype(np.float64)
    if found.shape[1] == 72:
        return found
    result = np.zeros((len(found), 72))
    result[:, : 3 * _NUM_BODY_JOINTS] = found[:, : 3 * _NUM_BODY_JOINTS]
    return result


def _turn_upright(clips: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Turns z-up worlds to y-up and upside-down ones upright, all clips alike."""
    roots = np.concatenate([clip[:, :3] for clip in clips.values()])
    head = np.median(Rotation.from_rotvec(roots).as_matrix()[:, :, 1], axis=0)
    axis = int(np.abs(head[1:]).argmax()) + 1
    down = np.sign(head[axis]) < 0
    turns = {(1, False): 0.0, (1, True): np.pi, (2, False): -np.pi / 2, (2, True): np.pi / 2}
    turn = Rotation.from_rotvec([turns[axis, bool(down)], 0.0, 0.0])
    result = {}
    for name, clip in clips.items():
        clip = clip.copy()
        clip[:, :3] = (turn * Rotation.from_rotvec(clip[:, :3])).as_rotvec()
        result[name] = clip
    return result
