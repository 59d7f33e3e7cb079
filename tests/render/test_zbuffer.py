"""The z-buffer against a brute-force ray caster (Moeller and Trumbore's intersection, float64)."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.render import zbuffer

INTRINSICS = (30.0, 34.0, 11.3, 9.6)
HEIGHT, WIDTH = 20, 24


def cast_rays(vertices, faces, intrinsics, height, width, samples, cull, near=0.01):
    """Returns face [rows, columns] and depth by testing every ray against every face."""
    fx, fy, cx, cy = intrinsics
    u = (np.arange(width * samples) + 0.5) / samples - 0.5
    v = (np.arange(height * samples) + 0.5) / samples - 0.5
    rays = np.stack(np.broadcast_arrays((u - cx) / fx, ((v - cy) / fy)[:, None], 1.0), axis=-1)
    rays = rays.reshape(-1, 1, 3)
    a, b, c = (vertices[faces[:, corner]][None] for corner in range(3))
    with np.errstate(all="ignore"):
        across = np.cross(rays, c - a)
        determinant = ((b - a) * across).sum(-1)
        beta = (-a * across).sum(-1) / determinant
        turned = np.cross(-a, b - a)
        gamma = (rays * turned).sum(-1) / determinant
        depth = ((c - a) * turned).sum(-1) / determinant
        hit = (beta >= 0) & (gamma >= 0) & (beta + gamma <= 1) & (depth > near)
        if cull:
            hit &= determinant > 0
    depth = np.where(hit, depth, np.inf)
    face = np.where(hit.any(axis=1), depth.argmin(axis=1), -1)
    shape = (height * samples, width * samples)
    return face.reshape(shape), depth.min(axis=1).reshape(shape)


def scan_to_images(scan, samples):
    face = np.full((HEIGHT * samples, WIDTH * samples), -1)
    depth = np.full(face.shape, np.inf)
    top, left, rows, columns = (size * samples for size in scan.box)
    part = slice(top, top + rows), slice(left, left + columns)
    if scan.seen.size:
        at = np.unravel_index(scan.seen, (rows, columns))
        face[part][at] = scan.face
        depth[part][at] = 1 / scan.inverse_depth
    return face, depth


def random_soup(seed, num_faces, scale):
    random = np.random.default_rng(seed)
    centres = random.uniform([-1.5, -1.2, 0.5], [1.5, 1.2, 4.0], (num_faces, 1, 3))
    corners = centres + scale * random.normal(size=(num_faces, 3, 3))
    return corners.reshape(-1, 3), np.arange(3 * num_faces).reshape(-1, 3)


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("cull", [True, False])
@pytest.mark.parametrize(("num_faces", "scale"), [(8, 2.0), (60, 0.5), (400, 0.08)])
def test_equals_ray_casting(num_faces, scale, cull, samples):
    """Faces, depths and coverage agree, with faces that cross the near plane and the borders."""
    vertices, faces = random_soup(num_faces, num_faces, scale)
    scan = zbuffer.scan_mesh(vertices, faces, INTRINSICS, HEIGHT, WIDTH, samples, cull)
    face, depth = scan_to_images(scan, samples)
    expected_face, expected_depth = cast_rays(
        vertices, faces, INTRINSICS, HEIGHT, WIDTH, samples, cull
    )
    np.testing.assert_array_equal(face >= 0, expected_face >= 0)
    seen = face >= 0
    assert seen.any()
    np.testing.assert_allclose(depth[seen], expected_depth[seen], rtol=2e-5)
    # Where two faces intersect exactly at a sample, either may win; that is rare.
    assert np.mean(face[seen] != expected_face[seen]) < 2e-3


def test_some_faces_of_the_soup_cross_the_near_plane():
    vertices, faces = random_soup(8, 8, 2.0)
    depth = vertices[faces][..., 2]
    assert ((depth.min(axis=1) < 0) & (depth.max(axis=1) > 0)).any()


def test_shared_edges_through_sample_centres_have_neither_holes_nor_doubles():
    """A fan whose spokes pass through sample centres covers its square exactly once."""
    size = 16
    grid = np.array([[0, 0], [8, 0], [16, 0], [16, 8], [16, 16], [8, 16], [0, 16], [0, 8], [8, 8]])
    vertices = np.concatenate([grid, np.full((9, 1), 1.0)], axis=1)
    faces = np.array([[8, (k + 1) % 8, k] for k in range(8)])
    covered = 0
    for face in faces:
        scan = zbuffer.scan_mesh(
            vertices, face[None], (1.0, 1.0, 0.0, 0.0), size + 1, size + 1, 1, True
        )
        covered += scan.seen.size
    assert covered == size * size  # [0, 16) x [0, 16)
    whole = zbuffer.scan_mesh(vertices, faces, (1.0, 1.0, 0.0, 0.0), size + 1, size + 1, 1, True)
    assert whole.seen.size == size * size


def test_interpolation_is_linear_in_space_not_on_the_screen():
    """Interpolated corner positions are the points where the rays meet the face."""
    vertices = np.array([[-1.0, -0.8, 1.0], [1.0, -0.5, 6.0], [0.1, 1.2, 2.0]])
    faces = np.array([[0, 2, 1]])
    scan = zbuffer.scan_mesh(vertices, faces, INTRINSICS, HEIGHT, WIDTH, 1, False)
    top, left, _, columns = scan.box
    points = scan.interpolate(vertices[faces], columns)
    row, column = np.divmod(scan.seen, columns)
    fx, fy, cx, cy = INTRINSICS
    assert scan.seen.size > 50
    np.testing.assert_allclose(points[:, 2], 1 / scan.inverse_depth, rtol=1e-4)
    np.testing.assert_allclose(points[:, 0] / points[:, 2] * fx + cx, column + left, atol=1e-3)
    np.testing.assert_allclose(points[:, 1] / points[:, 2] * fy + cy, row + top, atol=1e-3)


def test_batches_of_samples_give_the_same_result(monkeypatch):
    vertices, faces = random_soup(7, 200, 0.5)
    arguments = (vertices, faces, INTRINSICS, HEIGHT, WIDTH, 2, True)
    once = zbuffer.scan_mesh(*arguments)
    monkeypatch.setattr(zbuffer, "_SAMPLES_AT_ONCE", 100)
    many = zbuffer.scan_mesh(*arguments)
    np.testing.assert_array_equal(once.seen, many.seen)
    np.testing.assert_array_equal(once.inverse_depth, many.inverse_depth)
    np.testing.assert_array_equal(once.face, many.face)


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (np.zeros((4, 2)), np.zeros((1, 3), int), r"vertices must be \[V, 3\]; received \[4, 2\]"),
        (np.zeros((4, 3)), np.zeros((1, 4), int), r"faces must be \[F, 3\] integers"),
        (np.zeros((4, 3)), np.zeros((1, 3)), r"faces must be \[F, 3\] integers"),
        (np.zeros((4, 3)), np.array([[0, 1, 4]]), "index the 4 vertices; received indices 0 to 4"),
    ],
)
def test_bad_meshes_are_refused(vertices, faces, message):
    with pytest.raises(ValueError, match=message):
        zbuffer.scan_mesh(vertices, faces, INTRINSICS, HEIGHT, WIDTH, 1, True)


@pytest.mark.parametrize("intrinsics", [(1.0, 1.0, 0.0), (np.nan, 1.0, 0.0, 0.0)])
def test_bad_cameras_are_refused(intrinsics):
    vertices, faces = random_soup(0, 2, 0.1)
    with pytest.raises(ValueError, match="intrinsics must be fx, fy, cx, cy in px; received"):
        zbuffer.scan_mesh(vertices, faces, intrinsics, HEIGHT, WIDTH, 1, True)
