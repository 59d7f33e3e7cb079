"""Iterative error feedback: a small network that corrects pose, shape and camera a few times.

Reference: A. Kanazawa et al., End-to-end Recovery of Human Shape and Pose, CVPR 2018, section 3.2;
the separate form: N. Kolotouros et al., Learning to Reconstruct 3D Human Pose and Shape via
Model-fitting in the Loop, ICCV 2019.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from hmr_tf.errors import ConfigError

FORMS = ("joint", "separate")
NUM_CAMERA = 3


def split_theta(theta: tf.Tensor, form: str, num_pose: int, num_betas: int) -> dict[str, tf.Tensor]:
    """Splits the estimate vector into its parts.

    Args:
        theta: `[batch, 3 + num_pose + num_betas]`, in the order of `form`.
        form: `joint` (camera, pose, betas) or `separate` (pose, betas, camera).
        num_pose: numbers of the pose, e.g. 72 or 144.
        num_betas: number of shape coefficients.

    Returns:
        Dict of `camera` ``[batch, 3]``, `pose` ``[batch, num_pose]`` and `betas` ``[batch,
        num_betas]``.
    """
    if form == "joint":
        camera, pose, betas = tf.split(theta, [NUM_CAMERA, num_pose, num_betas], axis=-1)
    else:
        pose, betas, camera = tf.split(theta, [num_pose, num_betas, NUM_CAMERA], axis=-1)
    return {"camera": camera, "pose": pose, "betas": betas}


@tf.keras.utils.register_keras_serializable("hmr_tf")
class IterativeRegressor(tf.keras.layers.Layer):
    """Estimates camera, pose and betas from image features in `num_iterations` rounds.

    Each round adds ``F([features, theta])`` to theta, beginning from the mean; weights are shared
    between rounds and gradients flow through all of them. Always computes in float32.

    In the form `joint`, F is Dense, ReLU, dropout, Dense, ReLU, dropout, Dense, and theta is
    (camera, pose, betas). In the form `separate`, F has no activations and three output layers, and
    theta is (pose, betas, camera).

    Args:
        mean_pose: `[num_pose]` start of the pose, in the rotation form that the caller uses.
        mean_betas: `[num_betas]` start of the shape.
        mean_camera: `[3]` start of the camera (scale, tx, ty).
        form: `joint` or `separate`.
        num_iterations: number of rounds.
        hidden_units: width of the two hidden layers.
        dropout: share of hidden units dropped while training.
        train_mean: whether the mean is a trainable weight.

    Call: features ``[batch, num_features]`` float32 -> list of `num_iterations` dicts with `camera`
    ``[batch, 3]``, `pose` ``[batch, num_pose]`` and `betas` ``[batch, num_betas]``. With
    ``training=True`` units are dropped; a ``seed`` (``[2]`` int32) then makes the choice a function
    of the seed alone.
    """

    def __init__(
        self,
        mean_pose: Any,
        mean_betas: Any,
        mean_camera: Any = (0.9, 0.0, 0.0),
        form: str = "joint",
        num_iterations: int = 3,
        hidden_units: int = 1024,
        dropout: float = 0.5,
        train_mean: bool = True,
        name: str = "regressor",
        **kwargs: Any,
    ) -> None:
        if form not in FORMS:
            raise ConfigError(f"Unknown regressor '{form}'; expected one of: {', '.join(FORMS)}.")
        kwargs["dtype"] = "float32"
        super().__init__(name=name, **kwargs)
        # Tuples: Keras would wrap lists for tracking.
        self.mean_pose = tuple(float(x) for x in np.ravel(mean_pose))
        self.mean_betas = tuple(float(x) for x in np.ravel(mean_betas))
        self.mean_camera = tuple(float(x) for x in np.ravel(mean_camera))
        self.form = form
        self.num_iterations = num_iterations
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.train_mean = train_mean

    @property
    def num_pose(self) -> int:
        """Numbers of the pose."""
        return len(self.mean_pose)

    @property
    def num_betas(self) -> int:
        """Number of shape coefficients."""
        return len(self.mean_betas)

    @property
    def num_parameters(self) -> int:
        """Length of theta."""
        return NUM_CAMERA + self.num_pose + self.num_betas

    def build(self, input_shape: Any) -> None:
        """Creates the weights; output layers begin near zero, so training begins at the mean."""
        num_features = int(input_shape[-1])
        if self.form == "joint":
            mean = (*self.mean_camera, *self.mean_pose, *self.mean_betas)
            scale, outputs = 0.01, {"fc3": self.num_parameters}
        else:
            mean = (*self.mean_pose, *self.mean_betas, *self.mean_camera)
            # Xavier's gain of 0.01 is a variance scale of its square.
            scale = 1e-4
            outputs = {"decpose": self.num_pose, "decshape": self.num_betas, "deccam": NUM_CAMERA}
        self.mean = self.add_weight(
            "mean",
            shape=[1, self.num_parameters],
            initializer=tf.keras.initializers.Constant(np.asarray(mean, np.float32)),
            trainable=self.train_mean,
        )
        self.fc1 = self._dense("fc1", self.hidden_units, num_features + self.num_parameters)
        self.fc2 = self._dense("fc2", self.hidden_units, self.hidden_units)
        self.output_layers = [
            # One initializer each: it would give the same numbers again.
            self._dense(
                name,
                units,
                self.hidden_units,
                tf.keras.initializers.VarianceScaling(scale, "fan_avg", "uniform"),
            )
            for name, units in outputs.items()
        ]
        super().build(input_shape)

    def _dense(
        self, name: str, units: int, num_inputs: int, initializer: Any = "glorot_uniform"
    ) -> tf.keras.layers.Dense:
        layer = tf.keras.layers.Dense(
            units, kernel_initializer=initializer, name=name, dtype="float32"
        )
        with tf.name_scope(name):
            layer.build([None, num_inputs])
        return layer

    def call(
        self, features: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None
    ) -> list[dict[str, tf.Tensor]]:
        """Runs all rounds; see the class."""
        theta = tf.tile(self.mean, [tf.shape(features)[0], 1])
        # The features are the same in every round, so their share of the first layer is made once.
        feature_kernel, theta_kernel = tf.split(
            self.fc1.kernel, [features.shape[-1], self.num_parameters], axis=0
        )
        from_features = tf.matmul(features, feature_kernel) + self.fc1.bias
        stages = []
        for iteration in range(self.num_iterations):
            hidden = self._activate(
                from_features + tf.matmul(theta, theta_kernel), training, seed, 2 * iteration
            )
            hidden = self._activate(self.fc2(hidden), training, seed, 2 * iteration + 1)
            theta = theta + tf.concat([layer(hidden) for layer in self.output_layers], axis=-1)
            stages.append(split_theta(theta, self.form, self.num_pose, self.num_betas))
        return stages

    def _activate(
        self, hidden: tf.Tensor, training: bool, seed: tf.Tensor | None, index: int
    ) -> tf.Tensor:
        """ReLU (form `joint` only) and dropout."""
        if self.form == "joint":
            hidden = tf.nn.relu(hidden)
        if not training or not self.dropout:
            return hidden
        if seed is None:
            return tf.nn.dropout(hidden, self.dropout)
        layer_seed = tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int32), index)
        return tf.nn.experimental.stateless_dropout(hidden, self.dropout, layer_seed)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor arguments."""
        config = super().get_config()
        del config["dtype"]
        return {
            **config,
            "mean_pose": list(self.mean_pose),
            "mean_betas": list(self.mean_betas),
            "mean_camera": list(self.mean_camera),
            "form": self.form,
            "num_iterations": self.num_iterations,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
            "train_mean": self.train_mean,
        }
