"""Metrics against an independent version, one sample and joint at a time, and against goldens."""

import pathlib
import zlib

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hmr_tf import metrics
from hmr_tf.evaluation import measures


def _filler(name, shape):
    """The reference sheet's deterministic pseudo-random numbers in [-1, 1]."""
    k = np.arange(1, np.prod(shape) + 1, dtype=np.float64)
    q = 43758.5453 * np.sin(12.9898 * k + 0.001 * (zlib.crc32(name.encode()) % 100003))
    return (2.0 * (q - np.floor(q)) - 1.0).reshape(shape)


def _reference_mpjpe(pred, gt, root):
    if root is not None:
        pred = pred - sum(pred[j] for j in root) / len(root)
        gt = gt - sum(gt[j] for j in root) / len(root)
    return 1000 * np.mean([np.sqrt(((p - g) ** 2).sum()) for p, g in zip(pred, gt)])


def _reference_pa(pred, gt):
    """Kabsch by SciPy's solver for proper rotations, then the closed-form scale."""
    x, y = pred - pred.mean(0), gt - gt.mean(0)
    rotation, _ = Rotation.align_vectors(y, x)
    turned = rotation.apply(x)
    scale = (turned * y).sum() / (x**2).sum()
    return 1000 * np.mean(np.linalg.norm(scale * turned - y, axis=1))


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(3)
    gt = rng.normal(size=(40, 14, 3)) * [0.2, 0.5, 0.15]
    return gt + rng.normal(scale=0.1, size=gt.shape), gt


@pytest.mark.parametrize("root", [(2, 3), (0,), None])
def test_mpjpe_equals_a_loop(pair, root):
    pred, gt = pair
    expected = [_reference_mpjpe(p, g, root) for p, g in zip(pred, gt)]
    np.testing.assert_allclose(metrics.mpjpe(pred, gt, root), expected, rtol=1e-5)


def test_pa_mpjpe_equals_a_loop(pair):
    pred, gt = pair
    expected = [_reference_pa(p, g) for p, g in zip(pred, gt)]
    np.testing.assert_allclose(metrics.pa_mpjpe(pred, gt), expected, rtol=1e-4)


def test_printed_values_of_the_reference_sheet():
    gt, pred = _filler("pa/gt", (14, 3)), _filler("pa/pred", (14, 3))
    assert float(metrics.mpjpe(pred, gt)) == pytest.approx(1325.373, abs=0.05)
    assert float(metrics.pa_mpjpe(pred, gt)) == pytest.approx(785.667, abs=0.05)
    mirrored = gt * [-1, 1, 1]
    assert float(metrics.mpjpe(mirrored, gt)) == pytest.approx(1030.638, abs=0.05)
    # A solver that allows reflections gives 0 here.
    assert float(metrics.pa_mpjpe(mirrored, gt)) == pytest.approx(690.253, abs=0.05)


def test_a_similarity_transform_is_forgiven_by_pa_alone(pair):
    _, gt = pair
    turn = Rotation.from_rotvec([0.4, -2.0, 0.7]).as_matrix()
    pred = 1.7 * gt @ turn.T + [3.0, -1.0, 5.0]
    assert np.max(metrics.pa_mpjpe(pred, gt)) < 0.02
    assert np.min(metrics.mpjpe(pred, gt)) > 100


def test_translation_is_forgiven_by_mpjpe_and_not_by_pve(pair):
    _, gt = pair
    shifted = gt + np.array([0.03, 0.0, 0.04])
    np.testing.assert_allclose(metrics.mpjpe(shifted, gt), 0.0, atol=1e-3)
    np.testing.assert_allclose(metrics.pve(shifted, gt), 50.0, rtol=1e-4)
    np.testing.assert_allclose(metrics.joint_errors(shifted, gt), 50.0, rtol=1e-4)


def test_equal_points_stay_finite():
    gt = np.zeros((2, 14, 3))
    for pred in (gt, gt + 0.1, np.random.default_rng(0).normal(size=gt.shape)):
        for error in (metrics.mpjpe(pred, gt), metrics.pa_mpjpe(pred, gt)):
            assert np.isfinite(error).all()
    # Nothing to align with: the best similarity shrinks the prediction onto the one point.
    np.testing.assert_allclose(metrics.pa_mpjpe(gt + 0.1, gt), 0.0, atol=1e-3)


def test_both_hips_err_alike_after_mid_hip_alignment(pair):
    pred, gt = pair
    centred = [x - x[:, 2:4].mean(1, keepdims=True) for x in (pred, gt)]
    errors = metrics.joint_errors(*centred).numpy()
    np.testing.assert_allclose(errors[:, 2], errors[:, 3], rtol=1e-4)


