"""The embedded body: freely licensed, in SMPL's file terms, and not SMPL; see ATTRIBUTION.md."""

from hmr_tf.body.free_body.loader import arrays, load

__all__ = ["arrays", "load"]
