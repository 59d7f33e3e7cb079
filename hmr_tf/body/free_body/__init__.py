"""The embedded body: freely licensed, in SMPL's file terms, and not SMPL; see ATTRIBUTION.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hmr_tf.body.free_body.loader import arrays

if TYPE_CHECKING:
    from hmr_tf.body.model_file import Body

__all__ = ["arrays", "load"]


def load() -> Body:
    """Loads the embedded body.

    Returns:
        A `hmr_tf.body.model_file.Body` of kind "free_body" with the keypoint regressors cocoplus,
        h36m, extra and j24.
    """
    from hmr_tf.body.model_file import body_from_arrays

    return body_from_arrays(arrays(), source="free_body")
