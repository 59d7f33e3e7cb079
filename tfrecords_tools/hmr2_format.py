"""Reads the image records of hmr2.0 as if they were ours.

=============  ========  ==================================================================
key            list      meaning
=============  ========  ==================================================================
image_raw      bytes 1   JPEG, RGB, scaled and cropped like the original release's
keypoints_2d   float 57  19 x 3 rows x, y px, visibility; cocoplus order; zeros if not visible
keypoints_3d   float 42  14 x 3, LSP-14, m; zeros where unknown
has_3d         int64 1   1 when keypoints_3d holds (the original's meta/has_3d is about SMPL)
sequence       bytes 1   in test records only
=============  ========  ==================================================================

The build with toes has 21 points (63 numbers) and 16 joints (48), toes first and seventh. No centre
is stored: it is the middle of the visible points, as in hmr2.0's own loader.

Records of MPI-INF-3DHP's test set may hold millimetres; they are told by a body larger than 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfrecords_tools import schema, skeletons
from tfrecords_tools.samples import PERSON_PX

if TYPE_CHECKING:
    import tensorflow as tf

# Of the build with toes, the joints that have 3D positions are the first.
_NUM_TOES_3D = 16
_NUM_LSP = skeletons.LSP14.num_joints
_LARGEST_BODY_M = 10.0


def parse_hmr2_example(
    serialized: tf.Tensor, has_toes: bool = False, has_face: bool = True
) -> dict[str, tf.Tensor]:
    """Parses image records of hmr2.0.

    Args:
        serialized: `[batch]` string.
        has_toes: whether they are of the build with toes.
        has_face: whether points 14 to 18 are the face. In the records that hmr2.0 made of MPII the
            pelvis and the thorax stand in two of these places.

    Returns:
        The dict of `schema.parse_image_example`; height and width are 0, for they are not stored.
    """
    import tensorflow as tf

    source = skeletons.HMR2_21 if has_toes else skeletons.COCOPLUS19
    num_3d = _NUM_TOES_3D if has_toes else _NUM_LSP
    spec = {
        "image_raw": tf.io.FixedLenFeature([], tf.string),
        "keypoints_2d": tf.io.FixedLenFeature([source.num_joints, 3], tf.float32),
        "keypoints_3d": tf.io.FixedLenFeature([num_3d, 3], tf.float32, [[0.0] * 3] * num_3d),
        "has_3d": tf.io.FixedLenFeature([], tf.int64),
        "sequence": tf.io.FixedLenFeature([], tf.string, ""),
    }
    raw = tf.io.parse_example(serialized, spec)
    keypoints_2d = _keypoints(raw["keypoints_2d"], source, has_face)
    joints_3d, has_3d = _joints(raw["keypoints_3d"], raw["has_3d"], source)
    confident = tf.concat([joints_3d, tf.ones_like(joints_3d[..., :1])], -1)
    parsed = _unknown(tf.shape(serialized)[0])
    parsed.update(
        image_encoded=raw["image_raw"],
        sequence=raw["sequence"],
        center=_center(keypoints_2d),
        keypoints_2d=keypoints_2d,
        keypoints_24_2d=schema.rearrange(keypoints_2d, skeletons.COCOPLUS19, skeletons.J24),
        joints_3d=joints_3d,
        has_3d=has_3d,
        joints_24_3d=schema.rearrange(
            confident * has_3d[:, None, None], skeletons.LSP14, skeletons.J24
        ),
    )
    return parsed


def _keypoints(points: tf.Tensor, source: skeletons.Skeleton, has_face: bool) -> tf.Tensor:
    """Returns cocoplus points with visibility 0 or 1, zeros where not visible."""
    import tensorflow as tf

    points = schema.rearrange(points, source, skeletons.COCOPLUS19)
    if not has_face:
        points = tf.concat([points[:, :_NUM_LSP], tf.zeros_like(points[:, _NUM_LSP:])], axis=1)
    is_visible = (points[..., 2:] > 0) & tf.reduce_all(tf.math.is_finite(points), -1, keepdims=True)
    seen = tf.concat([points[..., :2], tf.ones_like(points[..., 2:])], axis=-1)
    return tf.where(is_visible, seen, tf.zeros_like(seen))


def _joints(
    joints: tf.Tensor, has_3d: tf.Tensor, source: skeletons.Skeleton
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns LSP-14 joints in metres, zeros where unknown, and whether they are known."""
    import tensorflow as tf

    order = skeletons.mapping(source, skeletons.LSP14)
    joints = tf.gather(joints, list(order), axis=1)
    is_known = (has_3d > 0) & tf.reduce_all(tf.math.is_finite(joints), axis=[1, 2])
    joints = tf.where(is_known[:, None, None], joints, tf.zeros_like(joints))
    extent = tf.reduce_max(tf.reduce_max(joints, 1) - tf.reduce_min(joints, 1), axis=1)
    scale = tf.where(extent > _LARGEST_BODY_M, 1e-3, 1.0)
    return joints * scale[:, None, None], tf.cast(is_known, tf.float32)


def _center(keypoints: tf.Tensor) -> tf.Tensor:
    """Returns the `[batch, 2]` middle of the visible points' extent, px; zeros if there is none."""
    import tensorflow as tf

    is_visible = keypoints[..., 2:] > 0
    far = keypoints.dtype.max / 4
    low = tf.reduce_min(tf.where(is_visible, keypoints[..., :2], far), axis=1)
    high = tf.reduce_max(tf.where(is_visible, keypoints[..., :2], -far), axis=1)
    return tf.where(tf.reduce_any(is_visible, axis=1), (low + high) / 2, 0.0)


def _unknown(count: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the fields that these records do not have."""
    import tensorflow as tf

    def zeros(*shape: int, dtype: tf.DType = tf.float32) -> tf.Tensor:
        return tf.zeros(tf.stack([count, *shape]), dtype)

    fields = {
        "height": zeros(dtype=tf.int32),
        "width": zeros(dtype=tf.int32),
        "gender": zeros(dtype=tf.int32) - 1,
        "frame": zeros(dtype=tf.int64) - 1,
        "pose_axis_angle": zeros(72),
        "betas": zeros(10),
        "has_smpl": zeros(),
        "person_px": zeros() + PERSON_PX,
    }
    for field in ("filename", "dataset", "subject"):
        fields[field] = tf.fill(tf.stack([count]), "")
    for field, flag in schema.OPTIONAL_FIELDS.items():
        size = {"translation": 3}.get(field, 4)
        fields[field], fields[f"has_{flag}"] = zeros(size), zeros()
    return fields
