"""Reading and writing body models, and what their kind forbids."""

import os
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
import toy_body
from scipy import sparse

from hmr_tf.body import model_file
from hmr_tf.body.model_file import body_from_arrays, load_body, save_body
from hmr_tf.errors import BodyError

_FIELDS = ("template", "shape_basis", "pose_basis", "joint_regressor", "skin_weights", "faces")


def official_arrays():
    """The toy body as the official files hold it: no kind, sparse joint regressor, strings."""
    arrays = toy_body.toy_arrays()
    del arrays["kind"]
    arrays["J_regressor"] = sparse.csc_matrix(arrays["J_regressor"])
    arrays["cocoplus_regressor"] = sparse.csr_matrix(arrays["cocoplus_regressor"])
    return {**arrays, "bs_style": "lbs", "bs_type": "lrotmin", "J": np.zeros((24, 3))}


def assert_same_body(got, expected):
    for field in _FIELDS:
        np.testing.assert_array_equal(getattr(got, field), getattr(expected, field), err_msg=field)
    np.testing.assert_array_equal(got.parents, toy_body.PARENTS)
    assert set(got.keypoint_regressors) == set(expected.keypoint_regressors)
    for name, matrix in expected.keypoint_regressors.items():
        np.testing.assert_array_equal(got.regressor(name), matrix)
    assert got.surface_points == expected.surface_points


