"""Procrustes against the printed values, SciPy and a brute-force search; degenerate sets."""

import filler
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.transform import Rotation

from hmr_tf.geometry import alignment

_HIPS = (2, 3)


def gt_points():
    return filler.signed("pa/gt", (14, 3)).astype(np.float32)


def pred_points():
    return filler.signed("pa/pred", (14, 3)).astype(np.float32)


def mean_distance(first, second):
    return np.linalg.norm(np.asarray(first) - np.asarray(second), axis=-1).mean()


def test_printed_values():
    gt, pred = gt_points(), pred_points()
    rooted = mean_distance(alignment.align_root(pred, _HIPS), alignment.align_root(gt, _HIPS))
    assert rooted == pytest.approx(1.325373, abs=1e-5)
    assert mean_distance(alignment.procrustes(pred, gt), gt) == pytest.approx(0.785667, abs=1e-5)


def test_mirrored_set_is_not_aligned_by_a_reflection():
    gt = gt_points()
    mirrored = gt * np.array([-1, 1, 1], np.float32)
    rooted = mean_distance(alignment.align_root(mirrored, _HIPS), alignment.align_root(gt, _HIPS))
    assert rooted == pytest.approx(1.030638, abs=1e-5)
    aligned = alignment.procrustes(mirrored, gt)
    assert mean_distance(aligned, gt) == pytest.approx(0.690253, abs=1e-5)
    assert np.linalg.det(alignment.similarity(mirrored, gt)[1]) == pytest.approx(1.0, abs=1e-5)


def test_similarity_transformed_copy_comes_back():
    gt = gt_points()
    rotation = Rotation.random(random_state=0).as_matrix()
    moved = (1.7 * gt @ rotation.T + [0.1, -0.2, 0.3]).astype(np.float32)
    assert mean_distance(alignment.procrustes(moved, gt), gt) < 1e-6
    scale, inverse, translation = alignment.similarity(moved, gt)
    np.testing.assert_allclose(scale, 1 / 1.7, rtol=1e-5)
    np.testing.assert_allclose(inverse, rotation.T, atol=1e-5)
    np.testing.assert_allclose(
        scale.numpy() * moved @ inverse.numpy().T + translation, gt, atol=1e-5
    )


@pytest.mark.parametrize("shape", [(5,), (2, 3)])
def test_batches_against_scipy(shape):
    rng = np.random.default_rng(0)
    pred = rng.normal(size=(*shape, 17, 3)).astype(np.float32)
    gt = rng.normal(size=(*shape, 17, 3)).astype(np.float32)
    aligned = alignment.procrustes(pred, gt).numpy()
    for index in np.ndindex(*shape):
        a, b = pred[index] - pred[index].mean(0), gt[index] - gt[index].mean(0)
        rotation = Rotation.align_vectors(b, a)[0].as_matrix()
        turned = a @ rotation.T
        scale = (turned * b).sum() / (a * a).sum()
        np.testing.assert_allclose(aligned[index], scale * turned + gt[index].mean(0), atol=1e-5)


def test_nothing_near_the_solution_is_better():
    gt, pred = gt_points(), pred_points()
    best = np.square(alignment.procrustes(pred, gt).numpy() - gt).sum()
    scale, rotation, translation = (x.numpy() for x in alignment.similarity(pred, gt))
    rng = np.random.default_rng(0)
    for _ in range(50):
        turn = Rotation.from_rotvec(0.02 * rng.normal(size=3)).as_matrix() @ rotation
        factor = scale * np.exp(0.02 * rng.normal())
        shift = translation + 0.02 * rng.normal(size=3)
        assert np.square(factor * pred @ turn.T + shift - gt).sum() > best


def test_gradient_matches_finite_differences():
    gt = gt_points().astype(np.float64)
    pred = tf.constant(pred_points(), tf.float64)

    def loss_of(pred):
        return tf.reduce_sum(tf.abs(alignment.procrustes(pred, gt) - gt))

    with tf.GradientTape() as tape:
        tape.watch(pred)
        loss = loss_of(pred)
    gradient = tape.gradient(loss, pred).numpy()
    for flat in range(0, 42, 5):
        index = np.unravel_index(flat, (14, 3))
        step = np.zeros((14, 3))
        step[index] = 1e-6
        slope = (loss_of(pred + step) - loss_of(pred - step)) / 2e-6
        assert gradient[index] == pytest.approx(float(slope), abs=1e-5)


_LINE = np.linspace(-1, 1, 14)[:, None] * np.array([[1.0, 2.0, 0.5]])
_PLANE = np.random.default_rng(0).normal(size=(14, 3)) * [1, 1, 0]


@pytest.mark.parametrize(
    ("pred", "gt"),
    [
        (np.zeros((14, 3)), np.zeros((14, 3))),
        (np.zeros((14, 3)), gt_points()),
        (np.ones((14, 3)), gt_points()),
        (gt_points(), np.zeros((14, 3))),
        (_LINE, gt_points()),
        (_LINE, _LINE),
        (_PLANE, _PLANE),
        (_PLANE, gt_points()),
        (gt_points(), gt_points()),
        (np.tile(np.eye(3), (3, 1)), np.tile(np.eye(3), (3, 1))),  # Equal singular values.
        (np.tile(np.eye(3), (3, 1)), -np.tile(np.eye(3), (3, 1))),
        (gt_points()[:1], pred_points()[:1]),
        (1e-20 * gt_points(), gt_points()),
        (1e6 * gt_points(), gt_points()),
    ],
)
def test_degenerate_sets_are_finite(pred, gt):
    pred = tf.constant(pred, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pred)
        aligned = alignment.procrustes(pred, tf.constant(gt, tf.float32))
        loss = tf.reduce_sum(aligned * tf.constant(filler.signed("w", aligned.shape), tf.float32))
    assert np.isfinite(aligned).all()
    gradient = tape.gradient(loss, pred).numpy()
    assert np.isfinite(gradient).all()


def test_a_plane_in_itself_is_exact():
    assert mean_distance(alignment.procrustes(_PLANE, _PLANE), _PLANE) < 1e-6


def test_align_root():
    points = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(alignment.align_root(points, 1)[1], np.zeros(3))
    np.testing.assert_array_equal(alignment.align_root(points, (0, 2))[1], np.zeros(3))


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"pred must be \[\.\.\., K, 3\]; received"):
        alignment.procrustes(np.zeros((14, 2)), np.zeros((14, 2)))
    with pytest.raises(ValueError, match="one shape"):
        alignment.procrustes(np.zeros((14, 3)), np.zeros((13, 3)))


def test_runs_in_a_graph_with_unknown_batch():
    spec = tf.TensorSpec([None, 14, 3])
    function = tf.function(alignment.procrustes, input_signature=[spec, spec])
    gt, pred = gt_points()[None], pred_points()[None]
    np.testing.assert_allclose(function(pred, gt), alignment.procrustes(pred, gt), atol=1e-6)
