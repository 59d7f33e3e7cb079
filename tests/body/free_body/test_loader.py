"""The embedded body, as it ships."""

import os

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hmr_tf.body import free_body
from hmr_tf.body.free_body import loader
from hmr_tf.body.free_body.rebuild import skinning
from hmr_tf.body.posing import pose_body
from hmr_tf.errors import BodyError
from hmr_tf.synthetic import motion_clips

SIGN = np.array([-1.0, 1.0, 1.0], np.float32)
# Restated from the papers and data sets, not taken from the package's tables.
SMPL_FLIP = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
LSP_FLIP = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
FLIPS = {
    "cocoplus": [*LSP_FLIP, 14, 16, 15, 18, 17],
    "h36m": [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13],
    "extra": [1, 0, 2, 3, 4, 5, 6, 7, 8],
    "j24": [*LSP_FLIP, 14, 15, 16, 17, 18, 19, 21, 20, 23, 22],
}
LEFT = {
    "cocoplus": [3, 4, 5, 9, 10, 11, 15, 17],
    "h36m": [1, 2, 3, 11, 12, 13],
    "extra": [1],
    "j24": [3, 4, 5, 9, 10, 11, 20, 22],
}
SMPL_LEFT = [1, 4, 7, 10, 13, 16, 18, 20, 22]
# Keypoints that are SMPL's own joints: LSP ankle, knee, hip, ..., right side first.
LSP_TO_SMPL = [8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20]


@pytest.fixture(scope="module")
def arrays():
    return free_body.arrays()


@pytest.fixture(scope="module")
def body():
    return free_body.load()


@pytest.fixture(scope="module")
def rest_joints(body):
    return body.joint_regressor @ body.template


def _squat():
    pose = np.zeros((24, 3))
    pose[[1, 2]] = [[-1.9, 0, 0.3], [-1.9, 0, -0.3]]
    pose[[4, 5], 0] = 2.1
    pose[[7, 8], 0] = -0.3
    pose[[3, 6], 0] = [0.3, 0.2]
    pose[[16, 17]] = [[0, -1.0, -0.5], [0, 1.0, 0.5]]
    return pose


def test_shapes_and_types(arrays):
    expected = {
        "v_template": ((6890, 3), np.float32),
        "shapedirs": ((6890, 3, 10), np.float32),
        "posedirs": ((6890, 3, 207), np.float32),
        "J_regressor": ((24, 6890), np.float32),
        "weights": ((6890, 24), np.float32),
        "kintree_table": ((2, 24), np.uint32),
        "f": ((13776, 3), np.int32),
        "mirror": ((6890,), np.int32),
        "extra_ids": ((22,), np.int32),
    }
    for key, (shape, dtype) in expected.items():
        assert arrays[key].shape == shape, key
        assert arrays[key].dtype == dtype, key
        assert np.isfinite(arrays[key]).all(), key
    assert arrays["kind"] == "free_body"
    assert arrays["kintree_table"][0, 0] == 4294967295
    assert os.path.getsize(loader.PATH) < 1_100_000


def test_it_says_that_it_is_not_smpl(body):
    assert body.kind == "free_body"
    body.require_kind("free_body", "A test table")
    with pytest.raises(BodyError, match="free_body"):
        body.require_kind("smpl", "J_regressor_h36m")


def test_surface_is_one_closed_piece_facing_outwards(body):
    mesh = trimesh.Trimesh(body.template, body.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    assert mesh.body_count == 1
    assert len(np.unique(body.faces)) == 6890
    assert 0.055 < mesh.volume < 0.067  # m3, positive: the faces look outwards.


def test_exact_symmetry(arrays):
    mirror, template = arrays["mirror"], arrays["v_template"]
    np.testing.assert_array_equal(mirror[mirror], np.arange(6890))
    np.testing.assert_array_equal(template[mirror] * SIGN, template)
    np.testing.assert_array_equal(arrays["shapedirs"][mirror] * SIGN[:, None], arrays["shapedirs"])
    np.testing.assert_array_equal(
        arrays["J_regressor"][SMPL_FLIP][:, mirror], arrays["J_regressor"]
    )
    np.testing.assert_allclose(
        arrays["weights"][mirror][:, SMPL_FLIP], arrays["weights"], atol=1e-7
    )
    faces = {tuple(sorted(face)) for face in arrays["f"].tolist()}
    assert {tuple(sorted(face)) for face in mirror[arrays["f"]].tolist()} == faces


def test_mirrored_pose_gives_the_mirrored_body(body, arrays):
    """Covers posedirs: an axis-angle mirrors by swapping sides and negating y and z."""
    pose = 0.4 * np.random.default_rng(0).standard_normal((24, 3))
    vertices, _ = pose_body(body, pose)
    mirrored, _ = pose_body(body, pose[SMPL_FLIP] * [1.0, -1.0, -1.0])
    np.testing.assert_allclose(mirrored[arrays["mirror"]] * SIGN, vertices, atol=2e-6)


def test_skinning_weights(body):
    weights = body.skin_weights
    assert weights.min() >= 0
    assert ((weights > 0).sum(1) <= 4).all()
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-6)
    assert (weights.max(0) > 0.4).all()  # Every joint carries some skin.


