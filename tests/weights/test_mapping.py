"""Nothing is written unless all of it fits, and nothing goes unsaid."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.errors import CheckpointError
from hmr_tf.weights import mapping

_IGNORED = ((r"step|.*/adam", "counters"),)
_OWN = r"net/.*"


class _File:
    path = "FILE"

    def __init__(self, **tensors):
        self.tensors = {k.replace("__", "/"): np.asarray(v) for k, v in tensors.items()}
        self.shapes = {name: value.shape for name, value in self.tensors.items()}

    def read(self, name):
        return self.tensors[name]


def _variables():
    return tf.Variable(tf.zeros([2, 3])), tf.Variable(tf.zeros([3])), tf.Variable(tf.ones([1]))


def _assign(file, variables):
    kernel, bias, critic = variables
    assignments = [
        mapping.transposed(kernel, "net/kernel"),
        mapping.copied(bias, "net/bias"),
        mapping.copied(critic, "net/critic", is_optional=True),
    ]
    return mapping.assign(file, assignments, _IGNORED, _OWN, "a small network")


def _whole(**changes):
    tensors = {"net__kernel": np.arange(6.0).reshape(3, 2), "net__bias": np.ones(3)}
    return _File(**{**tensors, **changes})


def test_everything_is_reported():
    variables = _variables()
    file = _whole(step=np.int64(3), net__kernel__adam=np.zeros(4), other=np.zeros(2))
    report = _assign(file, variables)
    assert report.used == ("net/bias", "net/kernel")
    assert report.unused == {
        "net/kernel/adam": "counters",
        "other": mapping.UNKNOWN,
        "step": "counters",
    }
    assert report.missing == ("net/critic",)
    np.testing.assert_array_equal(variables[0], np.arange(6.0).reshape(3, 2).T)
    np.testing.assert_array_equal(variables[1], np.ones(3))
    np.testing.assert_array_equal(variables[2], np.ones(1))
    assert report.summary() == [
        "2 tensors used",
        "unused, counters: net/kernel/adam, step",
        "unused, not part of this network: other",
        "missing, keep their first values: net/critic",
    ]


@pytest.mark.parametrize(
    "file, message",
    [
        (_File(net__kernel=np.zeros([3, 2])), r"'net/bias' \[3\] is missing; the file has 1 tens"),
        (_File(), r"'net/kernel' \[3, 2\] is missing; the file has no tensors"),
        (_whole(net__bias=np.zeros(4)), r"'net/bias' should have the shape \[3\]; it has \[4\]"),
        (_whole(net__critic=np.zeros(2)), r"'net/critic' should have the shape \[1\]; it has \[2"),
        (_whole(net__more=np.zeros(2)), r"'net/more' \[2\] has no place in that network"),
        (_whole(net__bias=np.array([1, np.nan, 0])), "'net/bias' does not hold finite numbers"),
        (_whole(net__bias=np.zeros(3, np.int32)), "'net/bias' does not hold finite numbers"),
    ],
)
def test_the_first_mismatch_is_named_and_nothing_written(file, message):
    variables = _variables()
    with pytest.raises(CheckpointError, match=message) as error:
        _assign(file, variables)
    assert str(error.value).startswith("FILE") and "\n" not in str(error.value)
    np.testing.assert_array_equal(variables[0], np.zeros([2, 3]))
    np.testing.assert_array_equal(variables[1], np.zeros(3))


def test_parts_that_are_not_whole_are_left_out():
    variable = tf.Variable(tf.zeros([2]))
    sources = (mapping.Source("net/a", ()), mapping.Source("net/b", ()))
    both = mapping.Assignment(variable, sources, lambda *x: np.stack(x), is_optional=True)
    report = mapping.assign(_File(net__a=1.0), [both], (), _OWN, "a small network")
    assert report.unused == {"net/a": mapping.INCOMPLETE} and report.missing == ("net/b",)
    mapping.assign(_File(net__a=1.0, net__b=2.0), [both], (), _OWN, "a small network")
    np.testing.assert_array_equal(variable, [1.0, 2.0])


def test_convolutions_of_torch():
    variable = tf.Variable(tf.zeros([3, 5, 2, 4]))
    value = np.random.default_rng(0).normal(size=(4, 2, 3, 5))
    mapping.assign(_File(net__x=value), [mapping.transposed(variable, "net/x")], (), _OWN, "x")
    for out in range(4):
        np.testing.assert_allclose(variable[:, :, :, out], np.moveaxis(value[out], 0, -1))


def test_several_files_count_as_one():
    joined = mapping.Joined([_File(a=1.0, b=[2.0]), _File(b=3.0, c=4.0)])
    assert joined.path == "FILE, FILE"
    assert joined.shapes == {"a": (), "b": (1,), "c": ()}
    assert [float(np.squeeze(joined.read(name))) for name in "abc"] == [1.0, 2.0, 4.0]


def test_long_lists_are_shortened():
    report = mapping.Report((), {f"x{i}": "counters" for i in range(9)}, ())
    assert report.summary()[1] == "unused, counters: x0, x1, x2, x3, x4, x5 and 3 more"
