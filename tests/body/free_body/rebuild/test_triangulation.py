"""Quads to triangles, visibility, areas and volumes, on boxes and balls."""

import numpy as np
import pytest
import trimesh

from hmr_tf.body.free_body.rebuild import triangulation


def _identity_mirror(vertices):
    """The partner of each vertex by its mirrored position."""
    mirrored = vertices * [-1.0, 1.0, 1.0]
    distances = np.linalg.norm(vertices[:, None] - mirrored[None], axis=2)
    return distances.argmin(0)


def test_quads_split_along_the_shorter_diagonal():
    vertices = np.array([[0, 0, 0], [2, 0, 0], [3, 1, 0], [1, 1, 0], [-1, 0, 0]], float)
    faces = triangulation.split_quads(vertices, np.array([[0, 1, 2, 3]]))
    assert {tuple(sorted(face)) for face in faces.tolist()} == {(0, 1, 3), (1, 2, 3)}
    faces = triangulation.split_quads(vertices, np.array([[3, 0, 1, 2]]))
    assert {tuple(sorted(face)) for face in faces.tolist()} == {(0, 1, 3), (1, 2, 3)}
    normals = np.cross(
        vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]]
    )
    assert (normals[:, 2] > 0).all()


def test_a_ball_inside_a_ball_is_hidden():
    outer = trimesh.creation.icosphere(subdivisions=2, radius=1.0)
    inner = trimesh.creation.icosphere(subdivisions=1, radius=0.5)
    vertices = np.concatenate([outer.vertices, inner.vertices])
    faces = np.concatenate([outer.faces, inner.faces + len(outer.vertices)])
    visible = triangulation.visible_faces(vertices, faces, _identity_mirror(vertices))
    assert visible[: len(outer.faces)].all()
    assert not visible[len(outer.faces) :].any()


def test_area_and_volume_agree_with_trimesh():
    mesh = trimesh.creation.icosphere(subdivisions=2, radius=0.3)
    vertices, faces = np.array(mesh.vertices), np.array(mesh.faces)
    areas = triangulation.vertex_areas(vertices, faces)
    assert areas.sum() == pytest.approx(mesh.area)
    assert areas.shape == (len(vertices),)
    assert triangulation.volume_litres(vertices, faces) == pytest.approx(1000 * mesh.volume)
    stacked = np.stack([vertices, 2 * vertices + 5])
    litres = triangulation.volume_litres(stacked, faces)
    np.testing.assert_allclose(litres, 1000 * mesh.volume * np.array([1, 8]))
