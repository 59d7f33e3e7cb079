"""Frozen settings that entry points build from flags and pass down. Nothing here reads a flag."""

from hmr_tf.config.data import AugmentConfig, DataConfig
from hmr_tf.config.hmr import HMRConfig, LossConfig
from hmr_tf.config.hybrik import HybrIKConfig, HybrIKLossConfig
from hmr_tf.config.plain import defaults, from_dict, to_dict
from hmr_tf.config.sgre import SGREConfig, SGRELossConfig
from hmr_tf.config.smplr import SMPLRConfig, SMPLRLossConfig
from hmr_tf.config.synthesis import SynthesisConfig
from hmr_tf.config.training import TrainConfig, ValidationConfig

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "HMRConfig",
    "HybrIKConfig",
    "HybrIKLossConfig",
    "LossConfig",
    "SGREConfig",
    "SGRELossConfig",
    "SMPLRConfig",
    "SMPLRLossConfig",
    "SynthesisConfig",
    "TrainConfig",
    "ValidationConfig",
    "defaults",
    "from_dict",
    "to_dict",
]
