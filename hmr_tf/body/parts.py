"""The six parts of a body that segmentations tell apart.

Order and borders are those of UP-3D and UPi-S1h: the neck and the shoulders are torso. A face of
the mesh belongs to the part of the joint that moves it most.
"""

from __future__ import annotations

import numpy as np

from hmr_tf.body.model_file import Body

PARTS = ("background", "head", "torso", "right arm", "left arm", "right leg", "left leg")
# The part that each joint of SMPL moves.
_JOINT_PARTS = np.array(
    [2, 6, 5, 2, 6, 5, 2, 6, 5, 2, 6, 5, 2, 2, 2, 1, 4, 3, 4, 3, 4, 3, 4, 3], np.uint8
)


def face_parts(body: Body) -> np.ndarray:
    """Returns the part of each face, `[F]` uint8, 1 to 6, as in `PARTS`."""
    corners = _JOINT_PARTS[body.skin_weights.argmax(axis=1)][body.faces]
    # The first corner's, unless the other two agree on another.
    return np.where(corners[:, 1] == corners[:, 2], corners[:, 1], corners[:, 0])