def test_rest_skeleton_is_a_person_in_t_pose(body, rest_joints):
    regressor = body.joint_regressor
    assert regressor.min() >= 0
    np.testing.assert_allclose(regressor.sum(1), 1.0, atol=1e-6)
    np.testing.assert_allclose(rest_joints[0], 0.0, atol=1e-6)
    assert (rest_joints[SMPL_LEFT, 0] > 0.02).all()
    height = rest_joints[:, 1]
    for upper, lower in (
        (0, 1),
        (1, 4),
        (4, 7),
        (7, 10),
        (3, 0),
        (6, 3),
        (9, 6),
        (12, 9),
        (15, 12),
    ):
        assert height[upper] > height[lower]
    arm = rest_joints[[16, 18, 20, 22]]
    assert np.ptp(arm[:, 1:], axis=0).max() < 0.02  # Arms straight out along x.
    assert (np.diff(arm[:, 0]) > 0.08).all()
    assert rest_joints[10, 2] - rest_joints[7, 2] > 0.1  # Feet point to +z.
    assert 1.65 < np.ptp(body.template[:, 1]) < 1.78


def test_first_beta_makes_taller(body):
    heights = [
        np.ptp((body.template + beta * body.shape_basis[..., 0])[:, 1]) for beta in (-3, 0, 3)
    ]
    assert 1.38 < heights[0] < 1.48
    assert 1.95 < heights[2] < 2.05
    sizes = np.sqrt(np.square(body.shape_basis).sum((0, 1)))
    assert (np.diff(sizes) < 0.25 * sizes[:-1]).all()  # Strongest first, about.


def test_pose_directions_keep_volume_in_a_squat(body, rest_joints):
    def litres(vertices):
        return 1000 * trimesh.Trimesh(vertices, body.faces, process=False).volume

    rest = litres(body.template)
    vertices, _ = pose_body(body, _squat())
    turns, shifts = skinning.bone_transforms(
        rest_joints, Rotation.from_rotvec(_squat()).as_matrix()
    )
    matrices, translations = skinning.linear_blend(body.skin_weights, turns, shifts)
    plain = np.einsum("vab,vb->va", matrices, body.template) + translations
    assert litres(plain) < 0.92 * rest
    assert litres(vertices) > litres(plain) + 2.5
    assert litres(vertices) < 1.02 * rest


@pytest.mark.parametrize("name", sorted(FLIPS))
def test_keypoint_regressors_know_left_from_right(body, arrays, name):
    matrix = body.regressor(name)
    assert len(matrix) == len(FLIPS[name])
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(1), 1.0, atol=1e-5)
    np.testing.assert_allclose(matrix[FLIPS[name]][:, arrays["mirror"]], matrix, atol=1e-6)
    x = (matrix @ body.template)[:, 0]
    right = [FLIPS[name][row] for row in LEFT[name]]
    central = sorted(set(range(len(x))) - set(LEFT[name]) - set(right))
    assert (x[LEFT[name]] > 0.02).all()
    assert (x[right] < -0.02).all()
    np.testing.assert_allclose(x[central], 0.0, atol=1e-6)


def test_keypoint_sets_agree(body):
    j24 = body.regressor("j24")
    np.testing.assert_array_equal(body.regressor("cocoplus"), j24[[*range(14), 19, 20, 21, 22, 23]])
    np.testing.assert_array_equal(body.regressor("extra"), j24[[2, 3, 12, 13, 14, 15, 16, 17, 18]])
    np.testing.assert_array_equal(
        body.regressor("h36m"), j24[[14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]]
    )


def test_keypoints_sit_where_their_names_say(body, rest_joints):
    j24 = body.regressor("j24") @ body.template
    neck, crown, pelvis, thorax, spine, jaw, head, nose, left_eye, _, left_ear, _ = j24[12:]
    distances = np.linalg.norm(j24[:12] - rest_joints[LSP_TO_SMPL], axis=1)
    assert distances.max() < 0.01
    shoulder_height = rest_joints[16, 1]
    assert shoulder_height < thorax[1] < neck[1] < rest_joints[12, 1]
    assert crown[1] > body.template[:, 1].max() - 0.005
    assert jaw[1] < head[1] < crown[1]
    assert pelvis[1] == pytest.approx(rest_joints[[1, 2], 1].mean(), abs=0.01)
    assert pelvis[1] + 0.15 < spine[1] < thorax[1] - 0.15
    assert nose[2] > body.template[body.template[:, 1] > 0.55, 2].max() - 0.002
    assert left_eye[1] > nose[1] + 0.02
    assert left_ear[2] < left_eye[2] - 0.06
    assert nose[1] < left_ear[1] < left_eye[1] + 0.01


def test_keypoints_follow_the_joints_in_real_motion(body):
    clips = motion_clips.load_clips()
    poses = np.concatenate([clip.pose_axis_angle[::20] for clip in clips.values()])
    betas = np.random.default_rng(1).standard_normal((len(poses), 10))
    errors = []
    for pose, beta in zip(poses, betas):
        vertices, joints = pose_body(body, pose, beta)
        keypoints = body.regressor("cocoplus")[:12] @ vertices
        errors.append(np.linalg.norm(keypoints - joints[LSP_TO_SMPL], axis=1))
    assert np.mean(errors) < 0.005
    assert np.mean(errors, axis=0).max() < 0.01


def test_surface_points(arrays):
    points = dict(zip(arrays["extra_names"].tolist(), arrays["extra_ids"].tolist()))
    template, mirror = arrays["v_template"], arrays["mirror"]
    assert mirror[points["nose"]] == points["nose"]
    assert mirror[points["head_top"]] == points["head_top"]
    for name, vertex in points.items():
        if name.startswith("left_"):
            assert points[name.replace("left", "right")] == mirror[vertex]
            assert template[vertex, 0] > 0.02
    assert template[points["left_heel"], 2] < template[points["left_big_toe"], 2] - 0.2
    assert template[points["left_small_toe"], 0] > template[points["left_big_toe"], 0]
    reach = template[points["left_middle_tip"], 0]
    assert reach > template[:, 0].max() - 0.01
    # Palms face down: the thumb points forward.
    assert template[points["left_thumb_tip"], 2] > template[points["left_pinky_tip"], 2] + 0.08
