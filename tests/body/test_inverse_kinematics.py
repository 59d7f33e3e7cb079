"""The solvers against printed values and against the printed formulas; what they refuse."""

from __future__ import annotations

import hybrik_formulas as formulas
import numpy as np
import pytest
import tensorflow as tf
import toy_body
from scipy.spatial.transform import Rotation

from hmr_tf.body import inverse_kinematics as ik
from hmr_tf.body import model_file
from hmr_tf.errors import BodyError
from tfrecords_tools.skeletons import HYBRIK29

_REST = formulas.REST[None]
_TRUE = formulas.ROTATIONS[None]
_JOINTS = formulas.forward(_TRUE, _REST)
_TWISTS = formulas.twists_of(_TRUE, _REST)
_RELEASED_ROOTS = {"adaptive": "svd", "naive": "closed_form"}


@pytest.fixture(scope="module")
def body():
    return model_file.load_body("free_body")


def _noisy(amplitude_mm):
    return _JOINTS + 1e-3 * amplitude_mm * formulas.PERTURBATION


@pytest.mark.parametrize(("joint", "cos_sin"), [
    (1, (0.85619, 0.51667)),
    (9, (0.79877, 0.60163)),
    (15, (0.97736, -0.21160)),
    (20, (0.78405, 0.62069)),
])  # fmt: skip
def test_printed_twists(joint, cos_sin):
    np.testing.assert_allclose(ik.twist_angles(_TRUE, _REST)[0, joint - 1], cos_sin, atol=1e-5)


def test_printed_skeleton():
    # What the tests rest on, checked by itself.
    expected = [[0.81459, 0.57522, 0.07456], [-0.50095, 0.76248, -0.40947]]
    np.testing.assert_allclose(_TRUE[0, 0, :2], expected, atol=1e-5)
    placed = (_JOINTS - _JOINTS[:, :1])[0]
    for joint, place in {
        4: (-0.15668, -0.31168, -0.34264),
        20: (0.57193, 0.42695, -0.46403),
        23: (-0.10266, 0.64456, 0.61884),
        24: (0.24099, 0.66786, 0.18813),
        27: (-0.54182, -0.59417, -0.46659),
    }.items():
        np.testing.assert_allclose(placed[joint], place, atol=1e-5)


@pytest.mark.parametrize(("method", "amplitude", "mean", "most", "root_deg"), [
    ("naive", 2, 4.864, 9.637, 2.920),
    ("adaptive", 2, 2.035, 4.157, 1.234),
    ("naive", 6, 16.27, 32.03, 11.754),
    ("adaptive", 6, 9.79, 26.85, 3.859),
    ("naive", 12, 47.37, None, None),
    ("adaptive", 12, 27.98, None, None),
    ("naive", 30, 101.37, None, None),
    ("adaptive", 30, 71.03, None, None),
])  # fmt: skip
def test_printed_errors(method, amplitude, mean, most, root_deg):
    joints = _noisy(amplitude)
    found = ik.solve(joints, _REST, _TWISTS, method, root=_RELEASED_ROOTS[method]).numpy()
    placed = formulas.forward(found, _REST)[:, :24]
    errors = (placed - placed[:, :1]) - (joints - joints[:, :1])[:, :24]
    errors = 1e3 * np.linalg.norm(errors, axis=-1)
    # The release adds a little to every length, which shows in the last digits.
    assert errors.mean() == pytest.approx(mean, abs=0.01)
    if most is not None:
        assert errors.max() == pytest.approx(most, abs=0.01)
        turn = Rotation.from_matrix(found[0, 0].T @ _TRUE[0, 0]).magnitude()
        assert np.degrees(turn) == pytest.approx(root_deg, abs=0.015)


@pytest.mark.parametrize(("method", "joint", "rows"), [
    ("naive", 0, [[0.79793, 0.56700, 0.20451], [-0.39263, 0.74636, -0.53739],
                  [-0.45734, 0.34850, 0.81816]]),
    ("adaptive", 0, [[0.83137, 0.55454, 0.03621], [-0.50575, 0.78200, -0.36428],
                     [-0.23032, 0.28454, 0.93058]]),
    ("naive", 9, [[0.77182, 0.34641, 0.53319], [-0.32836, 0.93524, -0.13230],
                  [-0.54449, -0.07297, 0.83559]]),
    ("adaptive", 9, [[0.79345, 0.21058, 0.57105], [-0.21644, 0.97453, -0.05865],
                     [-0.56886, -0.07706, 0.81882]]),
])  # fmt: skip
def test_printed_rotations(method, joint, rows):
    found = ik.solve(_noisy(6), _REST, _TWISTS, method, root=_RELEASED_ROOTS[method])
    np.testing.assert_allclose(found[0, joint], rows, atol=5e-5)


