"""What holds for every registered converter.

Each converter's own test file has a function ``write_source(folder)`` that writes a tiny source
tree in the dataset's true format; these tests find it by the converter's name.
"""

from __future__ import annotations

import importlib.util
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import occluder_format, reader, record_formats, schema
from tfrecords_tools.converter import Converter
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.registry import CONVERTERS, get_converter
from tfrecords_tools.writer import ShardedWriter

_HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module", params=sorted(CONVERTERS))
def source(request, tmp_path_factory):
    """A converter's name beside its tiny source tree, which no test changes."""
    folder = tmp_path_factory.mktemp(request.param) / "source"
    path = _HERE / "converters" / f"test_{request.param}.py"
    spec = importlib.util.spec_from_file_location(f"source_of_{request.param}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_source(folder)
    return request.param, folder


def _convert(source, out_dir, **arguments):
    name, folder = source
    converter = get_converter(name)(folder)
    return [convert_part(converter, part, str(out_dir), **arguments) for part in converter.parts()]


def _contents(out_dir):
    files = sorted(path for path in out_dir.rglob("*") if path.is_file())
    return {str(path.relative_to(out_dir)): path.read_bytes() for path in files}


def test_names_and_classes_agree():
    for name in CONVERTERS:
        converter = get_converter(name)
        assert issubclass(converter, Converter)
        assert converter.name == name
        assert converter.__doc__
    with pytest.raises(DatasetError, match=r"Unknown dataset 'lps'; expected one of: .*lsp"):
        get_converter("lps")


def test_records_are_found_again_and_match_the_schema(source, tmp_path):
    outcomes = _convert(source, tmp_path / "out")
    assert outcomes
    for outcome in outcomes:
        manifest = outcome.manifest
        part = manifest.identity.part
        summary = reader.describe_records(str(tmp_path / "out"), source[0], part)
        assert list(summary.shards) == manifest.shard_paths(str(tmp_path / "out"))
        assert summary.num_records == manifest.num_examples > 0
        records = [record for path in summary.shards for record in reader.read_records(path)]
        assert len(records) == manifest.num_examples
        parse = schema.parse_image_example
        if summary.record_format == record_formats.MOCAP:
            parse = schema.parse_mocap_example
        if summary.record_format == record_formats.OCCLUDER:
            parse = occluder_format.parse_occluder_example
        for record in records:
            for key, value in parse(record).items():
                if value.dtype.is_floating:
                    assert np.isfinite(value).all(), key
            _parse_as_the_original(record)


# The original release's parsers, transcribed from its published tables: without 3D, with, bodies.
_ORIGINAL_2D = {
    "image/encoded": tf.io.FixedLenFeature((), tf.string, ""),
    "image/height": tf.io.FixedLenFeature((1,), tf.int64, -1),
    "image/width": tf.io.FixedLenFeature((1,), tf.int64, -1),
    "image/filename": tf.io.FixedLenFeature((), tf.string, ""),
    "image/center": tf.io.FixedLenFeature((2, 1), tf.int64),
    "image/visibility": tf.io.FixedLenFeature((1, 14), tf.int64),
    "image/x": tf.io.FixedLenFeature((1, 14), tf.float32),
    "image/y": tf.io.FixedLenFeature((1, 14), tf.float32),
    "image/face_pts": tf.io.FixedLenFeature((1, 15), tf.float32, [0.0] * 15),
}
_ORIGINAL_3D = {
    **_ORIGINAL_2D,
    "mosh/pose": tf.io.FixedLenFeature((72,), tf.float32),
    "mosh/shape": tf.io.FixedLenFeature((10,), tf.float32),
    "mosh/gt3d": tf.io.FixedLenFeature((42,), tf.float32),
    "meta/has_3d": tf.io.FixedLenFeature((1,), tf.int64, [0]),
}
_ORIGINAL_MOSH = {
    "pose": tf.io.FixedLenFeature((72,), tf.float32),
    "shape": tf.io.FixedLenFeature((10,), tf.float32),
}


def _parse_as_the_original(record):
    """Parses a record with the original release's feature map, and compares with our parser."""
    keys = set(tf.train.Example.FromString(record).features.feature)
    if "pose" in keys:
        tf.io.parse_single_example(record, _ORIGINAL_MOSH)
    if "image/center" not in keys:
        return
    has_3d = "mosh/gt3d" in keys
    theirs = tf.io.parse_single_example(record, _ORIGINAL_3D if has_3d else _ORIGINAL_2D)
    ours = schema.parse_image_example(record)
    visible = ours["keypoints_2d"][:14, 2] > 0
    np.testing.assert_array_equal(theirs["image/visibility"][0] > 0, visible)
    for axis, key in enumerate(("image/x", "image/y")):
        found = theirs[key][0].numpy()[visible]
        np.testing.assert_array_equal(found, ours["keypoints_2d"][:14, axis].numpy()[visible])
    # Truncated, as the original writes it.
    np.testing.assert_array_equal(theirs["image/center"][:, 0], np.trunc(ours["center"]))
    size = tf.io.decode_jpeg(theirs["image/encoded"]).shape[:2]
    assert size == (theirs["image/height"][0], theirs["image/width"][0])
    if has_3d:
        joints = tf.reshape(theirs["mosh/gt3d"], (14, 3))
        np.testing.assert_array_equal(joints, ours["joints_3d"])
        assert (theirs["meta/has_3d"][0] > 0) == (ours["has_smpl"] > 0)


def test_conversion_is_deterministic_with_any_number_of_workers(source, tmp_path, monkeypatch):
    monkeypatch.setattr("tfrecords_tools.workers._ITEMS_PER_TASK", 2)
    monkeypatch.setattr("tfrecords_tools.workers._WORTHWHILE_SECONDS", 0.0)
    monkeypatch.setattr("tfrecords_tools.workers._START_SECONDS", 0.0)
    _convert(source, tmp_path / "one", examples_per_shard=3)
    _convert(source, tmp_path / "two", examples_per_shard=3, num_workers=2)
    contents = _contents(tmp_path / "one")
    assert contents == _contents(tmp_path / "two")
    assert all(
        outcome.was_done for outcome in _convert(source, tmp_path / "one", examples_per_shard=3)
    )
    assert _contents(tmp_path / "one") == contents


def test_an_interrupted_conversion_ends_with_the_same_bytes(source, tmp_path, monkeypatch):
    _convert(source, tmp_path / "whole", examples_per_shard=2)
    finish_shard = ShardedWriter.finish_shard

    def stopping_finish(self, *arguments, **keywords):
        finish_shard(self, *arguments, **keywords)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ShardedWriter, "finish_shard", stopping_finish)
        _convert(source, tmp_path / "out", examples_per_shard=2)
    with pytest.raises(DatasetError, match="no records"):
        reader.list_shards(str(tmp_path / "out"), source[0], next(iter(_parts(source))))
    _convert(source, tmp_path / "out", examples_per_shard=2)
    assert _contents(tmp_path / "out") == _contents(tmp_path / "whole")


def _parts(source):
    return get_converter(source[0])(source[1]).parts()


def test_a_wrong_folder_is_one_line(source, tmp_path):
    (tmp_path / "wrong" / "images").mkdir(parents=True)
    with pytest.raises(DatasetError, match=f"^{source[0]}: ") as caught:
        _convert((source[0], tmp_path / "wrong"), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
