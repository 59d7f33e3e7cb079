"""Bodies of women and men, one of which is posed for each person."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.body.model_file import Body
from hmr_tf.errors import BodyError


class GenderedBody(tf.keras.layers.Layer):
    """Poses each person on the body of their gender.

    Both bodies are posed and one is taken, so that no gradient reaches the score.

    Args:
        female, male: layers over a body, called with rotations and betas.

    Call: rotations ``[batch, 24, 3, 3]``, betas ``[batch, S]``, score ``[batch]``, which is
    negative for women -> what the layers return.
    """

    def __init__(
        self, female: tf.keras.layers.Layer, male: tf.keras.layers.Layer, name: str | None = None
    ) -> None:
        super().__init__(name=name, trainable=False, dtype="float32", autocast=False)
        self.female = female
        self.male = male

    def call(self, rotations: tf.Tensor, betas: tf.Tensor, score: tf.Tensor) -> Any:
        """Returns what the class says."""

        def choose(female: tf.Tensor, male: tf.Tensor) -> tf.Tensor:
            is_male = tf.reshape(score >= 0.0, [-1] + [1] * (male.shape.rank - 1))
            return tf.where(is_male, male, female)

        return tf.nest.map_structure(
            choose, self.female(rotations, betas), self.male(rotations, betas)
        )


def check_pair(female: Body, male: Body) -> None:
    """Checks that two bodies have the same points, shapes and skeleton.

    Raises:
        BodyError: if they differ in kind, in vertices, in shape coefficients or in parents.
    """
    for what in ("kind", "num_vertices", "num_betas"):
        one, other = getattr(female, what), getattr(male, what)
        if one != other:
            raise BodyError(
                f"The bodies of both genders must agree in {what}; '{female.source}' has {one} and "
                f"'{male.source}' {other}."
            )
    if (female.parents != male.parents).any():
        raise BodyError("The bodies of both genders must have the same parents.")
