"""The deterministic filler of the numeric checks: numbers from a name, with no generator state."""

from __future__ import annotations

import math
import zlib

import numpy as np


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns float64 numbers in [0, 1) that depend on the name and the position alone."""
    seed = zlib.crc32(name.encode("ascii")) % 100003
    k = np.arange(1, math.prod(shape) + 1, dtype=np.float64)
    q = 43758.5453 * np.sin(12.9898 * k + 0.001 * seed)
    return (q - np.floor(q)).reshape(shape)


def signed(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns float64 numbers in [-1, 1): ``2 uniform - 1``."""
    return 2.0 * uniform(name, shape) - 1.0


def variable(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the float32 content of a network variable, scaled by what its name ends in."""
    last = name.rsplit("/", 1)[-1]
    z = signed(name, shape)
    if last == "weights":
        z = z * math.sqrt(3.0 / math.prod(shape[:-1]))
    elif last in ("gamma", "moving_variance"):
        z = 1.0 + 0.2 * z
    elif last in ("biases", "beta", "moving_mean"):
        z = 0.1 * z
    return z.astype(np.float32)


def image() -> np.ndarray:
    """Returns the `[1, 224, 224, 3]` float32 test image of the numeric checks, in [-1, 1]."""
    row = np.arange(224)[:, None, None]
    column = np.arange(224)[None, :, None]
    channel = np.arange(3)[None, None, :]
    return (np.sin(0.05 * row + 0.7 * channel) * np.cos(0.03 * column))[None].astype(np.float32)
