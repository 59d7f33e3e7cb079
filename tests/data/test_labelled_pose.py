"""The 30 joints of labels: which, where, and mirrored as the picture is."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data import augment, labelled_pose
from tfrecords_tools import skeletons

NAMES, J24 = skeletons.SGRE30.joints, skeletons.J24
SIZE = 100


def _parsed(dataset="lsp", missing=()):
    """Points that say by their places which they are: x is ten times the J24 number, y 20 more."""
    points = np.zeros((1, 24, 3), np.float32)
    points[0, :, 0] = 10 * np.arange(24)
    points[0, :, 1] = points[0, :, 0] + 20
    points[0, :, 2] = 0.5
    points[0, [J24.index(name) for name in missing], 2] = 0
    return {"keypoints_24_2d": tf.constant(points), "dataset": tf.constant([dataset])}


def _parameters(flip=False):
    return augment.plain_parameters(tf.constant([[150.0, 150.0]]), 400.0)._replace(
        flip=tf.constant([flip])
    )


def _pose(flip=False, **options):
    found = labelled_pose.pose_in_crop(_parsed(**options), _parameters(flip), SIZE)
    return dict(zip(NAMES, found.numpy()[0]))


def _number(point):
    """Returns which J24 joint a place in the crop is."""
    return (point[0] * 200 + 150) / 10


def test_joints_of_the_same_word():
    found = _pose()
    for name in ("left_wrist", "right_ankle", "nose", "left_ear", "head_top"):
        assert _number(found[name]) == pytest.approx(J24.index(name), abs=1e-4), name
    assert _number(found["smpl_left_hip"]) == pytest.approx(J24.index("left_hip"), abs=1e-4)
    assert _number(found["smpl_neck"]) == pytest.approx(J24.index("neck"), abs=1e-4)
    assert found["smpl_spine1"].tolist() == [0, 0, 0]
    assert {point[2] for point in found.values()} == {0.0, 1.0}


def test_stand_ins():
    found = _pose(missing=("pelvis", "head_top"))
    hips = [J24.index(f"{side}_hip") for side in ("left", "right")]
    assert _number(found["smpl_pelvis"]) == pytest.approx(np.mean(hips), abs=1e-4)
    assert _number(found["head_top"]) == pytest.approx(J24.index("h36m_head_top"), abs=1e-4)
    assert _pose(missing=("pelvis", "left_hip"))["smpl_pelvis"][2] == 0


@pytest.mark.parametrize(
    ("dataset", "reading", "joint"),
    [
        ("lsp", 0, None),
        ("h36m", 1, "smpl_spine1"),
        ("muco", 2, "smpl_spine2"),
        ("mpi_inf_3dhp_test", 2, "smpl_spine2"),
    ],
)
def test_words_of_datasets(dataset, reading, joint):
    assert labelled_pose.reading_of(tf.constant([dataset])).numpy().tolist() == [reading]
    found = _pose(dataset=dataset)
    for name in ("smpl_spine1", "smpl_spine2"):
        assert (found[name][2] > 0) == (name == joint)
    if joint:
        assert _number(found[joint]) == pytest.approx(J24.index("spine"), abs=1e-4)


def test_mirrored_people_have_their_sides_swapped():
    plain, mirrored = _pose(), _pose(flip=True)
    for slot, name in enumerate(NAMES):
        other = plain[NAMES[skeletons.SGRE30.flip[slot]]]
        # Columns are reversed about the middle of the pixels.
        expected = [-other[0] - 2 / SIZE * other[2], other[1], other[2]]
        np.testing.assert_allclose(mirrored[name], expected, atol=1e-5, err_msg=name)


def test_what_lies_outside_is_not_visible():
    parameters = augment.plain_parameters(tf.constant([[50.0, 70.0]]), 100.0)
    found = labelled_pose.pose_in_crop(_parsed(), parameters, SIZE).numpy()[0]
    seen = {NAMES[k] for k in np.flatnonzero(found[:, 2])}
    inside = {J24.joints[k] for k in range(10)}
    assert {name.replace("smpl_", "") for name in seen} <= inside
    assert np.abs(found[:, :2]).max() <= 1.0
