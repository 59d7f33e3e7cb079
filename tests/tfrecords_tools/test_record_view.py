"""One record as arrays: the same as the graph parser's, and projections worked by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import record_folder
import tensorflow as tf

from tfrecords_tools import record_drawing, record_formats, skeletons
from tfrecords_tools.errors import RecordError
from tfrecords_tools.record_checks import problems
from tfrecords_tools.record_view import view_record
from tfrecords_tools.samples import OccluderSample
from tfrecords_tools.schema import encode_sample, parse_image_example


def _example(**features):
    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        value = np.asarray(value)
        if value.dtype.kind == "i":
            return tf.train.Feature(int64_list=tf.train.Int64List(value=value.ravel()))
        return tf.train.Feature(float_list=tf.train.FloatList(value=value.ravel()))

    named = {key.replace("__", "/"): feature(value) for key, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=named)).SerializeToString()


def _original(**more):
    return _example(
        image__encoded=b"jpeg",
        image__filename=b"a.png",
        image__height=[30],
        image__width=[40],
        image__center=[20, 15],
        image__x=np.arange(14.0),
        image__y=np.arange(14.0) + 100,
        image__visibility=np.array([0, 1, 2] * 4 + [0, 1]),
        **more,
    )


def test_our_records_are_seen_as_the_graph_parser_sees_them():
    sample = record_folder.sample(3, subject="S1", sequence="walk", frame=7)
    serialized = encode_sample(sample)
    view = view_record(serialized, "a")
    parsed = {key: value.numpy() for key, value in parse_image_example(serialized).items()}
    assert view.record_format == record_formats.HMR_TF
    assert view.image == parsed["image_encoded"]
    assert view.size == (parsed["height"], parsed["width"]) == (100, 120)
    assert (view.filename, view.dataset, view.subject, view.sequence) == (
        *("3.jpg", "toy", "S1", "walk"),
    )
    np.testing.assert_array_equal(view.center, parsed["center"])
    assert view.skeleton_2d is skeletons.COCOPLUS19
    seen = view.keypoints_2d * (view.keypoints_2d[:, 2:] > 0)
    np.testing.assert_array_equal(seen, parsed["keypoints_2d"])
    assert view.skeleton_3d is skeletons.LSP14
    np.testing.assert_array_equal(view.joints_3d[:, :3], parsed["joints_3d"])
    for name in ("pose_axis_angle", "betas", "translation", "intrinsics", "box_xyxy"):
        np.testing.assert_array_equal(getattr(view, name), parsed[name])


def test_projection_by_hand():
    view = view_record(encode_sample(record_folder.sample(5)), "a")
    projected = view.projected_joints
    for index in range(14):
        x, y, z = view.joints_3d[index, :3] + record_folder.TRANSLATION
        expected = 400 * x / z + 60, 400 * y / z + 50
        np.testing.assert_allclose(projected[index, :2], expected, atol=1e-4)
    errors = view.reprojection_errors()
    assert len(errors) == 13  # One joint is not visible.
    assert errors.max() < 1e-3
    shifted = record_folder.sample(5).keypoints_2d + np.array([3.0, 4.0, 0.0])
    view = view_record(encode_sample(record_folder.sample(5, keypoints_2d=shifted)), "a")
    np.testing.assert_allclose(view.reprojection_errors(), 5.0, atol=1e-3)


def test_original_records_without_and_with_3d():
    view = view_record(_original(), "a")
    assert view.record_format == record_formats.HMR
    assert view.joints_3d is None
    assert view.pose_axis_angle is None
    assert len(view.reprojection_errors()) == 0
    np.testing.assert_array_equal(view.keypoints_2d[:14, 2] > 0, [0, 1, 1] * 4 + [0, 1])
    assert not view.keypoints_2d[14:].any()
    # MPI-INF-3DHP: joints in the camera's frame, SMPL unknown and written as -1.
    joints = np.random.default_rng(0).uniform(-0.5, 0.5, (14, 3)) + np.array([0.0, 0.0, 4.0])
    more = {"mosh__gt3d": joints, "mosh__pose": np.full(72, -1.0), "mosh__shape": np.full(10, -1.0)}
    view = view_record(_original(**more, meta__has_3d=[0], image__cam=[500.0, 20.0, 15.0]), "a")
    assert view.pose_axis_angle is None
    expected = 500 * joints[4, 0] / joints[4, 2] + 20
    np.testing.assert_allclose(view.projected_joints[4, 0], expected, rtol=1e-5)
    # Human3.6M: joints about the root, which no camera shows.
    more["mosh__gt3d"] = joints - np.array([0.0, 0.0, 4.0])
    more.update(mosh__pose=np.zeros(72), mosh__shape=np.zeros(10), meta__has_3d=[1])
    view = view_record(_original(**more, image__cam=[500.0, 20.0, 15.0]), "a")
    assert view.pose_axis_angle is not None
    assert view.projected_joints is None


def test_hmr2_and_mocap_records():
    points = np.zeros((19, 3))
    points[2], points[5] = (10.0, 20.0, 1.0), (30.0, 60.0, 1.0)
    hmr2 = {"image_raw": b"jpeg", "keypoints_2d": points, "keypoints_3d": np.ones((14, 3))}
    view = view_record(_example(**hmr2, has_3d=[1], sequence=b"TS1"), "a")
    assert view.record_format == record_formats.HMR2
    np.testing.assert_array_equal(view.center, [20.0, 40.0])
    assert view.joints_3d.shape == (14, 4)
    assert view.sequence == "TS1"
    assert view_record(_example(**hmr2, has_3d=[0]), "a").joints_3d is None
    view = view_record(encode_sample(record_folder.mocap_sample(3)), "a")
    assert (view.record_format, view.image, view.keypoints_2d) == ("mocap", None, None)
    np.testing.assert_allclose(view.pose_axis_angle, 0.03)


def test_unknown_records_are_refused():
    with pytest.raises(RecordError, match="a: its first record has no known format"):
        view_record(_example(other=[1]), "a")
    with pytest.raises(RecordError, match="hmr_tf/box_xyxy holds 3 numbers; expected 4"):
        view_record(_original(hmr_tf__box_xyxy=[1.0, 2.0, 3.0]), "a")


def test_things_cut_out_of_images():
    image = cv2.imencode(".png", np.full((20, 30, 4), 99, np.uint8))[1].tobytes()
    sample = OccluderSample(image, 20, 30, "bottle", "2008_000001.jpg")
    view = view_record(encode_sample(sample), "a")
    assert (view.image, view.size, view.dataset) == (image, (20, 30), "bottle")
    assert list(problems(view)) == []
    assert record_drawing.draw_record(view, 90).shape == (60, 90, 3)
