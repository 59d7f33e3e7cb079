from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf.errors import ImageError
from hmr_tf.synthetic import backgrounds

LEVEL = Rotation.from_rotvec([np.pi, 0, 0]).as_matrix()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (40, 56), (224, 224)])
def test_textures_fill_any_size_with_colors(size):
    for seed in range(12):
        image = backgrounds.texture(np.random.default_rng(seed), *size)
        assert image.shape == (*size, 3) and image.dtype == np.float32
        assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1


def test_noise_has_several_octaves():
    noise = backgrounds.fractal_noise(np.random.default_rng(0), 128, 128, 1, 0.7)[..., 0]
    blurred = cv2.GaussianBlur(noise, (0, 0), 8)
    assert 0.3 < noise.std() < 1.5
    assert blurred.std() > 0.2 and (noise - blurred).std() > 0.1  # coarse and fine
    other = backgrounds.fractal_noise(np.random.default_rng(1), 128, 128, 1, 0.7)[..., 0]
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.5


def test_backgrounds_are_pictures_and_repeat():
    intrinsics = (400.0, 400.0, 55.5, 55.5)
    means = []
    for seed in range(20):
        images = [
            backgrounds.draw_background(
                np.random.default_rng(seed), 112, 112, intrinsics, LEVEL, -1.0
            )
            for _ in range(2)
        ]
        np.testing.assert_array_equal(*images)
        assert images[0].min() >= 0 and images[0].max() <= 1
        means.append(images[0].mean(axis=(0, 1)))
    assert np.std(means, axis=0).min() > 0.08


def test_the_ground_meets_the_horizon_where_the_camera_says():
    """A level camera 2 m above the ground: row 150 looks down by 1/4, so 8 m away."""
    intrinsics = (200.0, 200.0, 100.0, 100.0)
    points, distance = backgrounds._ground_points(201, 201, intrinsics, LEVEL, -2.0)
    assert np.isinf(distance[:101]).all() and np.isfinite(distance[101:]).all()
    assert distance[150, 100] == pytest.approx(8.0)
    np.testing.assert_allclose(points[150, 100], [0.0, -8.0], atol=1e-5)  # z towards the viewer
    np.testing.assert_allclose(points[150, 150], [2.0, -8.0], atol=1e-5)
    down = Rotation.from_rotvec([np.radians(20), 0, 0]).as_matrix() @ LEVEL
    _, looking_down = backgrounds._ground_points(201, 201, intrinsics, down, -2.0)
    # The horizon rises out of the middle: tan(20 deg) * 200 = 73 px.
    assert np.flatnonzero(np.isfinite(looking_down[:, 100])).min() == 28


def test_photos_are_found_cropped_and_refused(tmp_path):
    with pytest.raises(ImageError, match=r"No photographs in .* expected files ending in \.jpg"):
        backgrounds.list_photos(str(tmp_path))
    (tmp_path / "sub").mkdir()
    ramp = np.zeros((60, 200, 3), np.uint8)
    ramp[..., 2] = np.arange(200)  # OpenCV's third channel is red
    cv2.imwrite(str(tmp_path / "sub" / "ramp.png"), ramp)
    paths = backgrounds.list_photos(str(tmp_path))
    assert len(paths) == 1
    starts = set()
    for seed in range(10):
        crop = backgrounds.crop_photo(np.random.default_rng(seed), paths, 48, 48)
        assert crop.shape == (48, 48, 3) and crop[..., 1:].max() == 0
        assert (np.diff(crop[10, :, 0]) > -0.005).all() and np.ptp(crop[10, :, 0]) > 0.1
        starts.add(round(float(crop[0, 0, 0]), 3))
    assert len(starts) > 4
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    broken = [str(tmp_path / "broken.jpg")]
    with pytest.raises(ImageError, match=r"broken\.jpg' cannot be read"):
        backgrounds.crop_photo(np.random.default_rng(0), broken, 48, 48)
