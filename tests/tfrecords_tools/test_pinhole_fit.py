"""Cameras are found from labels."""

from __future__ import annotations

import numpy as np
import pytest

from tfrecords_tools.pinhole_fit import fit_intrinsics

_CAMERA = np.array([1500.2, 1480.0, 1024.7, 1051.4])


def _labels(noise_px=0.0):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3)) * 500 + [200, -100, 3500]
    pixels = points[:, :2] / points[:, 2:] * _CAMERA[:2] + _CAMERA[2:]
    return pixels + rng.normal(size=pixels.shape) * noise_px, points


def test_the_camera_is_found():
    fit = fit_intrinsics(*_labels())
    np.testing.assert_allclose(fit.intrinsics, _CAMERA, rtol=1e-9)
    assert fit.residual_px < 1e-9
    fit = fit_intrinsics(*_labels(noise_px=1.0))
    np.testing.assert_allclose(fit.intrinsics, _CAMERA, rtol=0.01)
    assert fit.residual_px == pytest.approx(np.sqrt(2), rel=0.1)


def test_unusable_points_are_passed_over():
    pixels, points = _labels()
    pixels[3], points[4], points[5, 2] = np.nan, np.inf, -1.0
    np.testing.assert_allclose(fit_intrinsics(pixels, points).intrinsics, _CAMERA, rtol=1e-9)


def test_no_camera():
    pixels, points = _labels()
    assert fit_intrinsics(pixels[:0], points[:0]) is None
    assert fit_intrinsics(pixels[:1], points[:1]) is None
    assert fit_intrinsics(np.zeros((9, 2)), np.tile([0.0, 0.0, 5.0], (9, 1))) is None
    # Labels of another photograph.
    assert fit_intrinsics(pixels[::-1], points) is None
