"""Records as other programs write them, made with TensorFlow's own protocol buffers.

Keys, list types and lengths are transcribed from the published descriptions of the original release
and of hmr2.0; nothing of the package under test is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf


def bytes_list(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def floats(values: np.ndarray) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(values)))


def integers(*values: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(v) for v in values]))


def serialize(features: dict[str, tf.train.Feature]) -> bytes:
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def hmr_image(image, size_hw, center_xy, points, filename="im0001.jpg", face=None) -> bytes:
    """The original release's record without 3D.

    Args:
        image: JPEG bytes.
        size_hw: height and width, px.
        center_xy: of the person, px; truncated as the original's writer does.
        points: `[14, 3]` LSP-14 x, y px, visibility.
        filename: of the source image.
        face: `[5, 3]` nose, left eye, right eye, left ear, right ear; COCO only.
    """
    return serialize(_hmr_features(image, size_hw, center_xy, points, filename, face))


def hmr_image_3d(
    image, size_hw, center_xy, points, gt3d, pose=None, shape=None, filename="f.png", flag=True
) -> bytes:
    """The original release's record with 3D (Human3.6M with SMPL, MPI-INF-3DHP without).

    Args:
        image, size_hw, center_xy, points, filename: as for `hmr_image`.
        gt3d: `[14, 3]` m, camera frame.
        pose, shape: `[72]` and `[10]`; vectors of -1 stand for None.
        flag: whether `meta/has_3d` is written; the earliest upload lacked it.
    """
    features = _hmr_features(image, size_hw, center_xy, points, filename, None)
    features.update(
        {
            "mosh/pose": floats(np.full(72, -1.0) if pose is None else pose),
            "mosh/shape": floats(np.full(10, -1.0) if shape is None else shape),
            "mosh/gt3d": floats(gt3d),
            "meta/scale_factors": floats(np.array([0.35, 0.35])),
            "meta/crop_pt": integers(12, 7),
            "image/cam": floats(np.array([400.0, 151.0, 140.0])),
        }
    )
    if flag:
        features["meta/has_3d"] = integers(int(pose is not None))
    return serialize(features)


def mosh(pose, shape) -> bytes:
    """A motion-capture record of the original release or of hmr2.0."""
    return serialize({"pose": floats(pose), "shape": floats(shape)})


def hmr2_image(image, points, joints=None, has_3d=None, sequence="") -> bytes:
    """hmr2.0's record.

    Args:
        image: JPEG bytes.
        points: `[19, 3]`, or `[21, 3]` with toes: x, y px, visibility, interleaved.
        joints: `[14, 3]`, or `[16, 3]` with toes; zeros stand for None.
        has_3d: the flag; whether there are joints if None.
        sequence: of test records.
    """
    num_3d = 16 if len(points) == 21 else 14
    features = {
        "image_raw": bytes_list(image),
        "keypoints_2d": floats(points),
        "keypoints_3d": floats(np.zeros((num_3d, 3)) if joints is None else joints),
        "has_3d": integers(int(joints is not None) if has_3d is None else has_3d),
    }
    if sequence:
        features["sequence"] = bytes_list(sequence.encode())
    return serialize(features)


def write(path: Path, records: list[bytes]) -> None:
    """Writes a record file with TensorFlow's writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def _hmr_features(image, size_hw, center_xy, points, filename, face):
    features = {
        "image/encoded": bytes_list(image),
        "image/format": bytes_list(b"JPEG"),
        "image/filename": bytes_list(filename.encode()),
        "image/height": integers(size_hw[0]),
        "image/width": integers(size_hw[1]),
        "image/center": integers(*center_xy),
        "image/x": floats(points[:, 0]),
        "image/y": floats(points[:, 1]),
        "image/visibility": integers(*points[:, 2]),
    }
    if face is not None:
        features["image/face_pts"] = floats(np.asarray(face).T)
    return features