def write_pickle(path, arrays, protocol=2):
    path.write_bytes(pickle.dumps(arrays, protocol))
    return path


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_pickle_with_sparse_and_chumpy(protocol, tmp_path, monkeypatch):
    arrays = official_arrays()
    chumpy, ch = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
    ch.Ch = type("Ch", (object,), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", chumpy)
    monkeypatch.setitem(sys.modules, "chumpy.ch", ch)
    wrapped = dict(arrays)
    for key in ("shapedirs", "posedirs", "v_template", "weights"):
        wrapped[key] = ch.Ch()
        wrapped[key].x = arrays[key]
    path = write_pickle(tmp_path / "model.pkl", wrapped, protocol)
    monkeypatch.undo()
    body = load_body(path)
    assert_same_body(body, body_from_arrays(toy_body.toy_arrays()))
    assert body.kind == "custom" and body.source == str(path)


# Written without importing this package, by an interpreter that has a module called chumpy: the
# strings are bytes, the names are those of old SciPy and of Python 2.
_PYTHON_2_WRITER = """
import pickle, struct, sys, types
import numpy as np
from scipy import sparse

chumpy, ch = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
ch.Ch = type("Ch", (object,), {"__module__": "chumpy.ch"})
sys.modules["chumpy"], sys.modules["chumpy.ch"] = chumpy, ch

class Python2Pickler(pickle._Pickler):
    dispatch = dict(pickle._Pickler.dispatch)

    def save_byte_string(self, value):
        raw = value.encode("latin1") if isinstance(value, str) else value
        if self.bin:
            self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        else:
            self.write(pickle.STRING + repr(raw)[1:].encode("ascii") + b"\\n")
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_byte_string

source, target, protocol = sys.argv[1:]
with np.load(source) as file:
    arrays = {key: file[key] for key in file.files}
arrays["J_regressor"] = sparse.csc_matrix(arrays["J_regressor"])
shapedirs = ch.Ch()
shapedirs.x, shapedirs._dirty_vars, shapedirs._cache = arrays["shapedirs"], set(), {}
arrays["shapedirs"] = shapedirs
arrays["bs_style"] = "lbs"
with open(target, "wb") as file:
    Python2Pickler(file, int(protocol)).dump(arrays)
content = open(target, "rb").read().replace(b"scipy.sparse._csc", b"scipy.sparse.csc")
open(target, "wb").write(content)
"""


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_python_2_pickle(protocol, tmp_path):
    arrays = toy_body.toy_arrays(num_betas=3)
    del arrays["kind"]
    np.savez(tmp_path / "arrays.npz", **arrays)
    path = tmp_path / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"
    command = [sys.executable, "-c", _PYTHON_2_WRITER, tmp_path / "arrays.npz", path, str(protocol)]
    subprocess.run(command, check=True)
    assert b"copy_reg" in path.read_bytes() or protocol == 2
    body = load_body(tmp_path, num_betas=3)
    assert_same_body(body, body_from_arrays(toy_body.toy_arrays(num_betas=3)))


def test_pickle_that_runs_is_refused(tmp_path):
    target = tmp_path / "made_by_the_pickle"

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {target}",)

    path = write_pickle(tmp_path / "evil.pkl", {**official_arrays(), "v_template": Evil()})
    with pytest.raises(BodyError, match=r"evil\.pkl.*system") as caught:
        load_body(path)
    assert "\n" not in str(caught.value)
    assert not target.exists()


def test_npz_round_trip_is_exact_and_repeatable(tmp_path):
    body = toy_body.toy_body()
    save_body(body, tmp_path / "first.npz")
    again = load_body(tmp_path / "first.npz")
    assert_same_body(again, body)
    assert again.kind == "toy"
    save_body(again, tmp_path / "second.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    with np.load(tmp_path / "first.npz", allow_pickle=False) as file:
        assert file["v_template"].shape == (body.num_vertices, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.npz", "second.npz"]


def test_npz_with_object_members(tmp_path):
    arrays = official_arrays()
    boxed = {key: np.array(None, dtype=object) for key in arrays if sparse.issparse(arrays[key])}
    for key in boxed:
        boxed[key][()] = arrays[key]
    np.savez(tmp_path / "SMPL_MALE.npz", **{**arrays, **boxed})
    body = load_body(tmp_path, gender="male")
    assert_same_body(body, body_from_arrays(toy_body.toy_arrays()))


def test_number_of_betas(tmp_path):
    path = write_pickle(tmp_path / "model.pkl", toy_body.toy_arrays(num_betas=300))
    full = load_body(path, num_betas=None)
    assert full.num_betas == 300
    ten = load_body(path)
    np.testing.assert_array_equal(ten.shape_basis, full.shape_basis[:, :, :10])
    few = write_pickle(tmp_path / "few.pkl", toy_body.toy_arrays(num_betas=4))
    with pytest.raises(BodyError, match="num_betas=4"):
        load_body(few)
    assert load_body("free_body", num_betas=4).num_betas == 4


def test_root_of_the_tree():
    table = toy_body.toy_arrays()["kintree_table"]
    assert table.dtype == np.uint32 and table[0, 0] == 4294967295
    parents = toy_body.toy_body().parents
    assert parents.dtype == np.int32 and tuple(parents) == toy_body.PARENTS


def test_arrays_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        toy_body.toy_body().template[0] = 0.0


def test_nothing_found_lists_places_and_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv(model_file.BODY_DIR_VARIABLE, str(tmp_path / "mine"))
    with pytest.raises(BodyError) as caught:
        load_body("smpl")
    message = str(caught.value)
    for part in (str(tmp_path / "mine"), "body_models", ".hmr_tf", "SMPL_NEUTRAL.pkl"):
        assert part in message
    assert "https://smpl.is.tue.mpg.de" in message and "$HMR_TF_BODY_DIR" in message
    assert "\n" not in message
    with pytest.raises(BodyError, match=r"nowhere/model\.pkl"):
        load_body("nowhere/model.pkl")
    with pytest.raises(BodyError, match="gender 'any'"):
        load_body("smpl", gender="any")


def test_found_in_the_configured_folder(monkeypatch, tmp_path):
    (tmp_path / "smpl").mkdir()
    path = write_pickle(tmp_path / "smpl" / "SMPL_FEMALE.pkl", toy_body.toy_arrays())
    monkeypatch.setenv(model_file.BODY_DIR_VARIABLE, str(tmp_path))
    assert load_body("smpl", gender="female").source == str(path)
    with pytest.raises(BodyError):
        load_body("smpl", gender="male")


def with_change(key, change):
    arrays = toy_body.toy_arrays()
    arrays[key] = change(arrays[key])
    return arrays


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("weights", lambda a: np.pad(a, ((0, 0), (0, 28))), r"'weights'.*24\].*52\].*24 joints"),
        ("posedirs", lambda a: a.reshape(-1, 207), "'posedirs'"),
        ("shapedirs", lambda a: a[:-1], "'shapedirs'"),
        ("J_regressor", lambda a: np.array(["x"]), "'J_regressor'"),
        ("J_regressor", lambda a: sparse.coo_matrix(([1.0], ([0], [0])), (10**9, 10**9)), "'J_reg"),
        ("v_template", lambda a: a * np.nan, "not finite"),
        ("v_template", lambda a: None, "'v_template'"),
        ("f", lambda a: a + 1000, "'f' must be"),
        ("kintree_table", lambda a: a[:, ::-1], "parents before"),
        ("kintree_table", lambda a: a[0], "'kintree_table'"),
        ("cocoplus_regressor", lambda a: a[:, :-1], "cocoplus"),
    ],
)
def test_wrong_arrays_are_named(key, change, message):
    with pytest.raises(BodyError, match=message) as caught:
        body_from_arrays(with_change(key, change), source="body.pkl")
    assert "body.pkl" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_keys_and_other_files(tmp_path):
    arrays = toy_body.toy_arrays()
    del arrays["posedirs"], arrays["f"]
    with pytest.raises(BodyError, match="lacks posedirs, f"):
        body_from_arrays(arrays)
    with pytest.raises(BodyError, match=r"list\.pkl.*dict of arrays"):
        load_body(write_pickle(tmp_path / "list.pkl", [1, 2]))
    (tmp_path / "text.pkl").write_text("hello")
    with pytest.raises(BodyError, match=r"text\.pkl"):
        load_body(tmp_path / "text.pkl")
    triples = {"regressor_x_row": [0], "regressor_x_col": [999], "regressor_x_value": [1.0]}
    with pytest.raises(BodyError, match="regressor_x"):
        body_from_arrays({**toy_body.toy_arrays(), **triples})
    with pytest.raises(BodyError, match=r"\.npz"):
        save_body(toy_body.toy_body(), tmp_path / "body.pkl")


def test_missing_cocoplus_regressor_is_an_error_only_when_used():
    arrays = toy_body.toy_arrays()
    del arrays["cocoplus_regressor"]
    body = body_from_arrays(arrays, source="SMPL_NEUTRAL.pkl")
    with pytest.raises(BodyError, match=r"no keypoint regressor 'cocoplus'.*cocoplus_reg\.pkl"):
        body.regressor("cocoplus")
    row = np.full((1, body.num_vertices), 1 / body.num_vertices)
    mine = body.with_regressor("mine", sparse.csr_matrix(row), "toy")
    np.testing.assert_allclose(mine.regressor("mine"), row)
    assert "mine" not in body.keypoint_regressors
    with pytest.raises(BodyError, match="it has: mine"):
        mine.regressor("cocoplus")


def test_kinds_keep_tables_apart():
    smpl_like = {**toy_body.toy_arrays(), "kind": np.array("smpl")}
    smpl, toy = body_from_arrays(smpl_like), toy_body.toy_body()
    table = np.ones((2, toy.num_vertices))
    for body, other in ((smpl, "free_body"), (toy, "smpl")):
        with pytest.raises(BodyError, match=f"'{other}' body.*kind '{body.kind}'"):
            body.with_regressor("h36m", table, other)
        with pytest.raises(BodyError, match="SMPL's face vertices"):
            body.require_kind(other, "SMPL's face vertices")
        body.require_kind(body.kind, "its own table")
    with pytest.raises(BodyError, match=rf"\[K, {toy.num_vertices}\].*\[2, 5\]"):
        toy.with_regressor("h36m", np.ones((2, 5)), "toy")


def test_a_file_with_smpls_vertex_count_and_no_tag_is_smpl():
    arrays = toy_body.toy_arrays(num_betas=1)
    del arrays["kind"], arrays["cocoplus_regressor"], arrays["extra_names"]
    extra = 6890 - len(arrays["v_template"])
    for key in ("v_template", "shapedirs", "posedirs", "weights"):
        arrays[key] = np.pad(arrays[key], [(0, extra)] + [(0, 0)] * (arrays[key].ndim - 1), "edge")
    arrays["J_regressor"] = np.pad(arrays["J_regressor"], [(0, 0), (0, extra)])
    smpl = body_from_arrays(arrays)
    assert smpl.kind == "smpl" and smpl.surface_point("left_middle_tip") == 2445
    other = body_from_arrays({**arrays, "kind": np.array("free_body")})
    assert other.kind == "free_body" and not other.surface_points


def test_points_of_the_surface_belong_to_one_mesh():
    # SMPL's vertex numbers: the embedded body has as many vertices, in another order.
    smpl = {"head_top": 411, "left_middle_tip": 2445, "right_middle_tip": 5905}
    smpl |= {"left_big_toe": 3216, "right_big_toe": 6617}
    embedded = load_body("free_body")
    for name, vertex in smpl.items():
        assert embedded.surface_point(name) != vertex
    with pytest.raises(BodyError, match=r"no surface point 'tail' \(it has: head_top, left_big_"):
        toy_body.toy_body().surface_point("tail")
    with pytest.raises(BodyError, match=r"no surface point 'nose' \(it has: none\)"):
        toy_body.filler_body().surface_point("nose")


@pytest.mark.parametrize("ids", [np.arange(4), np.arange(5) + 0.5, np.arange(5) - 1, None])
def test_points_without_their_vertices_are_refused(ids):
    arrays = {**toy_body.toy_arrays(), "extra_ids": ids}
    with pytest.raises(BodyError, match="'extra_ids' must be one vertex number below"):
        body_from_arrays(arrays)
