"""Records against the original release's parser spec, and its records against our parser."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import schema
from tfrecords_tools.errors import RecordError
from tfrecords_tools.example_proto import decode_example, encode_example

_RNG = np.random.default_rng(0)
_POSE, _BETAS = _RNG.normal(size=72), _RNG.normal(size=10)
_JOINTS_3D = _RNG.normal(size=(14, 3))


def _fixed(shape, dtype, default=None):
    return tf.io.FixedLenFeature(shape, dtype, default)


# The parser of the original release, transcribed from the published tables.
_ORIGINAL_2D = {
    "image/encoded": _fixed((), tf.string, ""),
    "image/height": _fixed((1,), tf.int64, -1),
    "image/width": _fixed((1,), tf.int64, -1),
    "image/filename": _fixed((), tf.string, ""),
    "image/center": _fixed((2, 1), tf.int64),
    "image/visibility": _fixed((1, 14), tf.int64),
    "image/x": _fixed((1, 14), tf.float32),
    "image/y": _fixed((1, 14), tf.float32),
    "image/face_pts": _fixed((1, 15), tf.float32, [0.0] * 15),
}
_ORIGINAL_3D = {
    **_ORIGINAL_2D,
    "mosh/pose": _fixed((72,), tf.float32),
    "mosh/shape": _fixed((10,), tf.float32),
    "mosh/gt3d": _fixed((42,), tf.float32),
    "meta/has_3d": _fixed((1,), tf.int64, [0]),
}


def _keypoints(visibility=None):
    points = np.zeros((19, 3))
    points[:14, 0], points[:14, 1] = np.arange(14) * 3.5, np.arange(14) * 2.25 + 1
    points[:14, 2] = np.arange(14) % 2 if visibility is None else visibility
    return points


def _sample(**fields):
    base = {
        "image": b"jpeg bytes",
        "filename": "im0001.jpg",
        "height": 120,
        "width": 90,
        "center": np.array([44.75, 61.5]),
        "keypoints_2d": _keypoints(),
        "dataset": "lsp",
    }
    return schema.Sample(**{**base, **fields})


def _original(**fields):
    """An image record as the original's writer made it, by TensorFlow's protocol buffers."""
    values = {
        "image/encoded": [b"jpeg"],
        "image/format": [b"JPEG"],
        "image/filename": [b"000123.jpg"],
        "image/height": [300],
        "image/width": [290],
        "image/center": [140, 151],
        "image/x": [float(i) for i in range(14)],
        "image/y": [float(2 * i) for i in range(14)],
        "image/visibility": [1] * 14,
        **fields,
    }
    features = {}
    for key, value in values.items():
        if value is None:
            continue
        if isinstance(value[0], bytes):
            features[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=value))
        elif isinstance(value[0], float):
            features[key] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
        else:
            features[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=value))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _parse(serialized):
    return {key: value.numpy() for key, value in schema.parse_image_example(serialized).items()}


def test_original_parser_reads_our_2d_records():
    keypoints = _keypoints()
    keypoints[14:] = [[10, 20, 1], [11, 21, 0], [12, 22, 2], [13, 23, 1], [14, 24, 1]]
    serialized = schema.encode_sample(_sample(keypoints_2d=keypoints))
    parsed = tf.io.parse_single_example(serialized, _ORIGINAL_2D)
    assert parsed["image/encoded"].numpy() == b"jpeg bytes"
    assert parsed["image/filename"].numpy() == b"im0001.jpg"
    assert parsed["image/height"].numpy() == [120]
    assert parsed["image/width"].numpy() == [90]
    np.testing.assert_array_equal(parsed["image/center"], [[44], [61]])
    np.testing.assert_array_equal(parsed["image/x"][0], keypoints[:14, 0])
    np.testing.assert_array_equal(parsed["image/y"][0], keypoints[:14, 1])
    np.testing.assert_array_equal(parsed["image/visibility"][0], keypoints[:14, 2])
    face = tf.reshape(parsed["image/face_pts"], (3, 5))
    np.testing.assert_array_equal(face, keypoints[14:].T)


def test_original_parser_reads_our_3d_records():
    smpl = {"pose_axis_angle": _POSE, "betas": _BETAS}
    serialized = schema.encode_sample(_sample(joints_3d=_JOINTS_3D, **smpl))
    parsed = tf.io.parse_single_example(serialized, _ORIGINAL_3D)
    np.testing.assert_allclose(parsed["mosh/pose"], _POSE, rtol=1e-6)
    np.testing.assert_allclose(parsed["mosh/shape"], _BETAS, rtol=1e-6)
    np.testing.assert_allclose(tf.reshape(parsed["mosh/gt3d"], (14, 3)), _JOINTS_3D, rtol=1e-6)
    assert parsed["meta/has_3d"].numpy() == [1]

    serialized = schema.encode_sample(_sample(joints_3d=_JOINTS_3D))
    parsed = tf.io.parse_single_example(serialized, _ORIGINAL_3D)
    assert parsed["meta/has_3d"].numpy() == [0]
    np.testing.assert_array_equal(parsed["mosh/pose"], -np.ones(72))
    np.testing.assert_array_equal(parsed["mosh/shape"], -np.ones(10))


def test_original_camera_keys():
    fields = {"intrinsics": [500, 510, 60, 70], "scale_factors": [0.5, 0.25], "crop_origin": [3, 4]}
    raw = decode_example(schema.encode_sample(_sample(**fields)))
    np.testing.assert_array_equal(raw["image/cam"], [505, 60, 70])
    np.testing.assert_array_equal(raw["meta/scale_factors"], [0.5, 0.25])
    np.testing.assert_array_equal(raw["meta/crop_pt"], [3, 4])


@pytest.mark.parametrize(
    ("stored", "read"),
    [(None, 150.0), (312.5, 312.5), (0.0, 150.0), (-3.0, 150.0), (np.nan, 150.0), (np.inf, 150.0)],
)
def test_people_whose_size_nobody_tells_have_the_original_s(stored, read):
    features = dict(decode_example(schema.encode_sample(_sample())))
    if stored is not None:
        features["hmr_tf/person_px"] = np.array([stored], np.float32)
    assert _parse(encode_example(features))["person_px"] == read


@pytest.mark.parametrize("size", [0.0, -3.0, np.nan, np.inf])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(RecordError, match=r"lsp im0001.jpg: person_px must be positive; received"):
        schema.encode_sample(_sample(person_px=size))


def test_round_trip_of_a_bare_sample():
    parsed = _parse(schema.encode_sample(_sample()))
    assert parsed["image_encoded"] == b"jpeg bytes"
    assert (parsed["height"], parsed["width"]) == (120, 90)
    np.testing.assert_array_equal(parsed["center"], [44.75, 61.5])
    expected = _keypoints()
    expected[expected[:, 2] == 0] = 0
    np.testing.assert_array_equal(parsed["keypoints_2d"], expected)
    np.testing.assert_array_equal(parsed["keypoints_24_2d"][:14], expected[:14])
    np.testing.assert_array_equal(parsed["keypoints_24_2d"][14:], np.zeros((10, 3)))
    for flag in ("has_3d", "has_smpl", "has_translation", "has_intrinsics", "has_box"):
        assert parsed[flag] == 0, flag
    zero = ("joints_3d", "joints_24_3d", "pose_axis_angle", "betas", "translation", "intrinsics")
    for field in (*zero, "box_xyxy"):
        np.testing.assert_array_equal(parsed[field], np.zeros_like(parsed[field]), field)
    assert (parsed["gender"], parsed["frame"]) == (-1, -1)
    assert (parsed["dataset"], parsed["subject"], parsed["sequence"]) == (b"lsp", b"", b"")


def test_round_trip_of_a_full_sample():
    arrays = {
        "keypoints_24_2d": np.abs(_RNG.normal(size=(24, 3))),
        "joints_3d": _JOINTS_3D,
        "joints_24_3d": np.abs(_RNG.normal(size=(24, 4))),
        "pose_axis_angle": _POSE,
        "betas": _BETAS,
        "translation": np.array([-1.0, -1.0, -1.0]),
        "intrinsics": np.array([500.0, 501.0, 60.0, 70.0]),
        "box_xyxy": np.array([1.0, 2.0, 3.0, 4.0]),
    }
    words = {"subject": "S1", "sequence": "walk"}
    parsed = _parse(schema.encode_sample(_sample(**arrays, **words, gender=2, frame=2**40)))
    for field, value in arrays.items():
        np.testing.assert_allclose(parsed[field], value.astype(np.float32), err_msg=field)
    for flag in ("has_3d", "has_smpl", "has_translation", "has_intrinsics", "has_box"):
        assert parsed[flag] == 1, flag
    assert (parsed["gender"], parsed["frame"]) == (2, 2**40)
    assert (parsed["subject"], parsed["sequence"]) == (b"S1", b"walk")


def test_j24_is_filled_from_the_fields_of_the_original():
    keypoints = _keypoints(visibility=1)
    keypoints[14:, :] = [[i, i + 50, 1] for i in range(5)]
    serialized = schema.encode_sample(_sample(keypoints_2d=keypoints, joints_3d=_JOINTS_3D))
    parsed = _parse(serialized)
    np.testing.assert_array_equal(parsed["keypoints_24_2d"][19:], keypoints[14:])
    np.testing.assert_array_equal(parsed["keypoints_24_2d"][14:19], np.zeros((5, 3)))
    np.testing.assert_allclose(parsed["joints_24_3d"][:14, :3], _JOINTS_3D, rtol=1e-6)
    np.testing.assert_array_equal(parsed["joints_24_3d"][:, 3], [1] * 14 + [0] * 10)


def test_partial_confidence_counts_as_visible():
    parsed = _parse(schema.encode_sample(_sample(keypoints_2d=_keypoints(visibility=0.5))))
    np.testing.assert_array_equal(parsed["keypoints_2d"][:14, 2], np.ones(14))


def test_parse_has_static_shapes_and_takes_batches():
    signature = [tf.TensorSpec([], tf.string)]
    graph = tf.function(schema.parse_image_example, input_signature=signature)
    outputs = graph.get_concrete_function().structured_outputs
    assert all(value.shape.is_fully_defined() for value in outputs.values())
    assert outputs["keypoints_2d"].shape == (19, 3)
    assert outputs["joints_24_3d"].shape == (24, 4)
    records = [schema.encode_sample(_sample()), schema.encode_sample(_sample(joints_3d=_JOINTS_3D))]
    batch = schema.parse_image_example(tf.constant(records))
    np.testing.assert_array_equal(batch["has_3d"], [0, 1])
    for index, record in enumerate(records):
        for field, value in _parse(record).items():
            np.testing.assert_array_equal(batch[field][index].numpy(), value, field)


def test_our_parser_reads_original_2d_records():
    face = [float(v) for v in (*range(5), *range(10, 15), 0, 1, 2, 1, 0)]
    visibility = [2, 1, 0] * 4 + [0, 2]
    record = _original(**{"image/visibility": visibility, "image/face_pts": face})
    parsed = _parse(record)
    np.testing.assert_array_equal(parsed["center"], [140, 151])
    is_visible = np.array(visibility) > 0
    np.testing.assert_array_equal(parsed["keypoints_2d"][:14, 2], is_visible)
    np.testing.assert_array_equal(parsed["keypoints_2d"][:14, 1], 2 * np.arange(14) * is_visible)
    np.testing.assert_array_equal(
        parsed["keypoints_2d"][14:], [[0, 0, 0], [1, 11, 1], [2, 12, 1], [3, 13, 1], [0, 0, 0]]
    )
    assert parsed["has_3d"] == parsed["has_smpl"] == 0
    # Optional keys missing.
    keys = ("image/encoded", "image/filename", "image/height", "image/width", "image/format")
    parsed = _parse(_original(**dict.fromkeys(keys)))
    assert (parsed["height"], parsed["width"], parsed["filename"]) == (0, 0, b"")


_GT3D = [0.1 * index for index in range(42)]
_MINUS = {"mosh/pose": [-1.0] * 72, "mosh/shape": [-1.0] * 10}
_SMPL = {"mosh/pose": [0.25] * 72, "mosh/shape": [0.5] * 10}


@pytest.mark.parametrize(
    ("fields", "has_3d", "has_smpl"),
    [
        ({"mosh/gt3d": _GT3D, **_SMPL, "meta/has_3d": [1]}, 1, 1),
        ({"mosh/gt3d": _GT3D, **_MINUS, "meta/has_3d": [0]}, 1, 0),
        ({"mosh/gt3d": _GT3D, **_SMPL}, 1, 0),  # The earliest upload lacked meta/has_3d.
        ({"mosh/gt3d": _GT3D, **_MINUS, "meta/has_3d": [1]}, 1, 0),
        ({"mosh/gt3d": [-1.0] * 42, **_MINUS, "meta/has_3d": [0]}, 0, 0),
        ({"mosh/gt3d": [float("nan")] * 42, **_SMPL, "meta/has_3d": [1]}, 0, 1),
    ],
)
def test_our_parser_reads_original_3d_records(fields, has_3d, has_smpl):
    parsed = _parse(_original(**fields))
    assert (parsed["has_3d"], parsed["has_smpl"]) == (has_3d, has_smpl)
    gt3d = np.reshape(_GT3D, (14, 3)) * has_3d
    np.testing.assert_allclose(parsed["joints_3d"], gt3d, rtol=1e-6)
    np.testing.assert_array_equal(parsed["pose_axis_angle"], np.full(72, 0.25 * has_smpl))
    np.testing.assert_array_equal(parsed["betas"], np.full(10, 0.5 * has_smpl))


def test_original_parser_and_ours_agree_on_mocap():
    serialized = schema.encode_sample(schema.MocapSample(_POSE, _BETAS))
    assert set(decode_example(serialized)) == {"pose", "shape"}
    parsed = schema.parse_mocap_example(serialized)
    np.testing.assert_allclose(parsed["pose_axis_angle"], _POSE, rtol=1e-6)
    np.testing.assert_allclose(parsed["betas"], _BETAS, rtol=1e-6)
    batch = schema.parse_mocap_example(tf.constant([serialized] * 3))
    assert batch["pose_axis_angle"].shape == (3, 72)


@pytest.mark.parametrize("field", ["center", "keypoints_2d", "joints_3d", "translation"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(field, value):
    shapes = {"center": (2,), "keypoints_2d": (19, 3), "joints_3d": (14, 3), "translation": (3,)}
    array = np.zeros(shapes[field])
    array.flat[-1] = value
    with pytest.raises(RecordError, match=f"lsp im0001.jpg: {field} holds a value .* not finite"):
        schema.encode_sample(_sample(**{field: array}))


def test_malformed_samples_are_refused():
    with pytest.raises(RecordError, match=r"betas must be \(10,\); received \(16,\)"):
        schema.encode_sample(schema.MocapSample(_POSE, np.zeros(16)))
    with pytest.raises(RecordError, match="clip 7: pose_axis_angle holds"):
        schema.encode_sample(schema.MocapSample(np.full(72, np.nan), _BETAS, name="clip 7"))
    with pytest.raises(RecordError, match=r"im0001\.jpg: the image is empty"):
        schema.encode_sample(_sample(image=b""))
    with pytest.raises(RecordError, match="known together"):
        schema.encode_sample(_sample(betas=_BETAS))


def test_every_array_of_a_sample_is_checked():
    arrays = {field.name for field in dataclasses.fields(schema.Sample) if "ndarray" in field.type}
    assert arrays == set(schema._FLOAT_SHAPES)
