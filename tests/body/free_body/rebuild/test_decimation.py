"""Symmetric decimation of a ball."""

import numpy as np
import pytest
import trimesh

from hmr_tf.body.free_body.rebuild import decimation, symmetry


@pytest.fixture(scope="module")
def ball():
    mesh = trimesh.creation.icosphere(subdivisions=3)
    vertices = np.array(mesh.vertices) * [1.0, 1.7, 0.8]
    mirrored = vertices * [-1.0, 1.0, 1.0]
    mirror = np.linalg.norm(vertices[:, None] - mirrored[None], axis=2).argmin(0)
    vertices = symmetry.symmetric_vectors(vertices, mirror)
    return vertices, np.array(mesh.faces), mirror


def _decimate(ball, count, weights=None, visible=None):
    vertices, faces, mirror = ball
    weights = np.zeros((len(vertices), 24)) if weights is None else weights
    visible = np.ones(len(faces), bool) if visible is None else visible
    return decimation.decimate(vertices, faces, weights, visible, mirror, count)


@pytest.mark.parametrize(("count", "kept_volume"), [(500, 0.985), (201, 0.94), (100, 0.9)])
def test_result_is_closed_symmetric_and_exact_in_number(ball, count, kept_volume):
    vertices, _, mirror = ball
    kept, faces = _decimate(ball, count)
    assert len(kept) == count and len(faces) == 2 * count - 4
    mesh = trimesh.Trimesh(vertices[kept], faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.euler_number == 2
    new_number = {old: new for new, old in enumerate(kept.tolist())}
    partner = np.array([new_number[old] for old in mirror[kept].tolist()])
    symmetry.mirrored_faces(faces, partner)  # Raises if one has no image.
    original = trimesh.Trimesh(vertices, ball[1], process=False)
    assert mesh.volume > kept_volume * original.volume


def test_hidden_parts_lose_more_vertices(ball):
    vertices, faces, _ = ball
    visible = vertices[faces][:, :, 1].mean(1) > 0
    kept, _ = _decimate(ball, 320, visible=visible)
    heights = vertices[kept, 1]
    assert (heights > 0.2).sum() > 3 * (heights < -0.2).sum()


def test_edges_across_a_change_of_weights_last_longer(ball):
    vertices, _, _ = ball
    weights = np.zeros((len(vertices), 24))
    share = np.clip(0.5 + vertices[:, 1] / 0.4, 0, 1)
    weights[:, 3], weights[:, 6] = share, 1 - share
    plain, _ = _decimate(ball, 200)
    skinned, _ = _decimate(ball, 200, weights=100 * weights)

    def in_band(kept):
        return (np.abs(vertices[kept, 1]) < 0.25).sum()

    assert in_band(skinned) > 1.2 * in_band(plain)


def test_asking_for_too_little_is_an_error(ball):
    with pytest.raises(RuntimeError, match="Decimation stopped at"):
        _decimate(ball, 2)
