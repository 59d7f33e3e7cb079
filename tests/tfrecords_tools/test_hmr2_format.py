"""Records of hmr2.0, made to its published description, against our parser."""

from __future__ import annotations

import foreign_records
import numpy as np
import tensorflow as tf

from tfrecords_tools import hmr2_format, schema

_RNG = np.random.default_rng(0)
# hmr2.0's joint order with toes, from its description.
_TOES = (
    "toes_r ankle_r knee_r hip_r hip_l knee_l ankle_l toes_l wrist_r elbow_r shoulder_r shoulder_l "
    "elbow_l wrist_l neck brain nose eye_l eye_r ear_l ear_r"
).split()
_COCOPLUS = (
    "ankle_r knee_r hip_r hip_l knee_l ankle_l wrist_r elbow_r shoulder_r shoulder_l elbow_l "
    "wrist_l neck brain nose eye_l eye_r ear_l ear_r"
).split()


def _points(count=19):
    points = np.concatenate([_RNG.uniform(20, 280, (count, 2)), np.ones((count, 1))], axis=1)
    points[[2, count - 1]] = 0
    return points.astype(np.float32)


def _parse(records, **options):
    parsed = hmr2_format.parse_hmr2_example(tf.constant(records), **options)
    return {key: value.numpy() for key, value in parsed.items()}


def test_2d_and_3d_records():
    points, other = _points(), _points()
    joints = _RNG.normal(0, 0.4, (14, 3)).astype(np.float32)
    parsed = _parse(
        [
            foreign_records.hmr2_image(b"one", points, joints, sequence="mpii_ts1"),
            foreign_records.hmr2_image(b"two", other),
        ]
    )
    assert parsed["image_encoded"].tolist() == [b"one", b"two"]
    assert parsed["sequence"].tolist() == [b"mpii_ts1", b""]
    np.testing.assert_array_equal(parsed["keypoints_2d"], [points, other])
    np.testing.assert_array_equal(parsed["has_3d"], [1, 0])
    np.testing.assert_array_equal(parsed["joints_3d"], [joints, np.zeros((14, 3))])
    np.testing.assert_array_equal(parsed["joints_24_3d"][0, :14, :3], joints)
    np.testing.assert_array_equal(parsed["joints_24_3d"][0, :, 3], [1] * 14 + [0] * 10)
    assert not parsed["joints_24_3d"][1].any()
    # J24 keeps LSP's 14 in front and the face at its end.
    np.testing.assert_array_equal(parsed["keypoints_24_2d"][:, :14], parsed["keypoints_2d"][:, :14])
    np.testing.assert_array_equal(parsed["keypoints_24_2d"][:, 19:], parsed["keypoints_2d"][:, 14:])
    seen = points[points[:, 2] > 0, :2]
    middle = (seen.min(0) + seen.max(0)) / 2
    np.testing.assert_allclose(parsed["center"][0], middle, rtol=1e-6)
    assert not parsed["has_smpl"].any()


def test_fields_are_those_of_our_own_records():
    ours = schema.encode_sample(schema.Sample(b"jpeg", "a.jpg", 8, 9, np.ones(2), np.ones((19, 3))))
    expected = schema.parse_image_example(tf.constant([ours]))
    parsed = hmr2_format.parse_hmr2_example(
        tf.constant([foreign_records.hmr2_image(b"jpeg", _points())])
    )
    assert parsed.keys() == expected.keys()
    for key, value in expected.items():
        assert parsed[key].dtype == value.dtype, key
        assert parsed[key].shape == value.shape, key


def test_toes_are_left_out_by_name():
    points = _points(21)
    joints = _RNG.normal(0, 0.4, (16, 3)).astype(np.float32)
    parsed = _parse([foreign_records.hmr2_image(b"jpeg", points, joints)], has_toes=True)
    for name in _COCOPLUS:
        found = parsed["keypoints_2d"][0, _COCOPLUS.index(name)]
        np.testing.assert_array_equal(found, points[_TOES.index(name)], name)
    for name in _COCOPLUS[:14]:
        found = parsed["joints_3d"][0, _COCOPLUS.index(name)]
        np.testing.assert_array_equal(found, joints[_TOES.index(name)], name)


def test_pelvis_and_thorax_are_no_face():
    parsed = _parse([foreign_records.hmr2_image(b"jpeg", _points())], has_face=False)
    assert not parsed["keypoints_2d"][0, 14:].any() and parsed["keypoints_2d"][0, :14].any()
    assert not parsed["keypoints_24_2d"][0, 14:].any()


def test_millimetres_become_metres():
    joints = _RNG.normal([0, 0, 3], 0.4, (14, 3)).astype(np.float32)
    records = [foreign_records.hmr2_image(b"", _points(), scale * joints) for scale in (1, 1000)]
    parsed = _parse(records)
    np.testing.assert_allclose(parsed["joints_3d"][1], parsed["joints_3d"][0], rtol=1e-5)
    np.testing.assert_allclose(parsed["joints_3d"][0], joints, rtol=1e-6)


def test_useless_numbers_are_unknown():
    points = _points()
    points[4, 0] = np.nan
    record = foreign_records.hmr2_image(b"", points, np.full((14, 3), np.inf))
    blank = foreign_records.hmr2_image(b"", np.zeros((19, 3)), np.ones((14, 3)), has_3d=0)
    parsed = _parse([record, blank])
    for key, value in parsed.items():
        if value.dtype.kind == "f":
            assert np.isfinite(value).all(), key
    np.testing.assert_array_equal(parsed["has_3d"], [0, 0])
    np.testing.assert_array_equal(parsed["center"][1], [0, 0])
    assert not parsed["keypoints_2d"][0, 4].any()
