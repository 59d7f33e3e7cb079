"""Fifteen short clips of real human motion as SMPL poses; see ATTRIBUTION.md."""

from hmr_tf.synthetic.motion_clips.clips import Clip, load_clips

__all__ = ["Clip", "load_clips"]
