"""Loads the embedded body.

It has SMPL's array shapes (6890 vertices, 13776 faces, 24 joints, 10 betas, 207 pose directions) but
is not SMPL: its vertices are others, in another order. SMPL's vertex numbers, regressors and texture
maps do not apply to it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hmr_tf.body.model_file import Body

KIND = "free_body"
REGRESSORS = ("cocoplus", "h36m", "extra", "j24")
_PATH = os.path.join(os.path.dirname(__file__), "free_body.npz")
_PARTS = ("row", "col", "value")


def arrays(path: str = _PATH) -> dict[str, np.ndarray]:
    """Loads the embedded body's arrays in the terms of SMPL's own files.

    Args:
        path: an ``.npz`` written by `hmr_tf.body.free_body.rebuild`; by default the embedded one.

    Returns:
        A dict with

        - v_template: `[6890, 3]` float32, m, y up, facing +z, left is +x, pelvis at the origin;
        - shapedirs: `[6890, 3, 10]` float32, m per unit of beta;
        - posedirs: `[6890, 3, 207]` float32, m; columns are the entries of rotation minus identity,
          row by row, of joints 1 to 23;
        - J_regressor: `[24, 6890]` float32, rows sum to 1;
        - weights: `[6890, 24]` float32, at most four per vertex, rows sum to 1;
        - kintree_table: `[2, 24]` uint32, the root's parent is 4294967295;
        - f: `[13776, 3]` int32, counter-clockwise seen from outside;
        - mirror: `[6890]` int32, the vertex that each vertex is mirrored to;
        - extra_names `[22]` str and extra_ids `[22]` int32: vertices on the surface, such as "nose";
        - regressor_cocoplus `[19, 6890]`, regressor_h36m `[17, 6890]`, regressor_extra `[9, 6890]`
          and regressor_j24 `[24, 6890]`, float32, rows sum to 1, for use on the posed vertices.
    """
    with np.load(path, allow_pickle=False) as file:
        stored = {key: file[key] for key in file.files}
    weights = stored["weights"].astype(np.float32)
    result = {
        "v_template": stored["v_template"].astype(np.float32),
        "shapedirs": stored["shapedirs"].astype(np.float32),
        "posedirs": stored["posedirs"].astype(np.float32),
        "J_regressor": stored["J_regressor"].astype(np.float32),
        # Stored as half floats, which do not sum to 1 exactly.
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": stored["kintree_table"],
        "f": stored["f"].astype(np.int32),
        "mirror": stored["mirror"].astype(np.int32),
        "extra_names": stored["extra_names"],
        "extra_ids": stored["extra_ids"],
    }
    for name in REGRESSORS:
        row, col, value = (stored[f"regressor_{name}_{part}"] for part in _PARTS)
        dense = np.zeros((int(row.max()) + 1, len(weights)), np.float32)
        dense[row, col] = value
        result[f"regressor_{name}"] = dense
    return result


def load() -> Body:
    """Loads the embedded body.

    Returns:
        A `hmr_tf.body.model_file.Body` of kind "free_body" with the keypoint regressors cocoplus,
        h36m, extra and j24.
    """
    from hmr_tf.body.model_file import Body

    source = arrays()
    parents = source["kintree_table"][0].astype(np.int64)
    parents[0] = -1
    return Body(
        kind=KIND,
        template=source["v_template"],
        shape_basis=source["shapedirs"],
        pose_basis=source["posedirs"],
        joint_regressor=source["J_regressor"],
        skin_weights=source["weights"],
        parents=parents.astype(np.int32),
        faces=source["f"],
        keypoint_regressors={name: source[f"regressor_{name}"] for name in REGRESSORS},
    )
