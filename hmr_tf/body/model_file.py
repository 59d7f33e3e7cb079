"""Body models as files: the `Body` of arrays in SMPL's own file terms, read safely and written.

``load_body`` reads SMPL's ``.pkl`` files (Python 2 and 3, chumpy, SciPy sparse), ``.npz`` files
with the same keys, and the embedded ``free_body``. Reading never runs code from the file. A
keypoint regressor is a table over the vertices of one particular mesh; `Body.kind` says which
mesh, and a table made for another one is refused.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from hmr_tf.errors import BodyError
from hmr_tf.registry import Registry
from tfrecords_tools import atomic_file, safe_pickle

FREE_BODY = "free_body"
EMBEDDED_BODIES = Registry("embedded body", {FREE_BODY: "hmr_tf.body.free_body:load"})
BODY_DIR_VARIABLE = "HMR_TF_BODY_DIR"
REGISTER_URL = "https://smpl.is.tue.mpg.de"
NUM_JOINTS = 24
_NUM_POSE_FEATURES = 9 * (NUM_JOINTS - 1)
_SMPL_VERTICES = 6890
# Vertices of SMPL's mesh by what lies there.
_SMPL_POINTS = {
    "head_top": 411,
    "left_middle_tip": 2445,
    "right_middle_tip": 5905,
    "left_big_toe": 3216,
    "right_big_toe": 6617,
}
_GENDER_LETTERS = {"neutral": "neutral", "male": "m", "female": "f"}
_REQUIRED_KEYS = (
    "v_template",
    "shapedirs",
    "posedirs",
    "J_regressor",
    "weights",
    "kintree_table",
    "f",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Body:
    """A body model: V vertices, 24 joints, S shape coefficients. Rest frame: y up, z to the viewer.

    Attributes:
        kind: which mesh the vertex tables are for: `smpl`, `free_body`, `toy` or `custom`.
        template: `[V, 3]` float32, m, the mean body in the rest pose.
        shape_basis: `[V, 3, S]` float32, m per unit of beta.
        pose_basis: `[V, 3, 207]` float32, m; correction per element of R_j - I, j = 1..23,
            joint by joint, each matrix row by row.
        joint_regressor: `[24, V]` float32, rest joints from rest vertices.
        skin_weights: `[V, 24]` float32, rows sum to 1.
        parents: `[24]` int32, parents before children, -1 for the root.
        faces: `[F, 3]` int32, from 0.
        keypoint_regressors: name -> `[K, V]` float32, keypoints from posed vertices.
        surface_points: name -> vertex, as `head_top` or `left_big_toe`.
        source: where the body was read from, for messages and provenance.
    """

    kind: str
    template: np.ndarray
    shape_basis: np.ndarray
    pose_basis: np.ndarray
    joint_regressor: np.ndarray
    skin_weights: np.ndarray
    parents: np.ndarray
    faces: np.ndarray
    keypoint_regressors: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    surface_points: Mapping[str, int] = dataclasses.field(default_factory=dict)
    source: str = ""

    @property
    def num_vertices(self) -> int:
        return self.template.shape[0]

    @property
    def num_betas(self) -> int:
        return self.shape_basis.shape[2]

    def regressor(self, name: str) -> np.ndarray:
        """Returns the keypoint regressor called ``name``, `[K, V]` float32.

        Raises:
            BodyError: if the body has none of that name; lists those it has.
        """
        if name not in self.keypoint_regressors:
            known = ", ".join(sorted(self.keypoint_regressors)) or "none"
            raise BodyError(
                f"The body {self._label()} has no keypoint regressor '{name}' (it has: {known}). "
                "The official SMPL files hold no cocoplus_regressor; read a file that has it "
                "(neutral_smpl_with_cocoplus_reg.pkl) or attach one with Body.with_regressor."
            )
        return self.keypoint_regressors[name]

    def surface_point(self, name: str) -> int:
        """Returns the vertex that lies at a named point of the surface.

        Raises:
            BodyError: if the body has none of that name; lists those it has.
        """
        if name not in self.surface_points:
            known = ", ".join(sorted(self.surface_points)) or "none"
            raise BodyError(
                f"The body {self._label()} has no surface point '{name}' (it has: {known}). Its "
                "file may name them: extra_names, and their vertices: extra_ids."
            )
        return self.surface_points[name]

    def require_kind(self, kind: str, what: str) -> None:
        """Checks that a table made for bodies of ``kind`` fits this one.

        Raises:
            BodyError: if the kinds differ.
        """
        if kind != self.kind:
            raise BodyError(
                f"{what} is made for the vertices of a '{kind}' body, but the body "
                f"{self._label()} is of kind '{self.kind}'; use a body or a table of the same kind."
            )

    def with_regressor(self, name: str, matrix: Any, kind: str) -> Body:
        """Returns a copy of the body with one more keypoint regressor.

        Args:
            name: name of the keypoint set.
            matrix: `[K, V]`, dense or SciPy sparse.
            kind: kind of body that the matrix was made for.

        Raises:
            BodyError: if ``kind`` or the number of vertices is not this body's.
        """
        self.require_kind(kind, f"The keypoint regressor '{name}'")
        matrix = _frozen(_dense(matrix), np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != self.num_vertices:
            raise BodyError(
                f"The keypoint regressor '{name}' must be [K, {self.num_vertices}] for the body "
                f"{self._label()}; received {list(matrix.shape)}."
            )
        regressors = {**self.keypoint_regressors, name: matrix}
        return dataclasses.replace(self, keypoint_regressors=regressors)

    def _label(self) -> str:
        return f"'{self.source or self.kind}'"


def load_body(
    path_or_name: str | Path, gender: str = "neutral", num_betas: int | None = 10
) -> Body:
    """Loads a body model.

    Args:
        path_or_name: `free_body` for the embedded body; `smpl` for an SMPL file in
            ``$HMR_TF_BODY_DIR``, ``./body_models`` or ``~/.hmr_tf/body_models``; or the path of a
            ``.pkl`` or ``.npz`` file, or of a folder that holds one.
        gender: `neutral`, `male` or `female`; which SMPL file of a folder is taken.
        num_betas: how many shape coefficients are kept; None keeps all that the file has.

    Raises:
        BodyError: if no file is found (every place searched is listed), or it is refused,
            damaged or incomplete.
    """
    if str(path_or_name) in EMBEDDED_BODIES.names:
        return _with_num_betas(EMBEDDED_BODIES.get(str(path_or_name))(), num_betas)
    if gender not in _GENDER_LETTERS:
        raise BodyError(
            f"Unknown gender '{gender}'; expected one of: {', '.join(sorted(_GENDER_LETTERS))}."
        )
    path = _find(str(path_or_name), gender)
    body = body_from_arrays(_read_arrays(path), source=str(path))
    return _with_num_betas(body, num_betas)


def save_body(body: Body, path: str | Path) -> None:
    """Writes a body as ``.npz`` with SMPL's keys, a kind tag and sparse keypoint regressors.

    Equal bodies give equal files. The file appears whole or not at all.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise BodyError(f"A body is written as .npz; received '{path}'.")
    kintree = np.stack([body.parents, np.arange(NUM_JOINTS, dtype=np.int32)])
    arrays = {
        "kind": np.array(body.kind),
        "v_template": body.template,
        "shapedirs": body.shape_basis,
        "posedirs": body.pose_basis,
        "J_regressor": body.joint_regressor,
        "weights": body.skin_weights,
        "kintree_table": kintree,
        "f": body.faces,
    }
    if body.surface_points:
        arrays["extra_names"] = np.array(sorted(body.surface_points))
        points = [body.surface_points[name] for name in sorted(body.surface_points)]
        arrays["extra_ids"] = np.array(points, np.int32)
    for name, matrix in sorted(body.keypoint_regressors.items()):
        rows, columns = np.nonzero(matrix)
        arrays[f"regressor_{name}_row"] = rows.astype(np.int32)
        arrays[f"regressor_{name}_col"] = columns.astype(np.int32)
        arrays[f"regressor_{name}_value"] = matrix[rows, columns]
        arrays[f"regressor_{name}_num_rows"] = np.int32(matrix.shape[0])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    atomic_file.write_bytes(path, buffer.getvalue())


