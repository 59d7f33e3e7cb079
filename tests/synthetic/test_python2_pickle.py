from __future__ import annotations

import io
import pickle
import pickletools

import numpy as np

from hmr_tf.synthetic import python2_pickle
from tfrecords_tools import safe_pickle

_VALUE = {"genders": ["m", "f"], "poses": [np.arange(6.0).reshape(2, 3)], "long": "x" * 300}


def test_only_what_python_2_knew():
    content = python2_pickle.dumps(_VALUE)
    names = {opcode.name for opcode, _, _ in pickletools.genops(content)}
    assert "BINSTRING" in names and "SHORT_BINSTRING" in names
    assert not names & {"BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "UNICODE", "FRAME"}
    assert next(a for o, a, _ in pickletools.genops(content) if o.name == "PROTO") == 2


def test_content_comes_back():
    for loaded in (
        pickle.loads(python2_pickle.dumps(_VALUE), encoding="latin1"),
        safe_pickle.load(io.BytesIO(python2_pickle.dumps(_VALUE))),
    ):
        assert loaded["genders"] == ["m", "f"] and loaded["long"] == "x" * 300
        np.testing.assert_array_equal(loaded["poses"][0], _VALUE["poses"][0])


def test_equal_values_give_equal_bytes():
    again = {key: value for key, value in _VALUE.items()}
    assert python2_pickle.dumps(again) == python2_pickle.dumps(_VALUE)
