"""What predict leaves for one image."""

import cv2
import numpy as np
import pytest
import trimesh
from toy_body import toy_body

from hmr_tf import outputs
from hmr_tf.body import posing
from hmr_tf.exporters import prediction_files

HEIGHT, WIDTH, FOCAL = 120, 160, 350.0


def _estimate(people=1):
    """Upright toy bodies side by side in the camera's frame."""
    body = toy_body()
    pose = np.zeros(72, np.float32)
    pose[0] = np.pi
    vertices, joints = posing.pose_body(body, pose, np.zeros(10, np.float32))
    turned = np.tile(np.eye(3, dtype=np.float32), (people, 24, 1, 1))
    turned[:, 0] = np.diag([1, -1, -1])
    offset = np.zeros((people, 3), np.float32)
    offset[:, 0] = np.arange(people) - (people - 1) / 2
    offset[:, 2] = 6.0 + np.arange(people)
    return body, {
        outputs.ROTATIONS: turned,
        outputs.BETAS: np.zeros((people, 10), np.float32),
        outputs.CAMERA: np.tile(np.float32([0.9, 0, 0]), (people, 1)),
        outputs.SMPL_JOINTS_3D: np.tile(joints.astype(np.float32), (people, 1, 1)),
        outputs.VERTICES: np.tile(vertices.astype(np.float32), (people, 1, 1)),
        outputs.TRANSLATION: offset,
        outputs.FOCAL_LENGTH_PX: np.full(people, FOCAL, np.float32),
    }


@pytest.fixture
def image():
    return np.full((HEIGHT, WIDTH, 3), (10, 120, 30), np.uint8)


def test_one_person(tmp_path, image):
    body, estimate = _estimate()
    stem = str(tmp_path / "new" / "photo")
    written = prediction_files.save_prediction(stem, image, estimate, body.faces)
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["photo.npz", "photo.obj", "photo_overlay.png", "photo_side.png"]
    assert sorted(written) == [str(tmp_path / "new" / name) for name in names]

    loaded = np.load(stem + ".npz")
    for key, value in estimate.items():
        np.testing.assert_array_equal(loaded[key], value)
    np.testing.assert_allclose(np.abs(loaded["pose_axis_angle"][0, :3]), [np.pi, 0, 0], atol=1e-3)
    np.testing.assert_allclose(loaded["pose_axis_angle"][0, 3:], 0, atol=1e-6)
    assert loaded["image_size_hw"].tolist() == [HEIGHT, WIDTH] and "boxes_xyxy" not in loaded
    np.testing.assert_array_equal(loaded["faces"], body.faces)

    mesh = trimesh.load(stem + ".obj", process=False)
    head = loaded["smpl_joints_3d"][0, 15]
    assert head[1] < -0.4 and mesh.vertices[:, 1].max() > -head[1]  # Head up in the file.
    np.testing.assert_allclose(
        np.ptp(mesh.vertices, 0), np.ptp(loaded["vertices"][0], 0), atol=1e-5
    )


def test_the_overlay_shows_the_body_where_it_projects(image):
    body, estimate = _estimate()
    drawn = prediction_files.draw_overlay(image, estimate, body.faces)
    assert drawn.shape == image.shape
    changed = np.argwhere((drawn != image).any(axis=-1))
    points = estimate["vertices"][0] + estimate["translation"][0]
    pixels = FOCAL * points[:, :2] / points[:, 2:] + [(WIDTH - 1) / 2, (HEIGHT - 1) / 2]
    np.testing.assert_allclose(changed.min(0), pixels.min(0)[::-1], atol=1.5)
    np.testing.assert_allclose(changed.max(0), pixels.max(0)[::-1], atol=1.5)


def test_a_large_photograph_is_drawn_smaller_in_the_same_place(monkeypatch, image):
    body, estimate = _estimate()
    plain = prediction_files.draw_overlay(image, estimate, body.faces)
    monkeypatch.setattr(prediction_files, "MAX_OVERLAY_SIDE", WIDTH)
    large = cv2.resize(image, (4 * WIDTH, 4 * HEIGHT), interpolation=cv2.INTER_NEAREST)
    estimate[outputs.FOCAL_LENGTH_PX] = 4 * estimate[outputs.FOCAL_LENGTH_PX]
    small = prediction_files.draw_overlay(large, estimate, body.faces)
    assert small.shape == image.shape
    assert np.abs(small.astype(int) - plain).max() <= 2


@pytest.mark.parametrize("people", [2, 6])
def test_several_people(tmp_path, image, people):
    body, estimate = _estimate(people)
    boxes = np.tile(np.float32([1, 2, 3, 4]), (people, 1))
    stem = str(tmp_path / "photo")
    prediction_files.save_prediction(stem, image, estimate, body.faces, boxes)
    meshes = sorted(path.name for path in tmp_path.glob("*.obj"))
    assert meshes == [f"photo_{k + 1}.obj" for k in range(people)]
    loaded = np.load(stem + ".npz")
    assert loaded["vertices"].shape[0] == people
    np.testing.assert_array_equal(loaded["boxes_xyxy"], boxes)


def test_numbers_that_are_not_finite_leave_the_photograph(image):
    body, estimate = _estimate()
    estimate[outputs.VERTICES][0, 0] = np.nan
    estimate[outputs.TRANSLATION][0, 2] = np.inf
    np.testing.assert_array_equal(prediction_files.draw_overlay(image, estimate, body.faces), image)


def test_names_do_not_collide():
    paths = ["a/photo.jpg", "a/photo.png", "a/other.jpg", "a/v1.2.jpg"]
    names = prediction_files.distinct_names(paths)
    assert names == ["photo_jpg", "photo_png", "other", "v1.2"]
