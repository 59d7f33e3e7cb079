from __future__ import annotations

import numpy as np
import pytest

from hmr_tf.render import shading

# A cube of side 2 around the origin; each side is two triangles, counter-clockwise from outside.
CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
CUBE_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


def test_normals_of_a_flat_sheet_and_of_a_cube():
    sheet = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    normals = shading.vertex_normals(sheet, np.array([[0, 1, 2], [0, 2, 3]]))
    np.testing.assert_allclose(normals, np.tile([0, 0, 1.0], (4, 1)))
    normals = shading.vertex_normals(CUBE, CUBE_FACES)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=1e-6)
    assert ((normals * CUBE) > 0).all()  # outwards in every coordinate


def test_normals_equal_a_loop_over_faces():
    random = np.random.default_rng(0)
    vertices, faces = random.normal(size=(20, 3)), random.integers(0, 20, (40, 3))
    expected = np.zeros((20, 3))
    for a, b, c in faces:
        normal = np.cross(vertices[b] - vertices[a], vertices[c] - vertices[a])
        for index in (a, b, c):
            expected[index] += normal
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    normals = shading.vertex_normals(vertices, faces)
    np.testing.assert_allclose(normals, expected, atol=1e-4)


def test_lonely_and_broken_vertices_have_no_normal():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9], [np.nan, 0, 0]])
    normals = shading.vertex_normals(vertices, np.array([[0, 1, 2], [0, 1, 4]]))
    np.testing.assert_array_equal(normals[3], 0)
    np.testing.assert_array_equal(normals[4], 0)
    np.testing.assert_allclose(normals[0], [0, 0, 1])


def test_light_falls_on_the_side_it_comes_from():
    light = shading.Light(direction=(0, 0, -1), highlight=0.0)
    colors = shading.shade_vertices(CUBE, CUBE_FACES, [0.8, 0.6, 0.4], light)
    towards, away = colors[CUBE[:, 2] < 0], colors[CUBE[:, 2] > 0]
    assert (towards > away + 0.1).all()
    ambient_only = np.array([0.8, 0.6, 0.4]) * 0.32
    np.testing.assert_allclose(away, np.tile(ambient_only, (4, 1)), atol=1e-6)


def test_colors_stay_in_range_and_scale_with_the_base():
    bright = shading.shade_vertices(
        CUBE, CUBE_FACES, np.ones((8, 3)), shading.Light(ambient=(5,) * 3)
    )
    np.testing.assert_array_equal(bright, 1.0)
    dull = shading.Light(highlight=0.0)
    half = shading.shade_vertices(CUBE, CUBE_FACES, np.full((8, 3), 0.2), dull)
    full = shading.shade_vertices(CUBE, CUBE_FACES, np.full((8, 3), 0.4), dull)
    np.testing.assert_allclose(2 * half, full, rtol=1e-5)
    with pytest.raises(ValueError, match=r"vertex_colors must be \[8, 3\]"):
        shading.shade_vertices(CUBE, CUBE_FACES, np.ones((3, 8)))
