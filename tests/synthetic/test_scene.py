from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.body.model_file import load_body
from hmr_tf.body.posing import pose_body
from hmr_tf.synthetic import motion_sources, people, poses, scene
from tfrecords_tools.skeletons import COCOPLUS19, J24, LSP14, SMPL24

LEVEL = Rotation.from_rotvec([np.pi, 0, 0])


@pytest.fixture(scope="module")
def body():
    return load_body("free_body")


@pytest.fixture(scope="module")
def draw_person(body):
    rest = body.joint_regressor @ body.template
    sampler = poses.PoseSampler(motion_sources.load_motions()["test"], rest, poses.RECORDED)
    return lambda seed: people.sample_person(np.random.default_rng([7, seed]), sampler)


@pytest.fixture(scope="module")
def grey_photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "grey.png"
    cv2.imwrite(str(path), np.full((300, 300, 3), 30, np.uint8))
    return str(path)


def standing(yaw_deg):
    """Returns a person with hanging arms who has turned to the own left by an angle."""
    pose = np.zeros((24, 3))
    pose[0] = (LEVEL * Rotation.from_rotvec([0, np.radians(yaw_deg), 0])).as_rotvec()
    pose[SMPL24.index("left_shoulder"), 2] = np.radians(-75)
    pose[SMPL24.index("right_shoulder"), 2] = np.radians(75)
    return people.Person(
        pose.ravel().astype(np.float32), np.zeros(10, np.float32), LEVEL.as_matrix(), "standing"
    )


def test_labels_are_the_projected_truth(body, draw_person):
    renderer = scene.SceneRenderer(body)
    for seed in range(4):
        person = draw_person(seed)
        drawn = renderer.draw(np.random.default_rng(seed), person)
        fx, fy, cx, cy = drawn.intrinsics.astype(float)
        assert (cx, cy) == (111.5, 111.5) and fx == fy
        joints = drawn.joints_3d[:14].astype(float) + drawn.translation
        expected = joints[:, :2] / joints[:, 2:] * [fx, fy] + [cx, cy]
        np.testing.assert_allclose(drawn.keypoints[:, :2], expected, atol=1e-2)
        vertices, _ = pose_body(body, person.pose_axis_angle, person.betas)
        np.testing.assert_allclose(
            body.regressor("cocoplus") @ vertices, drawn.joints_3d, atol=1e-5
        )
        np.testing.assert_allclose(body.regressor("j24") @ vertices, drawn.joints_24_3d, atol=1e-5)
        assert len(COCOPLUS19.joints) == 19 and len(J24.joints) == 24
        np.testing.assert_allclose(drawn.joints_24_3d[:14], drawn.joints_3d[:14], atol=1e-5)


def test_size_and_place_follow_the_options(body, draw_person):
    for size in (96, 224):
        options = scene.SceneOptions(size, min_size_px=140, max_size_px=150, occluder_share=0.0)
        renderer = scene.SceneRenderer(body, options)
        for seed in range(6):
            drawn = renderer.draw(np.random.default_rng(seed), draw_person(seed))
            assert drawn.image.shape == (size, size, 3) and drawn.image.dtype == np.uint8
            low, high = drawn.keypoints[:, :2].min(0), drawn.keypoints[:, :2].max(0)
            diagonal = np.linalg.norm(high - low) * 224 / size
            assert 138 < diagonal < 152
            off = np.abs((low + high) / 2 - (size - 1) / 2).max()
            assert off < 0.085 * size
            assert low.min() > 0 and high.max() < size - 1
            assert drawn.covered == 0.0
    assert drawn.translation[2] > 2