def test_keypoint_error_counts_visible_points_only():
    pred = np.zeros((2, 3, 2))
    gt = np.array([[[3, 4], [100, 0], [0, 1]], [[1, 1], [1, 1], [1, 1]]], np.float64)
    visibility = np.array([[1, 0, 1], [0, 0, 0]])
    np.testing.assert_allclose(metrics.keypoint_error(pred, gt, visibility), [3.0, 0.0])


def test_leading_dimensions():
    rng = np.random.default_rng(0)
    pred, gt = rng.normal(size=(2, 3, 14, 3)), rng.normal(size=(2, 3, 14, 3))
    for metric in (metrics.mpjpe, metrics.pa_mpjpe, metrics.pve):
        errors = metric(pred, gt).numpy()
        assert errors.shape == (2, 3)
        assert errors[1, 2] == pytest.approx(float(metric(pred[1, 2], gt[1, 2])), rel=1e-4)


@pytest.mark.parametrize(
    "shapes", [((4, 14, 3), (4, 19, 3)), ((4, 14, 2), (4, 14, 2)), ((3,), (3,))]
)
def test_bad_shapes_are_named(shapes):
    with pytest.raises(ValueError, match="num_points, 3"):
        metrics.mpjpe(np.zeros(shapes[0]), np.zeros(shapes[1]))


@pytest.fixture(scope="module")
def goldens():
    """What SPIN's, mmhuman3d's and the original release's code says (goldens/make_metrics.py)."""
    with np.load(pathlib.Path(__file__).with_name("goldens") / "metrics.npz") as archive:
        return dict(archive)


def _check(ours, theirs, kinds, atol=1e-3):
    """Compares where the reference gives a number: of one point alone it divides 0 by 0."""
    known = np.isfinite(theirs)
    assert set(kinds[~known]) <= {"estimate in one point", "estimate at the origin"}
    ours = np.asarray(ours)
    assert np.isfinite(ours).all()
    for kind in sorted(set(kinds[known])):
        rows = known & (kinds == kind)
        np.testing.assert_allclose(ours[rows], theirs[rows], rtol=0, atol=atol, err_msg=kind)


def test_errors_equal_the_references_to_a_thousandth_of_a_millimetre(goldens):
    pred, gt, kinds = goldens["pred"], goldens["gt"], goldens["kind"]
    _check(metrics.pa_mpjpe(pred, gt), 1000 * goldens["spin_pa_mpjpe"], kinds)
    lsp = pred[:, :14], gt[:, :14]
    _check(metrics.mpjpe(*lsp), 1000 * goldens["hmr_mpjpe"], kinds)
    _check(metrics.pa_mpjpe(*lsp), 1000 * goldens["hmr_pa_mpjpe"], kinds)
    _check(metrics.pve(pred, gt), 1000 * goldens["mmhuman3d_pve"], kinds)


@pytest.mark.parametrize("alignment", ["none", "procrustes"])
def test_masked_errors_pck_and_auc_equal_mmhuman3ds(goldens, alignment):
    pred, gt, kinds = goldens["pred"], goldens["gt"], goldens["kind"]
    visible = goldens["visible"]
    assert (visible.sum(axis=1) == 1).sum() > 50  # One visible joint.
    errors = metrics.joint_errors(pred, gt)
    if alignment == "procrustes":
        errors = metrics.pa_joint_errors(pred, gt)
    theirs = 1000 * goldens[f"mmhuman3d_mpjpe_{alignment}"]
    _check(metrics.visible_mean(errors, visible), theirs, kinds)
    # Where the reference has no number, ours need not agree.
    known = np.isfinite(theirs)
    shown = np.where(visible, errors, np.nan)[known]
    pck = [measures.percentage_below(person, 150.0) for person in shown]
    auc = [measures.area_below(person, measures.THRESHOLDS_MM) for person in shown]
    for name, ours in (("pck", pck), ("auc", auc)):
        theirs = goldens[f"mmhuman3d_{name}_{alignment}"][known]
        np.testing.assert_allclose(ours, theirs, atol=1e-3, err_msg=name)


def test_where_the_references_divide_by_zero_the_estimate_shrinks_to_the_truths_centre(goldens):
    rows = np.isnan(goldens["spin_pa_mpjpe"])
    assert rows.any()
    gt = goldens["gt"][rows]
    expected = 1000 * np.linalg.norm(gt - gt.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)
    np.testing.assert_allclose(metrics.pa_mpjpe(goldens["pred"][rows], gt), expected, atol=1e-3)


def test_invisible_joints_may_be_anything(pair):
    pred, gt = pair
    visible = np.ones(gt.shape[:2])
    visible[:, 5:] = 0
    wild = pred.copy()
    wild[:, 5:] = np.nan
    expected = metrics.mpjpe(pred[:, :5], gt[:, :5], (2, 3))
    np.testing.assert_allclose(metrics.mpjpe(wild, gt, (2, 3), visible), expected, rtol=1e-5)
    np.testing.assert_array_equal(metrics.mpjpe(pred, gt, (2, 3), 0 * visible), 0.0)
