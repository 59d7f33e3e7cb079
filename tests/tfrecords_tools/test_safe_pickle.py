"""Plain data of every age is read; anything that could run is refused and does not run."""

import builtins
import collections
import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import types
from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse

from tfrecords_tools import safe_pickle
from tfrecords_tools.safe_pickle import PickleDamagedError, PickleRefusedError


class _Python2Pickler(pickle._Pickler):
    """Writes what Python 2 wrote: byte strings, and text as byte strings too."""

    dispatch: ClassVar[dict] = dict(pickle._Pickler.dispatch)

    def save_byte_string(self, value):
        raw = value.encode("latin1") if isinstance(value, str) else value
        if self.bin:
            self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        else:
            self.write(pickle.STRING + repr(raw)[1:].encode("ascii") + b"\n")
        self.memoize(value)

    dispatch[bytes] = save_byte_string
    dispatch[str] = save_byte_string


def python2_dumps(value, protocol, path):
    with open(path, "wb") as file:
        _Python2Pickler(file, protocol).dump(value)
    return path.read_bytes()


def loads(content, tmp_path, name="file.pkl"):
    path = tmp_path / name
    path.write_bytes(content)
    return safe_pickle.load(path)


def sample_data():
    rng = np.random.default_rng(0)
    matrix = sparse.random(4, 7, density=0.4, random_state=1)
    shared = rng.normal(size=(2, 3))
    return {
        "c": rng.normal(size=(3, 4, 5)),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4)).astype(np.float32)),
        "big_endian": np.arange(6, dtype=">i4"),
        "half": np.arange(3, dtype=np.float16),
        "bool": np.array([True, False]),
        "text": np.array(["left", "right"]),
        "empty": np.zeros((0, 3)),
        "boxed": np.array([{"a": np.arange(3)}, None, "x"], dtype=object),
        "scalars": [np.float32(1.5), np.int64(-3), 4, 2.5, True, None, 10**30, 1 + 2j],
        "nested": {"list": [1, (2, "three")], "set": {1, 2}},
        "ordered": collections.OrderedDict([("z", 1), ("a", np.ones(2))]),
        "twice": [shared, shared],
        "csc": matrix.tocsc(),
        "csr": matrix.tocsr(),
        "coo": matrix.tocoo(),
    }


def assert_same(got, expected):
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    elif sparse.issparse(expected):
        assert type(got) is type(expected)
        np.testing.assert_array_equal(got.toarray(), expected.toarray())
    elif isinstance(expected, np.ndarray):
        assert type(got) is np.ndarray and got.shape == expected.shape
        if expected.dtype == object:
            for a, b in zip(got.ravel(), expected.ravel()):
                assert_same(a, b)
        else:
            assert got.dtype == expected.dtype.newbyteorder("=")
            assert got.flags.writeable
            np.testing.assert_array_equal(got, expected)
    elif isinstance(expected, (list, tuple)):
        assert type(got) is type(expected) and len(got) == len(expected)
        for a, b in zip(got, expected):
            assert_same(a, b)
    else:
        assert type(got) is type(expected) and got == expected


@pytest.mark.parametrize("protocol", range(6))
def test_python_3_pickles_of_every_protocol(protocol, tmp_path):
    data = sample_data()
    got = loads(pickle.dumps(data, protocol), tmp_path)
    assert_same(got, {**data, "ordered": dict(data["ordered"])})
    assert got["twice"][0] is got["twice"][1]


@pytest.mark.parametrize("protocol", range(3))
def test_python_2_pickles(protocol, tmp_path):
    data = sample_data()
    del data["text"]
    content = python2_dumps(data, protocol, tmp_path / "source.pkl")
    content = content.replace(b"scipy.sparse._", b"scipy.sparse.")
    assert b"_codecs" not in content and b"latin1" not in content  # As Python 2, not as Python 3.
    assert b"copy_reg" in content or protocol == 2
    assert_same(loads(content, tmp_path), {**data, "ordered": dict(data["ordered"])})


