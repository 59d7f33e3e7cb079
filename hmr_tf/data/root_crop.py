"""The square that shows 2.5 m around a person's pelvis: how SMPLR's release crops.

Such a crop is metric: what is a metre wide in the plane of the pelvis is as many pixels wide for
everyone. It needs to know where the person stands, so it serves datasets with truth, not photos.

Reference: M. Madadi, H. Bertiche and S. Escalera, SMPLR: Deep Learning Based SMPL Reverse for 3D
Human Pose and Shape Recovery, Pattern Recognition 2020, and its release's reader.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.geometry.volume_axes import EDGE

_NEAREST = 1e-3  # m


def root_square(
    root: tf.Tensor, intrinsics: tf.Tensor, edge: float = EDGE
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the square around a person's pelvis.

    Args:
        root: `[..., 3]` float32, m, where the pelvis is, camera frame.
        intrinsics: `[..., 4]` float32, focal lengths along x and y, and principal point, px.
        edge: m, its side in the plane of the pelvis.

    Returns:
        Its middle `[..., 2]`, px of the image, and its side `[...]`, px, which is f edge / z.
    """
    depth = tf.maximum(root[..., 2:], _NEAREST)
    focal, center = intrinsics[..., :2], intrinsics[..., 2:]
    window = edge * tf.reduce_mean(focal, axis=-1) / depth[..., 0]
    return focal * root[..., :2] / depth + center, window
