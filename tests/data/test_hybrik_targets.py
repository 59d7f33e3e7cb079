"""Targets against a body posed, projected and cropped by hand, in NumPy."""

import hybrik_formulas
import numpy as np
import pytest
import tensorflow as tf
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body import inverse_kinematics, posing
from hmr_tf.data import augment, hybrik_targets
from hmr_tf.geometry import crop_pinhole
from tfrecords_tools import skeletons

BODY = toy_body.toy_body()
LEAVES = [BODY.surface_point(name) for name in skeletons.HYBRIK_LEAVES]
SIZE, COUNT, DEPTH_RANGE, FOCAL = 96, 6, 2.2, 1000.0 / 256.0
FLIP = list(skeletons.HYBRIK29.flip)


def _records(seed=0):
    """Records of people before a camera, and their posed joints `[N, 29, 3]`, not translated."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0, 0.3, (COUNT, 72))
    pose[:, :3] = np.array([np.pi, 0, 0]) + rng.normal(0, 0.2, (COUNT, 3))
    betas = rng.normal(0, 1, (COUNT, 10))
    joints = []
    for row in range(COUNT):
        vertices, posed = posing.pose_body(BODY, pose[row].reshape(24, 3), betas[row])
        joints.append(np.concatenate([posed, vertices[LEAVES]]))
    intrinsics = rng.uniform([280, 280, 100, 100], [320, 320, 120, 120], (COUNT, 4))
    intrinsics[:, 1] = intrinsics[:, 0]  # A camera that rolls has one focal length.
    values = {
        "pose_axis_angle": pose,
        "betas": betas,
        "has_smpl": np.ones(COUNT),
        "translation": rng.uniform([-0.3, -0.3, 3.0], [0.3, 0.3, 5.0], (COUNT, 3)),
        "has_translation": np.ones(COUNT),
        "intrinsics": intrinsics,
        "has_intrinsics": np.ones(COUNT),
        "keypoints_2d": np.zeros((COUNT, 19, 3)),
        "keypoints_24_2d": np.zeros((COUNT, 24, 3)),
        "joints_24_3d": np.zeros((COUNT, 24, 4)),
    }
    return values, np.array(joints)


def _parameters(wild, seed=1):
    rng = np.random.default_rng(seed)
    center, window = rng.uniform(90, 130, (COUNT, 2)), rng.uniform(150, 260, COUNT)
    turn = rng.uniform(-1, 1, COUNT) if wild else np.zeros(COUNT)
    flip = np.arange(COUNT) % 2 == 1 if wild else np.zeros(COUNT, bool)
    return augment.CropParameters(
        *(_tensor(x) for x in (center, window, turn)),
        flip=tf.constant(flip),
        color_gain=tf.ones([COUNT, 3]),
    )


def _tensor(values):
    return tf.constant(np.asarray(values, np.float32))


def _targets(values, parameters, **options):
    parsed = {key: _tensor(value) for key, value in values.items()}
    pose = augment.transform_pose(parsed["pose_axis_angle"], parameters)
    labels = {"pose_axis_angle": pose, "betas": parsed["betas"]}
    make = hybrik_targets.HybrIKTargets(BODY, DEPTH_RANGE, FOCAL, **options)
    return {k: v.numpy() for k, v in make(parsed, parameters, labels, SIZE).items()}, labels


def _by_hand(values, joints, parameters):
    """Returns u, v `[N, 29, 2]` and joints from the pelvis `[N, 29, 3]` of the crops."""
    placed = joints + values["translation"][:, None]
    focal, center = np.split(values["intrinsics"][:, None], 2, axis=-1)
    pixels = placed[..., :2] / placed[..., 2:] * focal + center
    uv, turned = [], []
    for row in range(COUNT):
        turn = Rotation.from_rotvec([0, 0, parameters.rotation[row].numpy()]).as_matrix()
        scale = SIZE / parameters.window[row].numpy()
        crop = scale * (pixels[row] - parameters.center[row].numpy()) @ turn[:2, :2].T + SIZE / 2
        points = joints[row] @ turn.T
        points -= points[0]
        if parameters.flip[row]:
            crop = crop[FLIP]
            crop[:, 0] = SIZE - 1 - crop[:, 0]
            points = points[FLIP] * [-1, 1, 1]
        uv.append(crop / SIZE - 0.5)
        turned.append(points)
    return np.array(uv), np.array(turned)


@pytest.mark.parametrize("wild", [False, True])
def test_joints_of_bodies_land_where_the_camera_shows_them(wild):
    values, joints = _records()
    parameters = _parameters(wild)
    found, _ = _targets(values, parameters)
    uv, turned = _by_hand(values, joints, parameters)
    np.testing.assert_allclose(found["uvd"][..., :2], uv, atol=2e-5)
    np.testing.assert_allclose(found["uvd"][..., 2], turned[..., 2] / DEPTH_RANGE, atol=1e-6)
    np.testing.assert_array_equal(found["uvd_weights"], 1.0)


@pytest.mark.parametrize("wild", [False, True])
def test_given_camera_recovers_the_joints(wild):
    """Projected, cropped, encoded and decoded again: the same to a hundredth of a millimetre."""
    values, joints = _records()
    parameters = _parameters(wild)
    found, _ = _targets(values, parameters)
    _, turned = _by_hand(values, joints, parameters)
    names = ("uvd", "view_root_depth", "view_focal", "view_offset")
    points = crop_pinhole.uvd_to_points(*(found[name] for name in names), DEPTH_RANGE).numpy()
    np.testing.assert_allclose(points - points[:, :1], turned, atol=1e-5)


def test_crop_camera_sees_the_joints():
    """Its own pinhole puts them within a pixel or two of where they are."""
    values, joints = _records()
    values["translation"][:, 2] += 3.0  # From afar the two cameras agree.
    parameters = _parameters(True)
    found, _ = _targets(values, parameters)
    uv, turned = _by_hand(values, joints, parameters)
    np.testing.assert_array_equal(found["has_crop_camera"], 1.0)
    scale, shift = np.split(found["crop_camera"], [1], axis=1)
    depth = turned[..., 2:] + FOCAL / scale[:, None]
    seen = FOCAL * (turned[..., :2] + shift[:, None]) / depth
    assert np.abs(seen - uv).max() < 0.03


@pytest.mark.parametrize("wild", [False, True])
def test_twists_are_those_of_the_crop_s_pose(wild):
    values, _ = _records()
    found, labels = _targets(values, _parameters(wild))
    pose = labels["pose_axis_angle"].numpy().reshape(-1, 3)
    rotations = Rotation.from_rotvec(pose).as_matrix().reshape(COUNT, 24, 3, 3)
    rest = inverse_kinematics.rest_skeleton(BODY, labels["betas"]).numpy().astype(np.float64)
    np.testing.assert_allclose(
        found["twists"], hybrik_formulas.twists_of(rotations, rest), atol=1e-4
    )


def test_mirrored_twists_are_mirrored():
    """(cos, -sin) of the other side, as the release flips its labels."""
    values, _ = _records()
    values["betas"][:] = 0.0  # Shapes of the toy body are not symmetric, nor are its leaves.
    plain, _ = _targets(values, _parameters(False))
    parameters = _parameters(False)._replace(flip=tf.constant([True] * COUNT))
    found, _ = _targets(values, parameters)
    swap = np.array(skeletons.SMPL24.flip[1:]) - 1
    inner = [joint - 1 for joint in range(1, 24) if joint not in inverse_kinematics.LEAF_PARENTS]
    mirrored = plain["twists"][:, swap] * [1, -1]
    np.testing.assert_allclose(found["twists"][:, inner], mirrored[:, inner], atol=1e-3)


def test_a_body_without_camera_is_placed_by_its_keypoints():
    values, joints = _records()
    parameters = _parameters(True)
    scale, shift = 47.0, np.array([2.1, 1.9])
    points = np.stack(
        [
            posing.pose_body(BODY, pose.reshape(24, 3), betas)[0]
            for pose, betas in zip(values["pose_axis_angle"], values["betas"])
        ]
    )
    keypoints = BODY.regressor("cocoplus") @ points
    values["keypoints_2d"] = np.concatenate(
        [scale * (keypoints[..., :2] + shift), np.ones((COUNT, 19, 1))], axis=-1
    )
    values["keypoints_2d"][:, 3:7] = 0.0  # Not visible.
    values["has_intrinsics"][:] = 0.0
    values["keypoints_2d"][5] = 0.0
    found, _ = _targets(values, parameters)
    # The same from afar, through a pinhole.
    far = dict(values, translation=np.tile([*shift, 1e5], (COUNT, 1)))
    far["intrinsics"] = np.tile([scale * 1e5, scale * 1e5, 0, 0], (COUNT, 1))
    uv, _ = _by_hand(far, joints, parameters)
    np.testing.assert_allclose(found["uvd"][:5, :, :2], uv[:5], atol=1e-4)
    np.testing.assert_array_equal(found["uvd_weights"][:5], 1.0)
    np.testing.assert_array_equal(found["uvd_weights"][5, :, :2], 0.0)  # Nothing places it.
    np.testing.assert_array_equal(found["uvd_weights"][5, :, 2], 1.0)
    assert not found["view_focal"].any() and not found["view_root_depth"].any()


def _without_body():
    """A record with labels in 2D, one with 3D beside, in which the right knee is not known."""
    values, _ = _records()
    values["has_smpl"][:] = 0.0
    for key in ("pose_axis_angle", "betas"):
        values[key][:] = 0.0
    rng = np.random.default_rng(5)
    places = np.concatenate([rng.uniform(80, 140, (24, 2)), np.ones((24, 1))], axis=1)
    joints = np.concatenate([rng.normal(0, 0.4, (24, 3)), np.ones((24, 1))], axis=1)
    knee = skeletons.J24.joints.index("right_knee")
    places[knee], joints[knee] = 0.0, 0.0
    values["keypoints_24_2d"][:2] = places
    values["joints_24_3d"][1] = joints
    return values, places, joints


# SMPL's joints of COCO's 17 and of MPI-INF-3DHP's 28, as the release maps them.
FROM_COCO = [4, 5, 7, 8, 16, 17, 18, 19, 20, 21]
FROM_3DHP = [0, 12, *FROM_COCO]


def test_labels_without_body_supervise_the_joints_they_share():
    values, places, joints = _without_body()
    parameters = _parameters(False)
    found, _ = _targets(values, parameters)
    expected = np.zeros((COUNT, 29, 3))
    expected[0, FROM_COCO, :2] = 1.0
    expected[1, FROM_3DHP] = 1.0
    expected[:2, 5] = 0.0  # The knee.
    np.testing.assert_array_equal(found["uvd_weights"], expected)
    index = skeletons.J24.joints.index
    for joint, name in ((0, "pelvis"), (12, "neck"), (20, "left_wrist")):
        depth = joints[index(name), 2] - joints[index("pelvis"), 2]
        assert found["uvd"][1, joint, 2] == pytest.approx(depth / DEPTH_RANGE, abs=1e-6)
        crop = (places[index(name), :2] - parameters.center[1].numpy()) / parameters.window[1]
        np.testing.assert_allclose(found["uvd"][1, joint, :2], crop, atol=1e-6)
    np.testing.assert_array_equal(found["has_crop_camera"][[0, 2, 3, 4, 5]], 0.0)
    assert all(np.isfinite(value).all() for value in found.values())
    assert not found["view_focal"].any() and not found["view_root_depth"].any()


def test_mirrored_labels_change_sides():
    values, _, _ = _without_body()
    plain, _ = _targets(values, _parameters(False))
    parameters = _parameters(False)._replace(flip=tf.constant([True] * COUNT))
    found, _ = _targets(values, parameters)
    np.testing.assert_array_equal(found["uvd_weights"], plain["uvd_weights"][:, FLIP])
    assert found["uvd_weights"][1, 4, 0] == 0.0  # Now it is the left knee.
    mirrored = plain["uvd"][:, FLIP] * [-1, 1, 1] - [1 / SIZE, 0, 0]
    known = found["uvd_weights"] > 0
    np.testing.assert_allclose(found["uvd"][known], mirrored[known], atol=1e-6)


def test_joints_outside_may_be_dropped():
    values, _, _ = _without_body()
    values["has_smpl"][3:] = 1.0
    parameters = _parameters(False)._replace(window=tf.fill([COUNT], 45.0))
    kept, _ = _targets(values, parameters)
    found, _ = _targets(values, parameters, drop_outside=True)
    outside = np.abs(kept["uvd"]).max(axis=-1) > 0.5
    assert outside[3:].any() and outside[:2].any()
    np.testing.assert_array_equal(found["uvd_weights"][0], kept["uvd_weights"][0])  # 2D only.
    expected = np.where(outside[1:, :, None], 0.0, kept["uvd_weights"][1:])
    np.testing.assert_array_equal(found["uvd_weights"][1:], expected)