def test_numpy_2_module_names(tmp_path):
    content = pickle.dumps({"x": np.arange(4.0), "y": np.float64(2)}, 2)
    content = content.replace(b"numpy.core.", b"numpy._core.")
    assert b"numpy._core" in content
    got = loads(content, tmp_path)
    np.testing.assert_array_equal(got["x"], np.arange(4.0))
    assert got["y"] == 2.0


def fake_chumpy(monkeypatch):
    """Installs modules that pickle like chumpy's; undone with ``monkeypatch.undo()``."""
    package = types.ModuleType("chumpy")
    ch, reordering = types.ModuleType("chumpy.ch"), types.ModuleType("chumpy.reordering")
    ch.Ch = type("Ch", (object,), {"__module__": "chumpy.ch"})
    reordering.Select = type("Select", (ch.Ch,), {"__module__": "chumpy.reordering"})
    package.ch, package.reordering = ch, reordering
    for module in (package, ch, reordering):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return ch.Ch, reordering.Select


@pytest.mark.parametrize("protocol", range(3))
@pytest.mark.parametrize("python", [2, 3])
def test_chumpy_objects_become_arrays(protocol, python, tmp_path, monkeypatch):
    ch_type, select_type = fake_chumpy(monkeypatch)
    values = np.random.default_rng(0).normal(size=(4, 3))
    plain, select = ch_type(), select_type()
    plain.__dict__.update(x=values, _dirty_vars=set(), _itr=None, _cache={})
    select.__dict__.update(a=plain, idxs=np.array([2, 0, 5]), preferred_shape=(3, 1))
    data = {"plain": plain, "select": select}
    if python == 2:
        content = python2_dumps(data, protocol, tmp_path / "source.pkl")
    else:
        content = pickle.dumps(data, protocol)
    monkeypatch.undo()
    assert "chumpy" not in sys.modules
    got = loads(content, tmp_path)
    np.testing.assert_array_equal(got["plain"], values)
    np.testing.assert_array_equal(got["select"], values.ravel()[[2, 0, 5]].reshape(3, 1))


class _Reduce:
    """Pickles to a call of any function."""

    def __init__(self, function, *args):
        self._call = (function, args)

    def __reduce__(self):
        return self._call


def _attack_calls(target):
    command = f"touch {target}"
    yield "posix.system", os.system, (command,)
    yield "subprocess.Popen", subprocess.Popen, (["touch", target],)
    yield "builtins.eval", eval, (f"open({target!r}, 'w')",)
    yield "builtins.exec", exec, (f"open({target!r}, 'w')",)
    yield "builtins.getattr", getattr, (os, "getcwd")
    yield "io.open", open, (target, "w")
    yield "numpy.load", np.load, (target,)
    yield "numpy.save", np.save, (target, np.ones(2))
    yield "scipy.sparse._matrix_io.load_npz", sparse.load_npz, (target,)
    yield "pickle.loads", pickle._loads, (b"N.",)
    yield "importlib", builtins.__import__, ("os",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("index", range(11))
def test_calls_are_refused_and_not_run(index, protocol, tmp_path):
    target = str(tmp_path / "made_by_the_pickle")
    name, function, args = list(_attack_calls(target))[index]
    if name == "builtins.getattr":
        args = (1, "real")
    content = pickle.dumps({"v_template": _Reduce(function, *args)}, protocol)
    with pytest.raises(PickleRefusedError) as caught:
        loads(content, tmp_path, "evil.pkl")
    message = str(caught.value)
    assert "\n" not in message and "evil.pkl" in message and "nothing in it was run" in message
    assert function.__name__ in message
    assert not os.path.exists(target)


def global_(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def stack_global(module, name):
    return b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, name)) + b"\x93"


