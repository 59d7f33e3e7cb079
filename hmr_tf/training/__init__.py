"""What one replica does with a batch, and the loop around it. Two lines here per model."""

from hmr_tf import config
from hmr_tf.registry import Registry

# By model: the kind of its training.
TASKS = Registry(
    "model",
    {
        "hmr": "hmr_tf.training.adversarial:AdversarialTask",
        "hybrik": "hmr_tf.training.hybrik:HybrIKTask",
        "smplr": "hmr_tf.training.smplr:SMPLRTask",
        "sgre": "hmr_tf.training.sgre:SGRETask",
    },
)
# By model: the settings of its architecture and of its losses.
SETTINGS = {
    "hmr": (config.HMRConfig, config.LossConfig),
    "hybrik": (config.HybrIKConfig, config.HybrIKLossConfig),
    "smplr": (config.SMPLRConfig, config.SMPLRLossConfig),
    "sgre": (config.SGREConfig, config.SGRELossConfig),
}
