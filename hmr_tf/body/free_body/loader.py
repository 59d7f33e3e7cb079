"""Reads the embedded body's arrays.

It has SMPL's array shapes (6890 vertices, 13776 faces, 24 joints, 10 betas, 207 pose directions)
but is not SMPL: its vertices are others, in another order. SMPL's vertex numbers, regressors and
texture maps do not apply to it.
"""

from __future__ import annotations

import os

import numpy as np

PATH = os.path.join(os.path.dirname(__file__), "free_body.npz")
_FLOAT_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights")
_INDEX_KEYS = ("f", "mirror", "extra_ids")


def arrays(path: str = PATH) -> dict[str, np.ndarray]:
    """Reads the embedded body's arrays, under the keys of SMPL's own files.

    Args:
        path: an ``.npz`` written by `hmr_tf.body.free_body.rebuild`; by default the embedded one.

    Returns:
        A dict with

        - kind: "free_body";
        - v_template: `[6890, 3]` float32, m, y up, facing +z, left is +x, pelvis at the origin;
        - shapedirs: `[6890, 3, 10]` float32, m per unit of beta;
        - posedirs: `[6890, 3, 207]` float32, m; columns are the elements of rotation minus
          identity, row by row, of joints 1 to 23;
        - J_regressor: `[24, 6890]` float32, rows sum to 1;
        - weights: `[6890, 24]` float32, at most four per vertex, rows sum to 1;
        - kintree_table: `[2, 24]` uint32, the root's parent is 4294967295;
        - f: `[13776, 3]` int32, counter-clockwise seen from outside;
        - mirror: `[6890]` int32, the vertex that each vertex is mirrored to;
        - extra_names `[22]` str and extra_ids `[22]` int32: vertices on the surface, as "nose";
        - regressor_NAME_row, regressor_NAME_col, regressor_NAME_value: the non-zero elements of the
          keypoint regressors cocoplus `[19, 6890]`, h36m `[17, 6890]`, extra `[9, 6890]` and j24
          `[24, 6890]`; rows sum to 1 and apply to posed vertices.
    """
    with np.load(path, allow_pickle=False) as file:
        result = {key: file[key] for key in file.files}
    for key in _FLOAT_KEYS:
        result[key] = result[key].astype(np.float32)
    for key in _INDEX_KEYS:
        result[key] = result[key].astype(np.int32)
    # They are stored as half floats, which do not sum to 1 exactly.
    result["weights"] /= result["weights"].sum(axis=1, keepdims=True)
    return result