@pytest.mark.parametrize(("dtype", "digits"), [(np.float64, 1e-7), (np.float32, 1e-4)])
@pytest.mark.parametrize(("method", "root", "switch", "spine3"), [
    ("adaptive", "svd", 0.015, "neck"),
    ("adaptive", "svd", None, "neck"),
    ("adaptive", "svd", 0.015, "kabsch"),
    ("adaptive", "closed_form", 0.015, "neck"),
    ("naive", "closed_form", 0.015, "neck"),
    ("naive", "svd", 0.015, "kabsch"),
])  # fmt: skip
def test_a_thousand_skeletons_against_the_formulas(method, root, switch, spine3, dtype, digits):
    rng = np.random.default_rng(1)
    rest, rotations, twists = formulas.random_people(1000)
    joints = formulas.forward(rotations, rest) + rng.normal(scale=0.003, size=rest.shape)
    joints[::2] = rng.normal(scale=0.3, size=joints[::2].shape)
    joints, rest, twists = (x.astype(dtype) for x in (joints, rest, twists))
    found = ik.solve(joints, rest, twists, method, switch, root, spine3).numpy()
    assert found.dtype == dtype
    given = (x.astype(np.float64) for x in (joints, rest, twists))
    expected, fell_back = formulas.solve(*given, method, switch, root, spine3)
    gaps = np.sort(np.abs(found - expected).max(axis=(1, 2, 3)))
    # A bone turned nearly right around hangs on the last digits of float32.
    assert gaps[-3] < digits and gaps[-1] < (digits if dtype == np.float64 else 10 * digits)
    if method == "adaptive" and switch:
        # Random joints fall back to the naive aim, most of posed bodies do not.
        assert fell_back[::2, 1:].mean() > 0.99 and 0 < fell_back[1::2, 1:].mean() < 0.5


def test_the_shaped_rest_pose_has_no_rotations(body):
    betas = np.random.default_rng(7).normal(size=(5, 10))
    rest = ik.rest_skeleton(body, betas)
    straight = np.tile([1.0, 0.0], (5, 23, 1))
    for method in ik.METHODS:
        found = ik.solve(rest, rest, straight, method)
        np.testing.assert_allclose(found, np.tile(np.eye(3), (5, 24, 1, 1)), atol=1e-9)
    expected = np.stack([body.joint_regressor @ (body.template + body.shape_basis @ beta)
                         for beta in betas])  # fmt: skip
    np.testing.assert_allclose(rest[:, :24], expected, atol=1e-6)
    assert ik.rest_skeleton(body, betas.astype(np.float32)).dtype == tf.float32


def test_leaves_lie_where_their_names_say(body):
    rest = ik.rest_skeleton(body, np.zeros((1, 10))).numpy()[0]
    head, left_finger, right_finger, left_toe, right_toe = rest[24:]
    assert head[1] > body.template[:, 1].max() - 0.01 and abs(head[0]) < 1e-6
    assert left_finger[0] > body.template[:, 0].max() - 0.01
    assert left_toe[2] > rest[10, 2] and left_toe[0] > 0.02
    mirror = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose([right_finger, right_toe], [left_finger, left_toe] @ mirror,
                               atol=1e-6)  # fmt: skip
    np.testing.assert_allclose(rest[list(HYBRIK29.flip)] @ mirror, rest, atol=1e-3)


def test_a_body_without_named_points_is_refused():
    bare = toy_body.filler_body()
    with pytest.raises(BodyError, match="no surface point 'head_top'"):
        ik.rest_skeleton(bare, np.zeros((1, 10)))


def test_compiled_and_of_any_batch_size():
    rest, rotations, twists = (x.astype(np.float32) for x in formulas.random_people(7))
    joints = formulas.forward(rotations, rest)
    expected = ik.solve(joints, rest, twists)
    for compile_it in (False, True):
        count = None if not compile_it else 7
        signature = [tf.TensorSpec([count, *x.shape[1:]]) for x in (joints, rest, twists)]
        solve = tf.function(ik.solve, input_signature=signature, jit_compile=compile_it)
        np.testing.assert_allclose(solve(joints, rest, twists), expected, atol=5e-5)
        if not compile_it:
            assert solve(joints[:0], rest[:0], twists[:0]).shape == (0, 24, 3, 3)
            np.testing.assert_allclose(
                solve(joints[:1], rest[:1], twists[:1]), expected[:1], atol=5e-5
            )


def test_half_precision_is_solved_in_float32():
    given = (tf.cast(x, tf.bfloat16) for x in (_JOINTS, _REST, _TWISTS))
    assert ik.solve(*given).dtype == tf.float32


@pytest.mark.parametrize(("changes", "message"), [
    ({"joints": _JOINTS[:, :24]}, r"joints must be \[batch, 29, 3\]"),
    ({"leaf_rotations": _TRUE[:, :5]}, r"joints must be .* \[batch, 24, 3\] with leaf_rotations"),
    ({"rest_joints": _REST[:, :24]}, r"rest_joints must be \[batch, 29, 3\]; received"),
    ({"twists": _TWISTS[:, 1:]}, r"twists must be \[batch, 23, 2\]"),
    ({"method": "clever"}, "method must be one of adaptive, naive; received 'clever'"),
    ({"root": "qr"}, "root must be one of svd, closed_form"),
    ({"spine3": "head"}, "spine3 must be one of neck, kabsch"),
])  # fmt: skip
def test_wrong_arguments_are_named(changes, message):
    arguments = {"joints": _JOINTS, "rest_joints": _REST, "twists": _TWISTS, **changes}
    with pytest.raises(ValueError, match=message):
        ik.solve(**arguments)