def body_from_arrays(arrays: Mapping[str, Any], source: str = "") -> Body:
    """Builds a `Body` from arrays under SMPL's file keys, checking every shape.

    Args:
        arrays: `v_template`, `shapedirs`, `posedirs`, `J_regressor`, `weights`, `kintree_table`,
            `f`; optional `kind`, `cocoplus_regressor`, `regressor_<name>_{row,col,value}`, and
            `extra_names` with their vertices `extra_ids`.
        source: where they come from, for messages.

    Raises:
        BodyError: if a key is missing or a shape is wrong.
    """
    missing = [key for key in _REQUIRED_KEYS if key not in arrays]
    if missing:
        raise BodyError(f"{source}: not an SMPL body file; it lacks {', '.join(missing)}.")
    vertices = (np.shape(arrays["v_template"]) or (0,))[0]
    betas = (np.shape(arrays["shapedirs"]) or (0,))[-1]
    shapes = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, betas),
        "posedirs": (vertices, 3, _NUM_POSE_FEATURES),
        "J_regressor": (NUM_JOINTS, vertices),
        "weights": (vertices, NUM_JOINTS),
    }
    numbers = {key: _checked(arrays[key], shape, key, source) for key, shape in shapes.items()}
    body = Body(
        kind=_kind(arrays, vertices),
        template=numbers["v_template"],
        shape_basis=numbers["shapedirs"],
        pose_basis=numbers["posedirs"],
        joint_regressor=numbers["J_regressor"],
        skin_weights=numbers["weights"],
        parents=_parents(arrays["kintree_table"], source),
        faces=_faces(arrays["f"], vertices, source),
        surface_points=_surface_points(arrays, vertices, source),
        source=source,
    )
    for name, matrix in _keypoint_regressors(arrays, vertices, source).items():
        body = body.with_regressor(name, matrix, body.kind)
    return body


