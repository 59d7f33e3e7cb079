"""The shape space of a made-up population of boxes."""

import numpy as np
import pytest
import trimesh

from hmr_tf.body.free_body.rebuild import shapes


@pytest.fixture(scope="module")
def population():
    mesh = trimesh.creation.icosphere(subdivisions=2)
    vertices = np.array(mesh.vertices)
    mirrored = vertices * [-1.0, 1.0, 1.0]
    mirror = np.linalg.norm(vertices[:, None] - mirrored[None], axis=2).argmin(0)
    generator = np.random.default_rng(0)
    modes = generator.normal(size=(12, *vertices.shape)) * 0.002
    modes = (modes + modes[:, mirror] * [-1.0, 1.0, 1.0]) / 2
    modes[0] = vertices * [0.0, -0.2, 0.0]  # Shorter, and by far the strongest.
    modes[1] = vertices * [-0.05, 0.0, -0.05]  # Thinner.
    betas = generator.standard_normal((400, 12))
    bodies = vertices + np.tensordot(betas, modes, 1)
    return bodies.astype(np.float32), np.array(mesh.faces), mirror, modes


def test_strong_directions_are_found_and_signed(population):
    bodies, faces, mirror, modes = population
    space = shapes.find_shape_space(bodies, faces, mirror)
    assert space.directions.shape == (10, bodies.shape[1], 3)
    first, second = space.directions[:2]
    assert np.abs(first + modes[0]).max() < 0.03  # The same, but taller is positive.
    assert np.abs(second + modes[1]).max() < 0.02
    np.testing.assert_allclose(space.mean, bodies.mean(0), atol=2e-3)


def test_betas_have_unit_variance(population):
    bodies, faces, mirror, _ = population
    space = shapes.find_shape_space(bodies, faces, mirror)
    basis = space.directions.reshape(10, -1)
    betas = np.linalg.lstsq(basis.T, (bodies - space.mean).reshape(len(bodies), -1).T, rcond=None)[
        0
    ]
    np.testing.assert_allclose(betas.std(1), 1.0, atol=0.03)
    np.testing.assert_allclose(betas.mean(1), 0.0, atol=0.03)


def test_result_is_symmetric_and_measured(population):
    bodies, faces, mirror, _ = population
    space = shapes.find_shape_space(bodies, faces, mirror)
    sign = np.array([-1.0, 1.0, 1.0])
    np.testing.assert_array_equal(space.mean[mirror] * sign, space.mean)
    np.testing.assert_array_equal(space.directions[:, mirror] * sign, space.directions)
    assert 0.99 < space.explained <= 1.0
    assert 0.0 < space.reconstruction_mm < 5.0
