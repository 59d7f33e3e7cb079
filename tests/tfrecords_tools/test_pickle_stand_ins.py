"""What a pickle may ask for cannot be changed by it, and takes nothing that it has not checked."""

import numpy as np
import pytest
from scipy import sparse

from tfrecords_tools import pickle_stand_ins
from tfrecords_tools.pickle_stand_ins import ADMITTED, Array, Dtype, Malformed


def _array(dtype, shape, content, is_fortran=False):
    array = Array()
    array.__setstate__((1, shape, Dtype(dtype), is_fortran, content))
    return array.value


@pytest.mark.parametrize("key", sorted(ADMITTED), ids=".".join)
def test_no_stand_in_can_be_changed(key):
    stand_in = ADMITTED[key]
    with pytest.raises(Malformed, match="it tries to change"):
        stand_in.resolve = None
    with pytest.raises((Malformed, TypeError)):
        stand_in.__setstate__({"_function": print})


def test_every_name_is_a_stand_in_of_this_project():
    for stand_in in ADMITTED.values():
        kind = stand_in if isinstance(stand_in, type) else type(stand_in)
        assert kind.__module__ == pickle_stand_ins.__name__


def test_arrays_are_built_from_their_bytes():
    values = np.arange(6, dtype=">i2").reshape(2, 3)
    got = _array(">i2", (2, 3), values.tobytes())
    np.testing.assert_array_equal(got, [[0, 1, 2], [3, 4, 5]])
    assert got.dtype == np.dtype("i2").newbyteorder("=")
    got = _array(">i2", (2, 3), values.tobytes("F").decode("latin1"), is_fortran=True)
    np.testing.assert_array_equal(got, [[0, 1, 2], [3, 4, 5]])
    assert _array("O8", (2,), ["a", None]).tolist() == ["a", None]


@pytest.mark.parametrize(
    ("dtype", "shape", "content", "reason"),
    [
        ("f4", (3,), bytes(8), "does not match its bytes"),
        ("f4", (-1, -2), bytes(8), "negative size"),
        ("S0", (2,), b"", "does not match its bytes"),
        ("O8", (2,), bytes(16), "does not match its shape"),
        ("O8", (2,), ["a"], "does not match its shape"),
    ],
)
def test_arrays_that_are_not_what_they_say_are_refused(dtype, shape, content, reason):
    with pytest.raises(Malformed, match=reason):
        _array(dtype, shape, content)


@pytest.mark.parametrize("code", ["V8", "f8,f8", "M8[s]", "", "f", None, "O8)"])
def test_types_that_are_not_plain_are_refused(code):
    with pytest.raises(Malformed, match="not plain data"):
        Dtype(code)


def test_sparse_matrices():
    matrix = sparse.random(3, 5, density=0.5, random_state=0)
    for letters in ("csc", "csr"):
        one = matrix.asformat(letters)
        members = {"data": one.data, "indices": one.indices, "indptr": one.indptr}
        stand_in = ADMITTED["scipy.sparse", f"{letters}_matrix"]()
        got = stand_in.resolve({**members, "_shape": (3, 5)})
        np.testing.assert_array_equal(got.toarray(), matrix.toarray())
        with pytest.raises(ValueError, match="indices"):
            stand_in.resolve({**members, "indices": one.indices + 9, "_shape": (3, 5)})