def test_the_body_in_the_picture_lies_where_the_labels_say(body, draw_person, grey_photo):
    """Before a plain wall the person can be cut out; visible joints lie on the person."""
    options = scene.SceneOptions(224, occluder_share=0.0, background_photos=(grey_photo,))
    renderer = scene.SceneRenderer(body, options)
    on_person, total = 0, 0
    for seed in range(8):
        drawn = renderer.draw(np.random.default_rng([1, seed]), draw_person(seed))
        smooth = cv2.GaussianBlur(drawn.image, (5, 5), 0).astype(int)
        wall = np.median(drawn.image.reshape(-1, 3), axis=0)
        is_person = np.abs(smooth - wall).max(axis=-1) > 12
        is_person = cv2.dilate(is_person.astype(np.uint8), np.ones((3, 3))) > 0
        assert 0.02 < is_person.mean() < 0.5
        rows, columns = np.nonzero(is_person)
        for x, y, hidden in drawn.keypoints:
            if not hidden:
                on_person += is_person[round(y), round(x)]
                total += 1
        # And nothing of the person lies far from the box around the joints.
        assert columns.min() > drawn.keypoints[:, 0].min() - 30
        assert columns.max() < drawn.keypoints[:, 0].max() + 30
        assert rows.min() > drawn.keypoints[:, 1].min() - 30
    assert total > 60
    assert on_person / total > 0.95


def test_left_is_left_and_up_is_up(body):
    """Who faces the camera has the left hand on the picture's right and the head at the top."""
    renderer = scene.SceneRenderer(body)
    left, right = LSP14.index("left_wrist"), LSP14.index("right_wrist")
    head, ankle = LSP14.index("head_top"), LSP14.index("left_ankle")
    for yaw, sign in ((0, 1), (180, -1)):
        keypoints = renderer.draw(np.random.default_rng(0), standing(yaw)).keypoints
        assert sign * (keypoints[left, 0] - keypoints[right, 0]) > 20
        assert keypoints[head, 1] < keypoints[ankle, 1] - 80


def test_the_far_arm_is_flagged_in_profile(body):
    """Turned to the own left, one shows the right side; the left elbow is behind the trunk."""
    renderer = scene.SceneRenderer(body, scene.SceneOptions(occluder_share=0.0))
    for yaw, near, far in ((90, "right", "left"), (-90, "left", "right")):
        flags = renderer.draw(np.random.default_rng(3), standing(yaw)).keypoints[:, 2]
        assert flags[LSP14.index(f"{near}_elbow")] == 0
        assert flags[LSP14.index(f"{near}_shoulder")] == 0
        assert flags[LSP14.index(f"{far}_elbow")] == 1
        assert flags[LSP14.index(f"{far}_shoulder")] == 1
    flags = renderer.draw(np.random.default_rng(3), standing(0)).keypoints[:, 2]
    assert not flags.any()


def test_occluders_cover_a_part_and_flag_joints(body, draw_person):
    bare = scene.SceneRenderer(body, scene.SceneOptions(occluder_share=0.0))
    hidden = scene.SceneRenderer(body, scene.SceneOptions(occluder_share=1.0))
    more_flags, covered = 0, []
    for seed in range(12):
        person = draw_person(seed)
        without = bare.draw(np.random.default_rng(seed), person)
        behind = hidden.draw(np.random.default_rng(seed), person)
        np.testing.assert_allclose(without.keypoints[:, :2], behind.keypoints[:, :2])
        assert (behind.keypoints[:, 2] >= without.keypoints[:, 2]).all()
        more_flags += int((behind.keypoints[:, 2] - without.keypoints[:, 2]).sum())
        covered.append(behind.covered)
    assert max(covered) < 0.4 and np.mean(np.array(covered) > 0) > 0.5
    assert more_flags > 8


def test_joints_outside_of_the_picture_are_flagged():
    depth = np.full((10, 10), 5.0)
    joints = np.tile([0.0, 0.0, 5.0], (14, 1))
    joints[3] = [9.0, 0.0, 5.0]
    labels = scene._label(joints, (5.0, 5.0, 4.5, 4.5), depth, np.zeros((10, 10), bool))
    assert labels[3].tolist() == [13.5, 4.5, 1.0]
    assert labels[:, 2].sum() == 1


def test_equal_seeds_draw_equal_pictures(body, draw_person):
    renderer = scene.SceneRenderer(body)
    first, again, other = (
        renderer.draw(np.random.default_rng(seed), draw_person(0)).image for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_jpeg_keeps_the_picture_and_its_channel_order():
    image = np.zeros((32, 32, 3), np.uint8)
    image[..., 0] = 250
    content = scene.encode_jpeg(image, 95)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert decoded[..., 2].mean() > 240 and decoded[..., 0].mean() < 10