def _with_num_betas(body: Body, num_betas: int | None) -> Body:
    """Returns the body with its first ``num_betas`` shape coefficients only."""
    if num_betas is None or num_betas == body.num_betas:
        return body
    if not 0 < num_betas <= body.num_betas:
        raise BodyError(
            f"{body.source or body.kind}: has {body.num_betas} shape coefficients but {num_betas} "
            f"are asked for; pass num_betas={body.num_betas}."
        )
    basis = _frozen(body.shape_basis[:, :, :num_betas], np.float32)
    return dataclasses.replace(body, shape_basis=basis)


def _find(path_or_name: str, gender: str) -> Path:
    """Returns the body file that a path, a folder or the name `smpl` stands for."""
    if path_or_name == "smpl":
        configured = os.environ.get(BODY_DIR_VARIABLE)
        folders = [Path(configured)] if configured else []
        folders += [Path("body_models"), Path.home() / ".hmr_tf" / "body_models"]
    else:
        path = Path(path_or_name).expanduser()
        if path.is_file():
            return path
        folders = [path] if path.is_dir() else []
    candidates = [
        folder / part / name
        for folder in folders
        for part in ("", "smpl")
        for name in _file_names(gender)
    ]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    searched = [str(c) for c in candidates] or [path_or_name]
    unset = "" if os.environ.get(BODY_DIR_VARIABLE) else f" (${BODY_DIR_VARIABLE} is not set)"
    raise BodyError(
        f"No body model found for '{path_or_name}'. Searched, in order: {', '.join(searched)}"
        f"{unset}. SMPL files are free for research after registering at {REGISTER_URL}; give the "
        f"file's path or set ${BODY_DIR_VARIABLE} to its folder, or use the embedded body "
        f"'{FREE_BODY}', which needs no file."
    )


def _file_names(gender: str) -> list[str]:
    """Returns the names that SMPL files of one gender go by, best first."""
    letter = _GENDER_LETTERS[gender]
    names = ["neutral_smpl_with_cocoplus_reg.pkl"] if gender == "neutral" else []
    names += [f"SMPL_{gender.upper()}.pkl", f"SMPL_{gender.upper()}.npz"]
    for stem in ("basicModel", "basicmodel"):
        names += [f"{stem}_{letter}_lbs_10_207_0_v1.{minor}.0.pkl" for minor in (0, 1)]
    return names


def _read_arrays(path: Path) -> Mapping[str, Any]:
    """Reads a body file's arrays without running anything from it."""
    try:
        with open(path, "rb") as file:
            is_zip = file.read(2) == b"PK"
        arrays = safe_pickle.load_npz(path) if is_zip else safe_pickle.load(path)
    except safe_pickle.PickleRefusedError as error:
        raise BodyError(str(error)) from error
    except OSError as error:
        raise BodyError(f"{path}: cannot be read ({error.strerror}).") from error
    if not isinstance(arrays, Mapping):
        raise BodyError(f"{path}: not an SMPL body file; expected a dict of arrays.")
    return arrays


def _kind(arrays: Mapping[str, Any], num_vertices: int) -> str:
    if "kind" in arrays:
        return str(np.asarray(arrays["kind"]).item())
    return "smpl" if num_vertices == _SMPL_VERTICES else "custom"


def _dense(array: Any) -> np.ndarray:
    return array.toarray() if sparse.issparse(array) else np.asarray(array)


def _frozen(array: np.ndarray, dtype: type) -> np.ndarray:
    array = np.array(array, dtype=dtype, order="C")
    array.flags.writeable = False
    return array


