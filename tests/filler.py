"""Deterministic numbers for numeric checks: the same in any language, from a name alone."""

import zlib

import numpy as np


def uniform(name, shape):
    """Returns float64 in [0, 1) of that shape; element k is a fixed function of the name and k."""
    seed = zlib.crc32(name.encode("ascii")) % 100003
    k = np.arange(1, int(np.prod(shape)) + 1, dtype=np.float64)
    q = 43758.5453 * np.sin(12.9898 * k + 0.001 * seed)
    return (q - np.floor(q)).reshape(shape)


def signed(name, shape):
    """Returns float64 in [-1, 1) of that shape."""
    return 2.0 * uniform(name, shape) - 1.0


def tf1_weight(name, shape):
    """Returns the test value of a weight with that TF1 name and shape, float32."""
    z = signed(name, shape)
    kind = name.rsplit("/", 1)[-1]
    if kind == "weights":
        z = z * np.sqrt(3.0 / np.prod(shape[:-1]))
    elif kind in ("gamma", "moving_variance"):
        z = 1.0 + 0.2 * z
    elif kind in ("biases", "beta", "moving_mean"):
        z = 0.1 * z
    else:
        raise ValueError(f"no rule for {name}")
    return z.astype(np.float32)


def torch_weight(name, shape):
    """Returns the test value of a weight with that torch name and shape (torch layout), float32."""
    z = signed(name, shape)
    kind = name.rsplit(".", 1)[-1]
    if len(shape) > 1:
        z = z * np.sqrt(3.0 / np.prod(shape[1:])) * (0.1 if name.startswith("dec") else 1.0)
    elif kind == "running_var" or (kind == "weight"):
        z = 1.0 + 0.2 * z
    else:
        z = 0.1 * z
    return z.astype(np.float32)


def image():
    """Returns the test image `[1, 224, 224, 3]` float32 in [-1, 1]."""
    row, column, channel = np.meshgrid(np.arange(224), np.arange(224), np.arange(3), indexing="ij")
    return (np.sin(0.05 * row + 0.7 * channel) * np.cos(0.03 * column))[None].astype(np.float32)
