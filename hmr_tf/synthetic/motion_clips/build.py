"""Builds motion_clips.npz from the motion-capture clips of the pybullet wheel.

    pip download --no-deps --dest wheels pybullet==3.2.7
    python -m hmr_tf.synthetic.motion_clips.build --wheel wheels/pybullet-3.2.7-cp311-*.whl

The source clips move a 15-body figure: JSON with ``Frames`` rows of 44 numbers, which are the
duration in s, the root position in m, then for each body its rotation in the frame of its parent, a
quaternion (w, x, y, z) or one hinge angle in rad about z. Source frame: x forward, y up, z to the
person's right; at rest the arms hang. SMPL's rest frame: x to the left, y up, z forward; at
rest the arms are stretched out sideways.
"""

from __future__ import annotations

import argparse
import json
import zipfile

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf.body.free_body.rebuild import archive
from hmr_tf.errors import HmrError
from hmr_tf.synthetic.motion_clips import clips

WHEEL_SHA256 = "5d858abf7c12a21ef3ed351cf81dac1b5e486ec25c9ab59bfc84beb89034edff"
_PREFIX = "pybullet_data/data/motions/humanoid3d_"
_SUFFIX = ".txt"

# Columns of a source row, by SMPL joint number. Quaternions start at the given column.
_ROW_LENGTH = 44
_ROOT, _CHEST, _NECK = 4, 8, 12
_BALL_COLUMNS = {2: 16, 8: 21, 1: 30, 7: 35}  # hips and ankles
_HINGE_COLUMNS = {5: 20, 4: 34}  # knees
_SHOULDER_COLUMNS = {17: 25, 16: 39}
_ELBOW_COLUMNS = {19: 29, 18: 43}
_LEFT_ARM = (16, 18)

# Takes (forward, up, right) to (left, up, forward).
_AXES = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def _ball(rows: np.ndarray, column: int) -> Rotation:
    """Reads a quaternion column of every frame, in SMPL's axes."""
    w_last = rows[:, [column + 1, column + 2, column + 3, column]]
    return _to_smpl_axes(Rotation.from_quat(w_last))


def _hinge(rows: np.ndarray, column: int) -> Rotation:
    """Reads a hinge angle column of every frame, in SMPL's axes."""
    return _to_smpl_axes(Rotation.from_rotvec(rows[:, [column]] * [[0.0, 0.0, 1.0]]))


def _to_smpl_axes(rotation: Rotation) -> Rotation:
    return Rotation.from_matrix(_AXES @ rotation.as_matrix() @ _AXES.T)


def _hanging_arm(joint: int) -> Rotation:
    """The turn of a T-pose arm to the hanging arm that is the source's rest pose."""
    return Rotation.from_euler("z", -90 if joint in _LEFT_ARM else 90, degrees=True)


def rows_to_pose(rows: np.ndarray) -> np.ndarray:
    """Turns source rows into SMPL poses.

    The chest's rotation is shared equally by SMPL's three spine joints and the neck's by neck and
    head. Feet, collars, wrists and hands have no counterpart and stay at rest.

    Args:
        rows: `[frames, 44]`, as in the module docstring.

    Returns:
        `[frames, 72]` float32, axis-angle, rad, y-up root.
    """
    if rows.ndim != 2 or rows.shape[1] != _ROW_LENGTH:
        raise ValueError(f"rows must be [frames, {_ROW_LENGTH}]; received {list(rows.shape)}.")
    pose = np.zeros((len(rows), 24, 3))
    pose[:, 0] = _ball(rows, _ROOT).as_rotvec()
    for joint in (3, 6, 9):
        pose[:, joint] = _ball(rows, _CHEST).as_rotvec() / 3
    for joint in (12, 15):
        pose[:, joint] = _ball(rows, _NECK).as_rotvec() / 2
    for joint, column in _BALL_COLUMNS.items():
        pose[:, joint] = _ball(rows, column).as_rotvec()
    for joint, column in _HINGE_COLUMNS.items():
        pose[:, joint] = _hinge(rows, column).as_rotvec()
    for joint, column in _SHOULDER_COLUMNS.items():
        pose[:, joint] = (_ball(rows, column) * _hanging_arm(joint)).as_rotvec()
    for joint, column in _ELBOW_COLUMNS.items():
        arm = _hanging_arm(joint)
        pose[:, joint] = (arm.inv() * _hinge(rows, column) * arm).as_rotvec()
    return pose.reshape(len(rows), 72).astype(np.float32)


def read_clips(wheel: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Reads every humanoid clip of the wheel.

    Returns:
        Clip name -> `[frames, 44]` float64 source rows, in alphabetical order.
    """
    members = [name for name in wheel.namelist() if name.startswith(_PREFIX)]
    return {
        member[len(_PREFIX) : -len(_SUFFIX)]: np.array(json.loads(wheel.read(member))["Frames"])
        for member in sorted(members)
    }


def build(wheel_path: str) -> dict[str, np.ndarray]:
    """Builds the arrays of motion_clips.npz.

    Returns:
        names `[clips]` str; frame_counts `[clips]` int32; and, for all frames in a row,
        pose_axis_angle `[frames, 72]`, translation `[frames, 3]`, seconds `[frames]`, float32.
    """
    with archive.open_wheel(wheel_path, WHEEL_SHA256) as wheel:
        rows_of = read_clips(wheel)
    rows = np.concatenate(list(rows_of.values()))
    translation = (rows[:, 1:4] @ _AXES.T).astype(np.float32)
    return {
        "names": np.array(list(rows_of)),
        "frame_counts": np.array([len(clip) for clip in rows_of.values()], np.int32),
        "pose_axis_angle": rows_to_pose(rows),
        "translation": translation,
        "seconds": rows[:, 0].astype(np.float32),
    }


def main() -> None:
    """Writes the file named by --out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", required=True, help="path of the pybullet 3.2.7 wheel")
    parser.add_argument("--out", default=clips.PATH, help="file to write (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        arrays = build(arguments.wheel)
    except HmrError as error:
        parser.exit(1, f"error: {error}\n")
    archive.write_npz(arguments.out, arrays)


if __name__ == "__main__":
    main()
