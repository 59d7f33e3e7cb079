"""One record as NumPy arrays, for the tools that show and check records; no TensorFlow.

Training parses records by `schema`; this is the same view of one record at a time, of every format
that `record_formats` knows. None stands for what the record does not hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrecords_tools import record_formats, skeletons
from tfrecords_tools.errors import RecordError

_NEAREST_M = 0.3  # Joints nearer to the camera than this are not a position in its frame.


@dataclasses.dataclass(frozen=True, eq=False)
class RecordView:
    """A record's contents.

    Attributes:
        record_format: one of `record_formats`.
        features: everything as it is stored.
        image: as it is stored; None in motion-capture records.
        filename, dataset, subject, sequence: text, empty if unknown; an object's category is its
            ``dataset``.
        size: (height, width) as stored; (0, 0) if unknown.
        center: `[2]` px.
        keypoints_2d: `[K, 3]` x, y px and visibility, in the order of ``skeleton_2d``.
        skeleton_2d: the joints of ``keypoints_2d``.
        joints_3d: `[K, 4]` m, camera frame, and confidence, in the order of ``skeleton_3d``.
        skeleton_3d: the joints of ``joints_3d``.
        pose_axis_angle, betas: SMPL.
        translation: `[3]` m.
        intrinsics: `[4]` fx, fy, cx, cy px.
        box_xyxy: `[4]` px.
    """

    record_format: str
    features: Mapping[str, Any]
    image: bytes | None = None
    filename: str = ""
    dataset: str = ""
    subject: str = ""
    sequence: str = ""
    size: tuple[int, int] = (0, 0)
    center: np.ndarray | None = None
    keypoints_2d: np.ndarray | None = None
    skeleton_2d: skeletons.Skeleton = skeletons.COCOPLUS19
    joints_3d: np.ndarray | None = None
    skeleton_3d: skeletons.Skeleton = skeletons.J24
    pose_axis_angle: np.ndarray | None = None
    betas: np.ndarray | None = None
    translation: np.ndarray | None = None
    intrinsics: np.ndarray | None = None
    box_xyxy: np.ndarray | None = None

    @property
    def projected_joints(self) -> np.ndarray | None:
        """`[K, 3]` 3D joints in the picture, px, and confidence; None without a camera."""
        if self.joints_3d is None or self.intrinsics is None:
            return None
        joints = self.joints_3d[:, :3].astype(np.float64)
        if self.translation is not None:
            joints = joints + self.translation
        is_known = self.joints_3d[:, 3] > 0
        if not is_known.any() or joints[is_known, 2].min() < _NEAREST_M:
            return None
        fx, fy, cx, cy = self.intrinsics.astype(np.float64)
        depth = np.where(is_known, joints[:, 2], 1.0)
        pixels = joints[:, :2] / depth[:, None] * (fx, fy) + (cx, cy)
        return np.column_stack([np.where(is_known[:, None], pixels, 0.0), self.joints_3d[:, 3]])

    def reprojection_errors(self) -> np.ndarray:
        """Returns px between visible 2D joints and projected 3D joints of the same name."""
        projected = self.projected_joints
        if projected is None or self.keypoints_2d is None:
            return np.zeros(0)
        slots = skeletons.mapping(self.skeleton_2d, self.skeleton_3d)
        pairs = [(source, target) for target, source in enumerate(slots) if source >= 0]
        seen = self.keypoints_2d[[source for source, _ in pairs]]
        known = projected[[target for _, target in pairs]]
        both = (seen[:, 2] > 0) & (known[:, 2] > 0)
        return np.linalg.norm(seen[both, :2] - known[both, :2], axis=1)


def view_record(serialized: bytes, name: str) -> RecordView:
    """Reads one record.

    Args:
        serialized: the record.
        name: of file and record, for errors.

    Raises:
        RecordError: if the record has no known format.
    """
    record_format, features = record_formats.recognize(serialized, name)
    try:
        if record_format == record_formats.MOCAP:
            pose, betas = _floats(features, "pose", 72), _floats(features, "shape", 10)
            return RecordView(record_format, features, pose_axis_angle=pose, betas=betas)
        if record_format == record_formats.OCCLUDER:
            return _view_occluder(record_format, features)
        if record_format in (record_formats.HMR2, record_formats.HMR2_TOES):
            return _view_hmr2(record_format, features)
        return _view_hmr(record_format, features)
    except (KeyError, IndexError, ValueError) as error:
        raise RecordError(f"{name}: {error}.") from error


def _view_occluder(record_format: str, features: Mapping[str, Any]) -> RecordView:
    """Reads a picture of an object."""
    return RecordView(
        record_format,
        features,
        image=_bytes(features, "occluder/encoded"),
        filename=_text(features, "occluder/filename"),
        dataset=_text(features, "occluder/category"),
        size=tuple(int(features[f"occluder/{key}"][0]) for key in ("height", "width")),
    )


def _view_hmr(record_format: str, features: Mapping[str, Any]) -> RecordView:
    """Reads a record of ours or of the original release."""
    body = [features[f"image/{name}"] for name in ("x", "y", "visibility")]
    face = _floats(features, "image/face_pts", 3, 5)
    points = np.concatenate([np.stack(body, 1), np.zeros((5, 3)) if face is None else face.T])
    keypoints, skeleton_2d = points, skeletons.COCOPLUS19
    superset = _floats(features, "hmr_tf/keypoints_24_2d", 24, 3)
    if superset is not None:
        keypoints, skeleton_2d = superset, skeletons.J24
    joints, skeleton_3d = _floats(features, "hmr_tf/joints_24_3d", 24, 4), skeletons.J24
    if joints is None:
        lsp14 = _known(_floats(features, "mosh/gt3d", 14, 3))
        joints = None if lsp14 is None else np.column_stack([lsp14, np.ones(14)])
        skeleton_3d = skeletons.LSP14
    has_smpl = bool(np.any(np.asarray(features.get("meta/has_3d", [])) > 0))
    intrinsics = _floats(features, "hmr_tf/intrinsics", 4)
    camera = _floats(features, "image/cam", 3)
    if intrinsics is None and camera is not None:
        intrinsics = camera[[0, 0, 1, 2]]
    center = _floats(features, "hmr_tf/center", 2)
    return RecordView(
        record_format,
        features,
        image=_bytes(features, "image/encoded"),
        filename=_text(features, "image/filename"),
        dataset=_text(features, "hmr_tf/dataset"),
        subject=_text(features, "hmr_tf/subject"),
        sequence=_text(features, "hmr_tf/sequence"),
        size=tuple(int(features.get(f"image/{key}", [0])[0]) for key in ("height", "width")),
        center=np.asarray(features["image/center"], np.float64) if center is None else center,
        keypoints_2d=keypoints,
        skeleton_2d=skeleton_2d,
        joints_3d=joints,
        skeleton_3d=skeleton_3d,
        pose_axis_angle=_floats(features, "mosh/pose", 72) if has_smpl else None,
        betas=_floats(features, "mosh/shape", 10) if has_smpl else None,
        translation=_floats(features, "hmr_tf/translation", 3),
        intrinsics=intrinsics,
        box_xyxy=_floats(features, "hmr_tf/box_xyxy", 4),
    )


def _view_hmr2(record_format: str, features: Mapping[str, Any]) -> RecordView:
    """Reads a record of hmr2.0."""
    is_toes = record_format == record_formats.HMR2_TOES
    skeleton = skeletons.HMR2_21 if is_toes else skeletons.COCOPLUS19
    points = _floats(features, "keypoints_2d", skeleton.num_joints, 3)
    visible = points[points[:, 2] > 0, :2]
    joints = None
    if not is_toes and np.any(np.asarray(features["has_3d"]) > 0):
        lsp14 = _floats(features, "keypoints_3d", 14, 3)
        joints = None if lsp14 is None else np.column_stack([lsp14, np.ones(14)])
    return RecordView(
        record_format,
        features,
        image=_bytes(features, "image_raw"),
        sequence=_text(features, "sequence"),
        center=(visible.min(0) + visible.max(0)) / 2 if len(visible) else None,
        keypoints_2d=points,
        skeleton_2d=skeleton,
        joints_3d=joints,
        skeleton_3d=skeletons.LSP14,
    )


def _floats(features: Mapping[str, Any], key: str, *shape: int) -> np.ndarray | None:
    """Returns a feature as an array of a shape; None if it is absent."""
    values = features.get(key)
    if values is None or not len(values):
        return None
    if len(values) != np.prod(shape):
        raise ValueError(f"{key} holds {len(values)} numbers; expected {np.prod(shape)}")
    return np.asarray(values, np.float32).reshape(shape)


def _known(values: np.ndarray | None) -> np.ndarray | None:
    """Returns None for the original's vectors of -1, which stand for "unknown"."""
    return None if values is None or np.all(values == -1.0) else values


def _bytes(features: Mapping[str, Any], key: str) -> bytes:
    values = features.get(key, [])
    return bytes(values[0]) if len(values) else b""


def _text(features: Mapping[str, Any], key: str) -> str:
    return _bytes(features, key).decode("utf-8", "replace")