def _checked(array: Any, shape: tuple[int, ...], key: str, source: str) -> np.ndarray:
    # A sparse matrix is measured before it is made dense, whatever size it claims.
    array = array if sparse.issparse(array) else np.asarray(array)
    if array.shape != shape or array.dtype.kind not in "fiu":
        received = f"{list(array.shape)} {array.dtype}"
        raise BodyError(
            f"{source}: '{key}' must be numbers of shape {list(shape)}; received {received}. "
            f"Only bodies with {NUM_JOINTS} joints are read (SMPL; not SMPL-H or SMPL-X)."
        )
    array = _dense(array)
    if not np.isfinite(array).all():
        raise BodyError(f"{source}: '{key}' holds numbers that are not finite.")
    return _frozen(array, np.float32)


def _parents(kintree_table: Any, source: str) -> np.ndarray:
    table = _dense(kintree_table)
    if table.shape != (2, NUM_JOINTS) or table.dtype.kind not in "fiu":
        raise BodyError(
            f"{source}: 'kintree_table' must be numbers of shape [2, {NUM_JOINTS}]; received "
            f"{list(table.shape)}. Only bodies with {NUM_JOINTS} joints are read."
        )
    parents = table[0].astype(np.int64)
    parents[0] = -1  # SMPL's files hold the uint32 4294967295 there.
    if any(not 0 <= parents[joint] < joint for joint in range(1, NUM_JOINTS)):
        raise BodyError(f"{source}: 'kintree_table' must list parents before their children.")
    return _frozen(parents, np.int32)


def _faces(faces: Any, num_vertices: int, source: str) -> np.ndarray:
    faces = _dense(faces)
    is_table = faces.ndim == 2 and faces.shape[1] == 3 and faces.dtype.kind in "fiu"
    if not is_table or (faces.size and not 0 <= faces.min() <= faces.max() < num_vertices):
        raise BodyError(
            f"{source}: 'f' must be [F, 3] vertex numbers below {num_vertices}; received "
            f"{list(faces.shape)}."
        )
    return _frozen(faces, np.int32)


def _keypoint_regressors(
    arrays: Mapping[str, Any], num_vertices: int, source: str
) -> dict[str, np.ndarray]:
    """Returns the regressors of a file: dense `cocoplus_regressor` and sparse triples."""
    found = {}
    if "cocoplus_regressor" in arrays:
        matrix = arrays["cocoplus_regressor"]
        rows = (np.shape(matrix) or (0,))[0]
        found["cocoplus"] = _checked(matrix, (rows, num_vertices), "cocoplus_regressor", source)
    for key in arrays:
        if key.startswith("regressor_") and key.endswith("_row"):
            stem = key[: -len("_row")]
            found[stem[len("regressor_") :]] = _from_triples(arrays, stem, num_vertices, source)
    return found


def _from_triples(
    arrays: Mapping[str, Any], stem: str, num_vertices: int, source: str
) -> np.ndarray:
    try:
        rows, columns, values = (np.asarray(arrays[f"{stem}_{p}"]) for p in ("row", "col", "value"))
        num_rows = int(arrays.get(f"{stem}_num_rows", rows.max() + 1))
        matrix = sparse.coo_matrix((values, (rows, columns)), (num_rows, num_vertices))
    except (KeyError, ValueError, TypeError) as error:
        raise BodyError(
            f"{source}: '{stem}_row', '_col' and '_value' are not a sparse matrix over "
            f"{num_vertices} vertices ({error})."
        ) from error
    return _checked(matrix, (num_rows, num_vertices), stem, source)


def _surface_points(arrays: Mapping[str, Any], num_vertices: int, source: str) -> dict[str, int]:
    """Returns the points that a file names; else SMPL's, if it holds SMPL's mesh."""
    if "extra_names" not in arrays:
        is_smpl = _kind(arrays, num_vertices) == "smpl" and num_vertices == _SMPL_VERTICES
        return dict(_SMPL_POINTS) if is_smpl else {}
    names, ids = (np.asarray(arrays.get(key, ())) for key in ("extra_names", "extra_ids"))
    fits = ids.dtype.kind in "iu" and ids.ndim == 1 and names.shape == ids.shape
    if not fits or (ids.size and not 0 <= ids.min() <= ids.max() < num_vertices):
        raise BodyError(
            f"{source}: 'extra_ids' must be one vertex number below {num_vertices} for each of "
            "'extra_names'."
        )
    return {str(name): int(vertex) for name, vertex in zip(names, ids)}
