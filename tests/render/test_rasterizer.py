"""Rendered images: coverage, colours, orientation, back faces, depth, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.render import rasterizer, shading

FLAT = shading.Light(color=(0.0, 0.0, 0.0), ambient=(1.0, 1.0, 1.0), highlight=0.0)
# Seen from the camera (negative z side) the corners run counter-clockwise.
QUAD = np.array([[0, 2, 1], [0, 3, 2]])


def quad(x0, y0, x1, y1, z):
    """Returns a rectangle that faces the camera, corners clockwise on the screen."""
    return np.array([[x0, y0, z], [x1, y0, z], [x1, y1, z], [x0, y1, z]], float)


def sphere(radius=1.0, rings=24, segments=36):
    theta = np.linspace(0, np.pi, rings + 1)[1:-1]
    phi = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    around = np.stack(
        [
            np.outer(np.sin(theta), np.cos(phi)),
            np.repeat(np.cos(theta)[:, None], segments, axis=1),
            np.outer(np.sin(theta), np.sin(phi)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = radius * np.concatenate([around, [[0, 1, 0], [0, -1, 0]]])
    north, south = len(around), len(around) + 1
    faces = []
    for k in range(segments):
        after = (k + 1) % segments
        faces.append([north, after, k])
        last = (rings - 2) * segments
        faces.append([south, last + k, last + after])
        for ring in range(rings - 2):
            a, b = ring * segments + k, ring * segments + after
            faces += [[a, b, a + segments], [b, b + segments, a + segments]]
    return vertices, np.array(faces)


def test_sphere_faces_point_outwards():
    vertices, faces = sphere()
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    assert ((np.cross(b - a, c - a) * a).sum(axis=1) > 0).all()


def test_right_is_right_and_down_is_down():
    """A small square at x > 0, y > 0 appears in the lower right quarter, to the pixel."""
    vertices = quad(0.1, 0.2, 0.3, 0.5, 1.0)
    image, depth = rasterizer.render_mesh(vertices, QUAD, (100, 100, 49.5, 49.5), 100, 100)
    rows, columns = np.nonzero(image[..., 3] > 0.99)
    # x from 49.5 + 10 to 49.5 + 30: pixels 60 to 79 (centres at integers, edges at halves).
    assert (columns.min(), columns.max()) == (60, 79)
    assert (rows.min(), rows.max()) == (70, 99)
    np.testing.assert_allclose(depth[image[..., 3] > 0], 1.0, rtol=1e-6)
    assert np.isinf(depth[image[..., 3] == 0]).all()


@pytest.mark.parametrize("samples", [1, 2, 4])
def test_coverage_is_the_covered_area(samples):
    """A square that covers 5.5 x 3.25 pixels has that area, edge pixels their share."""
    vertices = quad(10.5, 20.5, 16.0, 23.75, 1.0)
    image, _ = rasterizer.render_mesh(vertices, QUAD, (1, 1, 0, 0), 40, 40, samples=samples)
    area = image[..., 3].sum()
    assert area == pytest.approx(5.5 * 3.25, rel={1: 0.2, 2: 0.1, 4: 1e-6}[samples])
    if samples == 4:
        assert image[22, 16, 3] == pytest.approx(0.5)
        assert image[24, 12, 3] == pytest.approx(0.25)


def test_a_sphere_is_round_and_its_edge_is_smooth():
    vertices, faces = sphere(radius=0.5, rings=64, segments=96)
    focal, distance = 200.0, 4.0
    center = np.array([0.0, 0.0, distance])
    image, depth = rasterizer.render_mesh(
        vertices + center, faces, (focal, focal, 31.7, 32.2), 64, 64, samples=4
    )
    radius_px = focal * 0.5 / np.sqrt(distance**2 - 0.25)
    assert image[..., 3].sum() == pytest.approx(np.pi * radius_px**2, rel=0.01)
    row, column = np.mgrid[:64, :64]
    middle = [(grid * image[..., 3]).sum() / image[..., 3].sum() for grid in (column, row)]
    np.testing.assert_allclose(middle, [31.7, 32.2], atol=0.02)
    assert depth.min() == pytest.approx(distance - 0.5, abs=2e-3)
    assert len(np.unique(image[..., 3])) > 8


def test_back_faces_are_culled_or_kept():
    vertices = quad(-0.5, -0.5, 0.5, 0.5, 2.0)
    turned = QUAD[:, ::-1]
    intrinsics = (40.0, 40.0, 15.5, 15.5)
    assert not rasterizer.render_mesh(vertices, turned, intrinsics, 32, 32)[0].any()
    kept, _ = rasterizer.render_mesh(vertices, turned, intrinsics, 32, 32, cull_back_faces=False)
    seen, _ = rasterizer.render_mesh(vertices, QUAD, intrinsics, 32, 32)
    np.testing.assert_array_equal(kept[..., 3], seen[..., 3])


def test_nearer_faces_hide_farther_ones_in_any_order():
    vertices = np.concatenate([quad(-2, -2, 2, 2, 2.0), quad(-0.53, -0.53, 1.5, 1.5, 1.0)])
    colors = np.repeat([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], 4, axis=0)
    intrinsics = (10.0, 10.0, 15.5, 15.5)
    for faces in (np.concatenate([QUAD, QUAD + 4]), np.concatenate([QUAD + 4, QUAD])):
        image, depth = rasterizer.render_mesh(
            vertices, faces, intrinsics, 32, 32, colors, light=FLAT
        )
        np.testing.assert_allclose(image[16, 16], [0, 0, 1, 1])
        np.testing.assert_allclose(image[10, 10, :3], [0.75, 0, 0.25], atol=1e-6)
        assert depth[16, 16] == pytest.approx(1.0)


def test_colors_blend_linearly_over_a_face():
    """A ramp from black to white across a square seen head-on is linear in x."""
    vertices = quad(0.0, 0.0, 20.0, 20.0, 1.0)
    colors = np.array([[0.0] * 3, [1.0] * 3, [1.0] * 3, [0.0] * 3])
    image, _ = rasterizer.render_mesh(vertices, QUAD, (1, 1, 0, 0), 20, 20, colors, light=FLAT)
    inner = image[3:17, 3:17, 0]
    np.testing.assert_allclose(inner, np.tile(np.arange(3, 17) / 20, (14, 1)), atol=1e-5)


def test_rasterize_gives_faces_and_weights():
    vertices = quad(-1.0, -1.0, 1.0, 1.0, 2.0)
    vertices[2:, 2] = 3.0
    surface = rasterizer.rasterize(vertices, QUAD, (20.0, 20.0, 15.5, 15.5), 32, 32)
    seen = surface.face_index >= 0
    assert set(surface.face_index[seen].tolist()) == {0, 1}
    np.testing.assert_allclose(surface.barycentric[seen].sum(axis=-1), 1.0, rtol=1e-6)
    corners = vertices[QUAD[surface.face_index[seen]]]
    points = np.einsum("sc,scx->sx", surface.barycentric[seen], corners)
    np.testing.assert_allclose(points[:, 2], surface.depth[seen], rtol=1e-5)
    row, column = np.nonzero(seen)
    np.testing.assert_allclose(points[:, 0] / points[:, 2] * 20 + 15.5, column, atol=1e-3)
    np.testing.assert_allclose(points[:, 1] / points[:, 2] * 20 + 15.5, row, atol=1e-3)


@pytest.mark.parametrize("what", ["behind", "aside", "nan", "infinite", "no faces", "flat"])
def test_nothing_to_see_gives_an_empty_image(what):
    vertices, faces = quad(-1, -1, 1, 1, 2.0), QUAD
    if what == "behind":
        vertices[:, 2] = -2.0
    elif what == "aside":
        vertices[:, 0] += 100.0
    elif what == "nan":
        vertices[:] = np.nan
    elif what == "infinite":
        vertices[:, 2] = np.inf
    elif what == "no faces":
        faces = np.zeros((0, 3), int)
    else:
        vertices[:, 1] = 0.0
    image, depth = rasterizer.render_mesh(vertices, faces, (20, 20, 15.5, 15.5), 32, 32)
    assert image.shape == (32, 32, 4) and not image.any()
    assert np.isinf(depth).all()
    surface = rasterizer.rasterize(vertices, faces, (20, 20, 15.5, 15.5), 32, 32)
    assert (surface.face_index == -1).all() and not surface.barycentric.any()


def test_one_bad_vertex_spoils_only_its_faces():
    vertices, faces = sphere(radius=0.5)
    away = np.array([0.0, 0.0, 3.0])
    bad = vertices + away
    bad[0] = np.nan
    intrinsics = (60.0, 60.0, 15.5, 15.5)
    image, _ = rasterizer.render_mesh(bad, faces, intrinsics, 32, 32)
    whole, _ = rasterizer.render_mesh(vertices + away, faces, intrinsics, 32, 32)
    assert np.isfinite(image).all()
    assert image[..., 3].sum() == pytest.approx(whole[..., 3].sum(), rel=0.05)


def test_a_mesh_around_the_camera_fills_the_image():
    vertices, faces = sphere()
    image, depth = rasterizer.render_mesh(vertices, faces[:, ::-1], (16, 16, 15.5, 15.5), 32, 32)
    np.testing.assert_allclose(image[..., 3], 1.0)
    assert 0.5 < depth.min() <= depth.max() <= 1.0


def test_composite_mixes_by_coverage():
    image = np.zeros((1, 3, 4), np.float32)
    image[0, 1] = [1.0, 0.5, 0.0, 0.5]
    image[0, 2] = [1.0, 0.5, 0.0, 1.0]
    background = np.full((1, 3, 3), 100, np.uint8)
    result = rasterizer.composite(image, background)
    np.testing.assert_array_equal(result[0], [[100, 100, 100], [178, 114, 50], [255, 128, 0]])
    assert result.dtype == np.uint8
    as_float = rasterizer.composite(image, background.astype(np.float32) / 255)
    np.testing.assert_allclose(as_float[0, 1], [0.696, 0.446, 0.196], atol=1e-3)
    with pytest.raises(ValueError, match=r"background must be \[1, 3, 3\]"):
        rasterizer.composite(image, background[:, :2])


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="at least 1; received 0, 4, 2"):
        rasterizer.render_mesh(quad(0, 0, 1, 1, 1), QUAD, (1, 1, 0, 0), 0, 4)
    with pytest.raises(ValueError, match=r"vertex_colors must be \[4, 3\] or \[3\]"):
        rasterizer.render_mesh(quad(0, 0, 1, 1, 1), QUAD, (1, 1, 0, 0), 4, 4, np.zeros((5, 3)))
