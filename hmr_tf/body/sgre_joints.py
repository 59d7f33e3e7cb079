"""SGRE's 30 joints of a body, all of them read off the posed mesh.

The first 24 come from the regressor of SMPL's rest joints, not from the skeleton: on a bent body
the two differ. Face and top of the head follow.
"""

from __future__ import annotations

import numpy as np

from hmr_tf.body.model_file import Body
from hmr_tf.errors import BodyError
from tfrecords_tools import skeletons

REGRESSOR = "sgre30"
# Vertices of SMPL's mesh, not those of smplx.
_SMPL_FACE = {
    "nose": 331,
    "left_eye": 2802,
    "right_eye": 6262,
    "left_ear": 3489,
    "right_ear": 3990,
}
# Keypoint regressors that may know the other points, best first: the published model takes the top
# of the head from `extra`, J_regressor_extra, of which J24 holds a copy.
_SOURCES = (("extra", ""), ("j24", "j24"), ("cocoplus", "cocoplus19"))
_EXTRA_ROWS = {"head_top": 3}


def with_sgre_joints(body: Body) -> Body:
    """Returns a body with the keypoint regressor `sgre30`.

    Raises:
        BodyError: if the body does not know its face and the top of its head.
    """
    rows = [_point(body, name) for name in skeletons.SGRE30.joints[len(body.joint_regressor) :]]
    return body.with_regressor(REGRESSOR, np.stack([*body.joint_regressor, *rows]), body.kind)


def _point(body: Body, name: str) -> np.ndarray:
    """Returns the `[V]` weights that give a point of the surface."""
    if body.kind == "smpl" and name in _SMPL_FACE:
        row = np.zeros(body.num_vertices, np.float32)
        row[_SMPL_FACE[name]] = 1.0
        return row
    for regressor, skeleton in _SOURCES:
        joints = skeletons.get(skeleton).joints if skeleton else ()
        place = joints.index(name) if name in joints else _EXTRA_ROWS.get(name)
        if regressor in body.keypoint_regressors and place is not None:
            return body.regressor(regressor)[place]
    raise BodyError(
        f"The body '{body.source or body.kind}' does not say where its {name} is; attach one of "
        "the keypoint regressors extra (J_regressor_extra.npy), j24 or cocoplus."
    )
