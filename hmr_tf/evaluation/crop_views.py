"""Where the crops of an evaluation lie in their pictures, as far as the records know it."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf.body.smpl import BodyLayer
from hmr_tf.geometry.crop_pinhole import CropView


def batch_view(batch: Mapping[str, tf.Tensor], body: BodyLayer) -> CropView:
    """Returns the view of a batch; crops whose camera is not known count as centred.

    Args:
        batch: of `hmr_tf.data.pipeline.evaluation_dataset`, with `center`, `window`, `intrinsics`,
            `has_intrinsics`, `translation`, `has_translation` and `betas`.
        body: whose pelvis is meant; translations are of its origin.
    """
    focal, principal = tf.split(batch["intrinsics"], 2, axis=-1)
    known = batch["has_intrinsics"][:, tf.newaxis] / batch["window"][:, tf.newaxis]
    pelvis = body.rest_joints(batch["betas"])[:, 0, 2]
    return CropView(
        offset=(batch["center"] - principal) * known,
        focal=focal * known,
        root_depth=(batch["translation"][:, 2] + pelvis) * batch["has_translation"],
    )
