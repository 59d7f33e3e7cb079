"""What SGRE learns of records, against bodies posed, projected and cropped by hand."""

import numpy as np
import pytest
import tensorflow as tf
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body import posing, sgre_joints
from hmr_tf.data import augment, sgre_targets
from tfrecords_tools import skeletons

BODY = sgre_joints.with_sgre_joints(toy_body.toy_body())
SIZE, COUNT = 96, 6
FLIP = list(skeletons.SGRE30.flip)
NAMES = skeletons.SGRE30.joints
J24 = skeletons.J24
SEED = tf.constant([3, 4])


def _records(seed=0, dataset="lsp"):
    """Records of people before a camera, and their 30 joints `[N, 30, 3]`, not translated."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0, 0.2, (COUNT, 72))
    pose[:, :3] = np.array([np.pi, 0, 0]) + rng.normal(0, 0.2, (COUNT, 3))
    betas = rng.normal(0, 0.8, (COUNT, 10))
    intrinsics = rng.uniform([280, 280, 100, 100], [320, 320, 120, 120], (COUNT, 4))
    intrinsics[:, 1] = intrinsics[:, 0]
    translation = rng.uniform([-0.2, -0.2, 4.0], [0.2, 0.2, 5.0], (COUNT, 3))
    meshes = np.stack(
        [posing.pose_body(BODY, pose[k].reshape(24, 3), betas[k])[0] for k in range(COUNT)]
    )
    joints, j24 = (BODY.regressor(name) @ meshes for name in ("sgre30", "j24"))
    ones = np.ones((COUNT, 24, 1))
    values = {
        "pose_axis_angle": pose,
        "betas": betas,
        "has_smpl": np.ones(COUNT),
        "translation": translation,
        "has_translation": np.ones(COUNT),
        "intrinsics": intrinsics,
        "has_intrinsics": np.ones(COUNT),
        "keypoints_2d": np.zeros((COUNT, 19, 3)),
        "keypoints_24_2d": np.concatenate([_project(j24, translation, intrinsics), ones], -1),
        "joints_24_3d": np.concatenate([j24, ones], -1),
        "box_xyxy": np.zeros((COUNT, 4)),
        "has_box": np.zeros(COUNT),
    }
    values = {key: np.asarray(value, np.float32) for key, value in values.items()}
    return {**values, "dataset": np.array([dataset.encode()] * COUNT)}, joints


def _project(points, translation, intrinsics):
    placed = points + translation[:, None]
    focal, center = np.split(intrinsics[:, None], 2, axis=-1)
    return placed[..., :2] / placed[..., 2:] * focal + center


def _parameters(wild, seed=1):
    rng = np.random.default_rng(seed)
    center, window = rng.uniform(95, 125, (COUNT, 2)), rng.uniform(200, 300, COUNT)
    turn = rng.uniform(-1, 1, COUNT) if wild else np.zeros(COUNT)
    flip = np.arange(COUNT) % 2 == 1 if wild else np.zeros(COUNT, bool)
    return augment.CropParameters(
        *(tf.constant(x, tf.float32) for x in (center, window, turn)),
        flip=tf.constant(flip),
        color_gain=tf.ones([COUNT, 3]),
    )


def _targets(values, parameters, **options):
    parsed = {key: tf.constant(value) for key, value in values.items()}
    make = sgre_targets.SGRETargets(BODY, **options)
    return {k: v.numpy() for k, v in make(parsed, parameters, {}, SIZE, SEED).items()}


def _by_hand(points, pixels, parameters, flip=FLIP):
    """Returns u, v `[N, K, 2]` and points `[N, K, 3]` of the crops, not about a root."""
    uv, turned = [], []
    for row in range(COUNT):
        turn = Rotation.from_rotvec([0, 0, parameters.rotation[row].numpy()]).as_matrix()
        scale = SIZE / parameters.window[row].numpy()
        crop = scale * (pixels[row] - parameters.center[row].numpy()) @ turn[:2, :2].T + SIZE / 2
        moved = points[row] @ turn.T
        if parameters.flip[row]:
            crop = crop[flip]
            crop[:, 0] = SIZE - 1 - crop[:, 0]
            moved = moved[flip] * [-1, 1, 1]
        uv.append(crop / SIZE - 0.5)
        turned.append(moved)
    return np.array(uv), np.array(turned)


@pytest.mark.parametrize("wild", [False, True])
def test_bodies(wild):
    values, joints = _records()
    parameters = _parameters(wild)
    found = _targets(values, parameters)
    pixels = _project(joints, values["translation"], values["intrinsics"])
    uv, turned = _by_hand(joints, pixels, parameters)
    turned -= turned[:, :1]
    np.testing.assert_allclose(found["body_uvd"][..., :2], uv, atol=5e-5)
    np.testing.assert_allclose(found["body_joints"], turned, atol=1e-5)
    np.testing.assert_allclose(found["body_uvd"][..., 2], turned[..., 2] / 2, atol=1e-5)
    np.testing.assert_array_equal(found["has_body"], 1.0)
    inside = ((uv >= -0.5) & (uv < 0.5)).all(axis=-1) & (np.abs(turned[..., 2]) < 1.0)
    np.testing.assert_array_equal(found["body_uvd_weights"], inside)


@pytest.mark.parametrize("wild", [False, True])
def test_labels(wild):
    """Of labels go the joints of the same word; the pelvis is midway between the hips."""
    values, _ = _records()
    for key in ("keypoints_24_2d", "joints_24_3d"):
        values[key][:, J24.index("pelvis")] = 0.0
    parameters = _parameters(wild)
    found = _targets(values, parameters, use_pose_errors=False)
    slots = [
        J24.index(x.replace("smpl_", "")) if x.replace("smpl_", "") in J24.joints else -1
        for x in NAMES
    ]
    for joint, name in enumerate(NAMES):
        if name in ("smpl_pelvis", "smpl_left_foot", "smpl_right_foot", "smpl_head"):
            slots[joint] = -1
    pixels, points = (
        np.where(np.array(slots)[:, None] >= 0, values[key][:, slots], 0.0)
        for key in ("keypoints_24_2d", "joints_24_3d")
    )
    for array in (pixels, points):
        array[:, 0] = array[:, 1:3].mean(axis=1)
    uv, turned = _by_hand(points[..., :3], pixels[..., :2], parameters)
    known = np.array([slot >= 0 for slot in slots])
    known[0] = True
    turned -= turned[:, :1]
    np.testing.assert_allclose(found["label_uvd"][:, known, :2], uv[:, known], atol=5e-5)
    np.testing.assert_allclose(found["label_joints"][:, known], turned[:, known], atol=1e-5)
    np.testing.assert_array_equal(found["label_joints_weights"], np.tile(known, (COUNT, 1)))
    assert not found["label_uvd_weights"][:, ~known].any()
    # Without errors the pose shown is that of the labels.
    seen = found["pose_2d"][..., 2:]
    np.testing.assert_allclose(found["pose_2d"][..., :2], 2 * uv * seen, atol=1e-4)
    np.testing.assert_array_equal(seen[..., 0], found["label_uvd_weights"][..., 0])


def test_labels_of_datasets_go_by_their_own_words():
    places = {}
    for dataset in ("lsp", "h36m", "muco", "mpi_inf_3dhp"):
        values, _ = _records(dataset=dataset)
        values["keypoints_24_2d"][:, J24.index("head_top")] = 0.0
        seen = _targets(values, _parameters(False))["label_uvd_weights"][..., 0].any(axis=0)
        places[dataset] = {name for name, is_seen in zip(NAMES, seen) if is_seen}
    assert "head_top" in places["lsp"]  # Human3.6M's stands in.
    assert "smpl_spine1" in places["h36m"] and "smpl_head" not in places["h36m"]
    assert {"smpl_spine2", "smpl_head"} <= places["muco"] == places["mpi_inf_3dhp"]
    assert "smpl_neck" not in places["muco"]
    assert not places["lsp"] & {"smpl_spine1", "smpl_spine2", "smpl_head"}


def test_only_what_detectors_find_has_errors():
    values, _ = _records()
    values["box_xyxy"][:] = (60, 30, 160, 210)
    values["has_box"][:] = 1.0
    parameters = _parameters(True)
    clean = _targets(values, parameters, use_pose_errors=False)["pose_2d"]
    noisy = _targets(values, parameters)["pose_2d"]
    np.testing.assert_array_equal(noisy[..., 2], clean[..., 2])
    moved = (np.abs(noisy - clean).max(axis=-1) > 1e-6).any(axis=0)
    coco = [
        name.replace("left_hip", "smpl_left_hip").replace("right_hip", "smpl_right_hip")
        for name in skeletons.COCO17.joints
    ]
    for joint, name in enumerate(NAMES):
        if clean[:, joint, 2].any():
            assert moved[joint] == (name in coco), name
    # Most errors are small: of the box's 100 x 180 px of 250.
    assert np.median(np.abs(noisy - clean)[clean[..., 2] > 0]) < 0.1


def test_withheld_poses():
    values, _ = _records()
    found = _targets(values, _parameters(False), own_pose_share=1.0)
    np.testing.assert_array_equal(found["pose_2d"], 0.0)
    assert found["label_uvd_weights"].any()
    some = _targets(values, _parameters(False), own_pose_share=0.5)["pose_2d"]
    shown = some[..., 2].any(axis=1)
    assert 0 < shown.sum() < COUNT


@pytest.mark.parametrize("dataset", ["h36m", "lsp"])
def test_bodies_that_do_not_fit_their_labels(dataset):
    values, _ = _records(dataset=dataset)
    values["joints_24_3d"][0, :, :3] += 0.5  # Elsewhere as a whole: that does not matter.
    values["joints_24_3d"][1, J24.index("left_wrist"), :3] += 1.0  # A mean of 59 mm and more.
    values["joints_24_3d"][2, J24.index("left_wrist"), :3] += 1.0
    values["joints_24_3d"][2, 5:, 3] = 0.0  # Too few labels to tell.
    matrix = BODY.regressor("j24")[list(skeletons.mapping("j24", "h36m17"))]
    fitting = BODY.with_regressor("h36m", matrix, BODY.kind)
    parsed = {key: tf.constant(value) for key, value in values.items()}
    make = sgre_targets.SGRETargets(fitting)
    found = make(parsed, _parameters(False), {}, SIZE, SEED)
    # Labels of other datasets may mean other points.
    np.testing.assert_array_equal(found["has_body"], [1, dataset == "lsp", 1, 1, 1, 1])
    assert found["body_uvd_weights"][1].numpy().any() == (dataset == "lsp")


def test_unusual_shapes_and_people_without_anything():
    values, _ = _records()
    values["betas"][2, 4] = 3.5
    for key in ("has_smpl", "keypoints_24_2d", "joints_24_3d", "pose_axis_angle", "betas"):
        values[key][0] = 0.0
    found = _targets(values, _parameters(True))
    np.testing.assert_array_equal(found["body_betas"][[0, 2]], 0.0)
    np.testing.assert_allclose(found["body_betas"][3], values["betas"][3])
    for key in found:
        assert np.isfinite(found[key]).all(), key
    for key in ("pose_2d", "label_uvd_weights", "body_uvd_weights", "has_body"):
        np.testing.assert_array_equal(found[key][0], 0.0, err_msg=key)
