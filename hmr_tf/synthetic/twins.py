"""Pictures of synthetic people and every truth about them, as the twins of datasets need it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hmr_tf.render.zbuffer import Intrinsics
from hmr_tf.synthetic import scene
from tfrecords_tools import atomic_file


@dataclasses.dataclass(frozen=True, eq=False)
class TwinPerson:
    """One person in one picture. 3D is float32 m, camera frame, translated.

    Attributes:
        pose_axis_angle: `[72]` float32 rad, camera-frame root.
        betas: `[10]` float32.
        translation: `[3]` float32 m; the model's points plus this are in the camera frame.
        gender: `male` or `female`: what a dataset may say; the body is the studio's one body.
        vertices: `[V, 3]`, without clothes.
        smpl_joints_3d: `[24, 3]` joints of the kinematic tree.
        cocoplus: `[19, 3]`.
        j24: `[24, 3]`.
        h36m17: `[17, 3]` in the order of J_regressor_h36m, left first.
        hidden_j24: `[24]` bool, behind something or outside of the picture.
        mask: `[H, W]` bool, the visible silhouette, clothes included.
        box_xyxy: `[4]` float32 px around the mask's pixels, their centres being integers; zeros if
            nothing is visible.
        intrinsics: (fx, fy, cx, cy) px.
        subject: name of the motion clip that the pose comes from.
    """

    pose_axis_angle: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    gender: str
    vertices: np.ndarray
    smpl_joints_3d: np.ndarray
    cocoplus: np.ndarray
    j24: np.ndarray
    h36m17: np.ndarray
    hidden_j24: np.ndarray
    mask: np.ndarray
    box_xyxy: np.ndarray
    intrinsics: Intrinsics
    subject: str

    def project(self, points: np.ndarray) -> np.ndarray:
        """Projects `[K, 3]` camera-frame points, m, to `[K, 2]` px of the picture."""
        return scene.project(np.asarray(points, np.float64), self.intrinsics)


@dataclasses.dataclass(frozen=True, eq=False)
class TwinImage:
    """A picture and its truth.

    Attributes:
        image: `[H, W, 3]` uint8 RGB.
        people: everybody in it.
        intrinsics: (fx, fy, cx, cy) px.
        camera_from_world: `[3, 3]` float64, from the world (y up) into the camera frame.
        camera_translation: `[3]` float64 m; `camera_from_world @ x + camera_translation`.
    """

    image: np.ndarray
    people: tuple[TwinPerson, ...]
    intrinsics: Intrinsics
    camera_from_world: np.ndarray
    camera_translation: np.ndarray


def save_truth(
    path: str | Path,
    entries: Iterable[tuple[str, int, TwinPerson, Intrinsics]],
    body_kind: str,
) -> None:
    """Writes ``smpl_truth.npz``: exact parameters beside a dataset; equal entries, equal bytes.

    The arrays, one row per entry: image_path str (relative to the file's folder), person int64,
    pose_axis_angle [72] (camera-frame root), betas [10], translation [3] m, intrinsics [4] px,
    joints_24_3d [24, 3] (J24, m, camera frame, not translated), smpl_joints_3d [24, 3] (likewise),
    box_xyxy [4] px, gender and subject str; and body_kind ().

    Args:
        path: file to write.
        entries: (image path, number of the person, the person, fx, fy, cx, cy of the stored image).
        body_kind: kind of the body, e.g. `free_body`.
    """
    rows = list(entries)
    shown = [person for _, _, person, _ in rows]
    arrays = {
        "image_path": np.array([image for image, _, _, _ in rows], str),
        "person": np.array([number for _, number, _, _ in rows], np.int64),
        "pose_axis_angle": _stack([p.pose_axis_angle for p in shown], (72,)),
        "betas": _stack([p.betas for p in shown], (10,)),
        "translation": _stack([p.translation for p in shown], (3,)),
        "intrinsics": _stack([values for _, _, _, values in rows], (4,)),
        "joints_24_3d": _stack([p.j24 - p.translation for p in shown], (24, 3)),
        "smpl_joints_3d": _stack([p.smpl_joints_3d - p.translation for p in shown], (24, 3)),
        "box_xyxy": _stack([p.box_xyxy for p in shown], (4,)),
        "gender": np.array([p.gender for p in shown], str),
        "subject": np.array([p.subject for p in shown], str),
        "body_kind": np.array(body_kind),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    atomic_file.write_bytes(path, buffer.getvalue())


def _stack(values: list, shape: tuple[int, ...]) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, *shape)
