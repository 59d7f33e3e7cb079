"""SGRE's joints in small volumes of the last map, and what the map holds where they are.

Reference: D. Wang and S. Zhang, 3D Human Mesh Recovery with Sequentially Global Rotation
Estimation, ICCV 2023, and its release (H. Choi et al., 3DCrowdNet, CVPR 2022, before it).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.geometry import heatmaps

_DEVIATION = 0.001


@tf.keras.utils.register_keras_serializable("hmr_tf")
class PositionNet(tf.keras.layers.Layer):
    """One 1x1 convolution to a volume per joint, with as many depths as the map has cells a side.

    Computes in float32 whatever the policy.

    Args:
        num_joints: K.

    Attributes:
        convolution: the layer that makes the logits, channel = joint * depths + depth.

    Call: map ``[batch, g, g, C]`` -> (cells ``[batch, K, 3]`` float32, x, y and depth counted from
    0 to g - 1; scores ``[batch, K]``, the volume's share at that place, without gradient; the
    volume's marginals ``[batch, K, 3, g]``, of which the cells are the means).
    """

    def __init__(self, num_joints: int, name: str = "position_net", **kwargs: Any) -> None:
        kwargs["dtype"] = "float32"
        super().__init__(name=name, **kwargs)
        self.num_joints = num_joints

    def build(self, input_shape: Any) -> None:
        """Creates the weights."""
        self.convolution = tf.keras.layers.Conv2D(
            self.num_joints * int(input_shape[1]),
            1,
            kernel_initializer=tf.keras.initializers.RandomNormal(stddev=_DEVIATION),
            name="logits",
            dtype="float32",
        )
        self.convolution.build(input_shape)
        super().build(input_shape)

    def call(self, last_map: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns what the class says."""
        size = last_map.shape[1]
        logits = self.convolution(tf.cast(last_map, tf.float32))
        logits = tf.reshape(logits, [-1, size, size, self.num_joints, size])
        marginals = heatmaps.volume_marginals(logits)
        cells = heatmaps.expected_cells(marginals)
        return cells, tf.stop_gradient(_share_at(logits, cells)), marginals

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        config = super().get_config()
        del config["dtype"]
        return {**config, "num_joints": self.num_joints}


def _share_at(logits: tf.Tensor, cells: tf.Tensor) -> tf.Tensor:
    """Samples the softmax `[batch, y, x, K, depth]` trilinearly: `[batch, K]`."""
    peak = tf.reduce_max(logits, axis=[1, 2, 4], keepdims=True)
    weights = tf.exp(logits - peak)
    by_x, by_y, by_depth = tf.unstack(_tents(cells, logits.shape[1]), axis=2)
    here = tf.einsum("byxkd,bky,bkx,bkd->bk", weights, by_y, by_x, by_depth)
    return here / tf.reduce_sum(weights, axis=[1, 2, 4])


def sample_map(last_map: tf.Tensor, cells: tf.Tensor) -> tf.Tensor:
    """Reads a map at places between its cells, bilinearly.

    A sum over all cells with weights that are zero but at four: for maps as small as these it takes
    next to nothing, and its gradient scatters nothing.

    Args:
        last_map: `[batch, g, g, C]`.
        cells: `[batch, K, 2 or 3]` float32 (x, y) within 0 to g - 1.

    Returns:
        `[batch, K, C]` float32.
    """
    size, channels = last_map.shape[1], last_map.shape[3]
    tents = _tents(cells[..., :2], size)
    weights = tents[:, :, 1, :, tf.newaxis] * tents[:, :, 0, tf.newaxis]
    weights = tf.reshape(weights, [-1, cells.shape[1], size * size])
    flat = tf.reshape(tf.cast(last_map, tf.float32), [-1, size * size, channels])
    return tf.linalg.matmul(weights, flat)


def _tents(cells: tf.Tensor, size: int) -> tf.Tensor:
    """Returns the weights `[..., size]` of linear interpolation at coordinates `[...]`."""
    distance = tf.abs(cells[..., tf.newaxis] - tf.range(size, dtype=tf.float32))
    return tf.maximum(1.0 - distance, 0.0)
