"""Volumes against formulas by hand; numbers of the original release where it has some."""

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.geometry import volumes

SIZES = (64, 64, 16)
PLACE = np.array([[[0.1, -0.2, 0.3]]]) / 2.5  # Of a cube of 2.5 m.


def _direct(voxels, sizes=SIZES):
    """Densities by one formula, `[rows, columns, depths]`."""
    v, u, d = np.meshgrid(*(np.arange(sizes[axis]) for axis in (1, 0, 2)), indexing="ij")
    square = (u - voxels[0]) ** 2 + (v - voxels[1]) ** 2 + (d - voxels[2]) ** 2
    return (2 * np.pi) ** -1.5 * np.exp(-0.5 * square)


def test_voxels_of_places():
    voxels = volumes.uvd_to_voxels(PLACE, SIZES)
    np.testing.assert_allclose(voxels, [[[34.56, 26.88, 9.92]]], rtol=1e-6)
    np.testing.assert_allclose(volumes.voxels_to_uvd(voxels, SIZES), PLACE, atol=1e-7)


@pytest.mark.parametrize("logits", ["log", "logit"])
def test_the_mean_of_a_gaussian_is_its_place(logits):
    voxels = volumes.uvd_to_voxels(PLACE, SIZES)
    density = np.maximum(volumes.gaussian_maps(voxels, SIZES), 1e-300)
    drawn = np.log(density) if logits == "log" else np.log(density) - np.log1p(-density)
    found = volumes.voxels_to_uvd(volumes.expected_voxels(tf.constant(drawn)), SIZES)
    np.testing.assert_allclose(2500 * found, 2500 * PLACE, atol=0.01)


def test_a_density_is_no_logit():
    """Whoever forgets the logarithm gets the middle of the grid."""
    density = volumes.gaussian_maps(volumes.uvd_to_voxels(PLACE, SIZES), SIZES)
    found = 2.5 * volumes.voxels_to_uvd(volumes.expected_voxels(density), SIZES)
    np.testing.assert_allclose(found[0, 0], [-0.0195, -0.0195, -0.0781], atol=1e-4)


def test_the_mean_is_a_softmax_s_with_its_gradient():
    rng = np.random.default_rng(0)
    logits = tf.constant(5 * rng.normal(size=(2, 4, 5, 3, 2)) + 300.0)
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(5), np.arange(3), indexing="ij"), -1)
    places = grid.reshape(-1, 3)[:, [1, 0, 2]].astype(float)

    def expected(logits):
        shares = tf.nn.softmax(tf.reshape(logits, [2, -1, 2]), axis=1)
        means = tf.einsum("bnk,nc->bkc", shares, places)
        return tf.reduce_logsumexp(logits, axis=[1, 2, 3]), means

    weights = rng.normal(size=(2, 2)), rng.normal(size=(2, 2, 3))
    results = []
    for function in (lambda logits: volumes.read(logits)[1:], expected):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = function(logits)
            total = tf.add_n([tf.reduce_sum(x * w) for x, w in zip(values, weights)])
        results.append((*values, tape.gradient(total, logits)))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_densities():
    on_voxel = volumes.gaussian_maps(tf.constant([[[30.0, 20.0, 8.0]]], tf.float64), SIZES)
    assert np.max(on_voxel) == pytest.approx(0.0634936, abs=1e-7)
    voxels = volumes.uvd_to_voxels(PLACE, SIZES)
    maps = volumes.gaussian_maps(voxels, SIZES)
    assert maps.shape == (1, 64, 64, 16, 1)
    assert np.sum(maps) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(maps[0, ..., 0], _direct(voxels[0, 0].numpy()), atol=1e-9)


def test_axes_are_rows_columns_depths():
    maps = volumes.gaussian_maps(tf.constant([[[5.0, 2.0, 1.0]]]), (8, 6, 4))
    assert np.unravel_index(np.argmax(maps[0, ..., 0]), (6, 8, 4)) == (2, 5, 1)
    found = volumes.expected_voxels(tf.math.log(maps + 1e-30))
    np.testing.assert_allclose(found[0, 0, 0], 5.0, atol=0.1)


ENDS = tuple(tf.constant([[end]], tf.float64) for end in ((20.0, 30.0, 4.0), (40.0, 22.5, 9.0)))


def test_limb_distances():
    found = volumes.limb_distances(*ENDS, SIZES).numpy()[0, ..., 0]
    first, last = (end.numpy()[0, 0] for end in ENDS)
    for voxel in ((30, 26, 6), (10, 30, 4), (63, 63, 15), (40, 22, 9)):
        share = np.clip((voxel - first) @ (last - first) / ((last - first) ** 2).sum(), 0, 1)
        square = ((voxel - first - share * (last - first)) ** 2).sum()
        assert found[voxel[1], voxel[0], voxel[2]] == pytest.approx(square, abs=1e-4)


def test_tubes_are_1_along_their_limb_and_0_far_from_it():
    distances = volumes.limb_distances(*ENDS, SIZES)
    tube = volumes.tubes(distances).numpy()[0]
    assert tube[30, 20, 4] == pytest.approx(1.0)
    assert tube[0, 0, 0] < 1e-6
    np.testing.assert_allclose(tube, np.exp(-0.5 * distances.numpy()[0, ..., 0]), atol=1e-12)


def test_the_release_s_limbs_say_nothing():
    """Kept for its checkpoints: the greatest value is less than three times the least."""
    starts = tf.concat([ENDS[0], ENDS[1]], axis=1)
    ends = tf.concat([ENDS[1], ENDS[1] + 6.0], axis=1)
    distances = volumes.limb_distances(starts, ends, SIZES)
    each = [volumes.released_limbs(distances[..., i : i + 1]) for i in range(2)]
    for one in each:
        assert np.sum(one) == pytest.approx(1.0)
        assert 2.1 < np.max(one) / np.min(one) < 2.72
    limb = volumes.released_limbs(distances)
    np.testing.assert_allclose(limb, np.maximum(*each), rtol=1e-9)
    assert 1.0 < np.sum(limb) < 1.006
