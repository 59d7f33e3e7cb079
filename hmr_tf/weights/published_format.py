"""What one kind of published checkpoint is: how it is read, and which network it fits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Callable

from hmr_tf.weights.mapping import Assignment, Tensors

# Reasons why a tensor is not needed.
OPTIMIZER = "optimizer state"
COUNTER = "counters"
CLASSIFIER = "the classifier of ImageNet"
BODY = "the body's arrays, dropped: the body is the user's own file"


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of published checkpoint.

    Attributes:
        what: what a file of this kind is, for messages.
        open: path -> the tensors of the file.
        config: tensors -> the architecture that the weights need, settings of the model; of an
            encoder's weights only `encoder` and `pool` matter.
        assignments: (network, tensors) -> how its variables are made, in the network's order. The
            network is a model, or the encoder alone.
        own: regular expression of the names of the network's own tensors.
        ignored: (regular expression, reason) of tensors that are known and not needed.
        model: name in ``hmr_tf.models.MODELS`` of the model that the file holds.
        is_encoder: whether it holds an encoder alone.
        keypoints: keypoint regressors, best first, of which the body must have one.
        template: name of the body's template ``[V, 3]`` in the file, if it has one.
    """

    what: str
    open: Callable[[str], Tensors]
    config: Callable[[Tensors], Any]
    assignments: Callable[[Any, Tensors], Sequence[Assignment]]
    own: str
    ignored: tuple[tuple[str, str], ...]
    model: str = "hmr"
    is_encoder: bool = False
    keypoints: tuple[str, ...] = ("cocoplus",)
    template: str = ""