_CH = global_("chumpy.ch", "Ch")
_DTYPE_F8 = global_("numpy", "dtype") + b"(S'f8'\ntR"
_NEW_ARRAY = (
    global_("numpy.core.multiarray", "_reconstruct")
    + b"("
    + global_("numpy", "ndarray")
    + b"(I0\ntS'b'\ntR"
)
_TRICKS = {
    "dotted name": b"\x80\x04" + stack_global("numpy", "ndarray.tofile") + b".",
    "dotted to os": b"\x80\x04" + stack_global("tfrecords_tools.safe_pickle", "pickle.sys") + b".",
    "dunder of a stand-in": b"\x80\x04" + stack_global("chumpy.ch", "Ch.__init__") + b".",
    "numpy's own functions": global_("numpy", "fromfile") + b".",
    "numpy testing": global_("numpy.testing._private.utils", "runstring") + b".",
    "other sparse names": global_("scipy.sparse", "load_npz") + b".",
    "the module itself": global_("tfrecords_tools.safe_pickle", "load") + b".",
    "old-style instance": b"(S'true'\nios\nsystem\n.",
    "object opcode": b"(" + global_("os", "system") + b"S'true'\no.",
    "state of a function": global_("numpy", "dtype") + b"}S'_function'\nI1\nsb.",
    "slots of a function": global_("numpy", "dtype") + b"(N}S'_function'\nI1\nstb.",
    "state of a class": _CH + b"}S'resolve'\nI1\nsb.",
    "slots of a class": _CH + b"(N}S'__setstate__'\n" + global_("numpy", "dtype") + b"stb.",
    "a class as data": _CH + b".",
    "a function as data": global_("_codecs", "encode") + b".",
    "other encodings": global_("_codecs", "encode") + b"(Vx\nVrot13\ntR.",
    "another base": global_("copy_reg", "_reconstructor")
    + b"("
    + _CH
    + global_("__builtin__", "dict")
    + b"}tR.",
    "any object": global_("copy_reg", "_reconstructor")
    + b"("
    + global_("__builtin__", "object") * 2
    + b"NtR.",
    "object() itself": global_("__builtin__", "object") + b"(tR.",
    "ndarray()": global_("numpy", "ndarray") + b"((I9\nttR.",
    "pointers as objects": _NEW_ARRAY
    + b"(I1\n(I1\nt"
    + global_("numpy", "dtype")
    + b"(S'O8'\ntRI00\nS'AAAAAAAA'\ntb.",
    "too few bytes": _NEW_ARRAY + b"(I1\n(I1000000\nt" + _DTYPE_F8 + b"I00\nS'AAAAAAAA'\ntb.",
    "negative size": _NEW_ARRAY + b"(I1\n(I-1\nI-1\nt" + _DTYPE_F8 + b"I00\nS'AAAAAAAA'\ntb.",
    "no content": _NEW_ARRAY + b".",
    "compound type": global_("numpy", "dtype") + b"(S'V8'\ntR.",
    "object type's flags": global_("numpy.core.multiarray", "scalar")
    + b"("
    + global_("numpy", "dtype")
    + b"(S'O8'\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbS'AAAAAAAA'\ntR.",
    "chumpy without array": _CH + b"(tR}S'y'\nI1\nsb.",
    "chumpy holding itself": b"\x80\x02" + _CH + b")\x81q\x00}q\x01X\x01\x00\x00\x00xh\x00sb.",
    "persistent": b"Pfile\n.",
    "extension registry": b"\x80\x02\x82\x01.",
    "truncated": pickle.dumps({"x": np.ones(100)})[:-60],
    "not a pickle": b"\x89PNG\r\n\x1a\n",
    "empty": b"",
}  # fmt: skip


@pytest.mark.parametrize("trick", sorted(_TRICKS))
def test_tricks_are_refused(trick, tmp_path):
    with pytest.raises(PickleRefusedError, match=r"evil\.pkl"):
        loads(_TRICKS[trick], tmp_path, "evil.pkl")
    # A trick must not have changed what later files see.
    np.testing.assert_array_equal(loads(pickle.dumps(np.ones(2)), tmp_path), np.ones(2))


