"""What some protocols do to estimates before they compare: true bone lengths, the crop's ray."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfrecords_tools import skeletons

# Joint -> the end of its bone that is nearer to the pelvis, in the official script of MuPoTS-3D.
_INNER_ENDS = {
    "spine": "pelvis",
    "neck": "spine",
    "h36m_head_top": "neck",
    "jaw": "neck",
    **{f"{side}_shoulder": "neck" for side in ("left", "right")},
    **{f"{side}_elbow": f"{side}_shoulder" for side in ("left", "right")},
    **{f"{side}_wrist": f"{side}_elbow" for side in ("left", "right")},
    **{f"{side}_hip": "pelvis" for side in ("left", "right")},
    **{f"{side}_knee": f"{side}_hip" for side in ("left", "right")},
    **{f"{side}_ankle": f"{side}_knee" for side in ("left", "right")},
}


def fit_bones(
    pred: tf.Tensor, gt: tf.Tensor, joints: Sequence[str] = skeletons.J17.joints
) -> tf.Tensor:
    """Brings the bones of an estimate to the true lengths, outwards from the pelvis.

    Args:
        pred, gt: `[..., J, 3]` m.
        joints: their names; pelvis, spine, neck and limbs are needed.

    Returns:
        `[..., J, 3]` m: the pelvis of ``pred`` and its bones' directions with the lengths of
        ``gt``. A bone without a direction gets no length.
    """
    place = {name: index for index, name in enumerate(joints)}
    pred, gt = (tf.unstack(tf.convert_to_tensor(points), axis=-2) for points in (pred, gt))
    fitted = list(pred)
    for joint, inner in _INNER_ENDS.items():
        outer, inner = place[joint], place[inner]
        bone = pred[outer] - pred[inner]
        length = tf.norm(gt[outer] - gt[inner], axis=-1, keepdims=True)
        unit = tf.math.divide_no_nan(bone, tf.norm(bone, axis=-1, keepdims=True))
        fitted[outer] = fitted[inner] + length * unit
    return tf.stack(fitted, axis=-2)


def turn_to_ray(points: tf.Tensor, center: tf.Tensor, intrinsics: tf.Tensor) -> tf.Tensor:
    """Turns what was estimated from a crop as if the camera had looked straight at the crop.

    A crop off the image's centre shows a person from aside; an estimate that takes the crop for the
    camera's view is turned by the angle between the camera's axis and the ray through the crop's
    centre.

    Args:
        points: `[B, J, 3]` m, estimated.
        center: `[B, 2]` px, middle of the crop.
        intrinsics: `[B, 4]` fx, fy, cx, cy px; zeros leave the points as they are.

    Returns:
        `[B, J, 3]` m.
    """
    offset = tf.math.divide_no_nan(center - intrinsics[:, 2:], intrinsics[:, :2])
    x, y = tf.unstack(offset, axis=-1)
    norm = tf.sqrt(1.0 + x * x + y * y)
    # The shortest turn of (0, 0, 1) onto the ray (a, b, c): c + 1 never vanishes before the camera.
    a, b, c = x / norm, y / norm, 1.0 / norm
    share = 1.0 / (1.0 + c)
    rows = [
        (1.0 - a * a * share, -a * b * share, a),
        (-a * b * share, 1.0 - b * b * share, b),
        (-a, -b, c),
    ]
    rotation = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)
    return tf.linalg.matmul(points, rotation, transpose_b=True)