def test_tricks_are_well_formed():
    """The handwritten pickles must fail for what they ask, not for a slip in writing them."""
    for name, content in _TRICKS.items():
        if name not in ("truncated", "not a pickle", "empty", "extension registry"):
            assert list(pickletools.genops(content))[-1][0].name == "STOP", name


def test_damage_is_told_from_refusal(tmp_path):
    content = pickle.dumps({"poses": np.zeros((5, 72))}, protocol=2)
    for damaged in (content[:-20], content[:3], b"", b"no pickle"):
        path = tmp_path / "damaged.pkl"
        path.write_bytes(damaged)
        with pytest.raises(PickleDamagedError, match=r"damaged\.pkl: not a readable pickle"):
            safe_pickle.load(path)
    path.write_bytes(pickle.dumps(os.getcwd, protocol=2))
    with pytest.raises(PickleRefusedError) as caught:
        safe_pickle.load(path)
    assert not isinstance(caught.value, PickleDamagedError)


def test_sparse_matrix_with_wild_indices_is_refused(tmp_path):
    matrix = sparse.csc_matrix(np.eye(3))
    matrix.indices = np.array([0, 1, 99], np.int32)
    with pytest.raises(PickleRefusedError):
        loads(pickle.dumps(matrix, 2), tmp_path)


def test_npz_with_and_without_objects(tmp_path):
    matrix = sparse.random(3, 4, density=0.5, format="csc", random_state=0)
    path = tmp_path / "file.npz"
    np.savez(
        path, plain=np.arange(3.0), boxed=np.array(matrix, dtype=object), text=np.array("smpl")
    )
    got = safe_pickle.load_npz(path)
    np.testing.assert_array_equal(got["plain"], np.arange(3.0))
    np.testing.assert_array_equal(got["boxed"].toarray(), matrix.toarray())
    assert got["text"].item() == "smpl"


def test_npz_with_a_pickle_that_runs_is_refused(tmp_path):
    target = tmp_path / "made_by_the_pickle"
    path = tmp_path / "evil.npz"
    np.savez(path, x=np.array(_Reduce(os.system, f"touch {target}"), dtype=object))
    with pytest.raises(PickleRefusedError, match=r"evil\.npz:x\.npy.*system"):
        safe_pickle.load_npz(path)
    assert not target.exists()


def test_damaged_npz_is_one_line(tmp_path):
    path = tmp_path / "damaged.npz"
    np.savez(path, x=np.ones(1000))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(PickleRefusedError, match=r"damaged\.npz"):
        safe_pickle.load_npz(path)


def test_more_names_are_stand_ins_that_a_file_cannot_change():
    """A reader of another format adds names; what they make comes out as it is."""

    def load(content, **more):
        return safe_pickle.load(io.BytesIO(content), more_names={("zoo", "make"): tuple}, **more)

    made = b"\x80\x02czoo\nmake\n](K\x01K\x02e\x85R."
    assert load(made) == (1, 2)
    changed = b"\x80\x02czoo\nmake\n}X\x01\x00\x00\x00aK\x01sb."
    with pytest.raises(PickleRefusedError, match="it tries to change a function"):
        load(changed)
    with pytest.raises(PickleRefusedError, match=r"it asks for 'zoo.make'"):
        safe_pickle.load(io.BytesIO(made))
    outside = b"\x80\x02X\x01\x00\x00\x00kQ."
    assert load(outside, find_outside=lambda reference: reference * 3) == "kkk"
    with pytest.raises(PickleRefusedError, match="objects outside the file"):
        load(outside)

    def refuse(_):
        safe_pickle.refuse("it is of no use")

    with pytest.raises(PickleRefusedError, match=r"it is of no use; nothing in it was run"):
        load(outside, find_outside=refuse)


def test_pickles_in_a_row_are_read_one_by_one():
    file = io.BytesIO(pickle.dumps([1], 2) + pickle.dumps({"a": 2}, 4) + b"rest")
    assert safe_pickle.load(file) == [1] and safe_pickle.load(file) == {"a": 2}
    assert file.read() == b"rest"
