"""Published checkpoints of other systems, read into the networks of this one.

One file and one registry line per format.
"""

from hmr_tf.registry import Registry

FORMATS = Registry(
    "weight format",
    {
        "hmr_tf1": "hmr_tf.weights.hmr_tf1:FORMAT",
        "hmr2": "hmr_tf.weights.hmr2:FORMAT",
        "spin": "hmr_tf.weights.spin:FORMAT",
        "mmhuman3d": "hmr_tf.weights.mmhuman3d:FORMAT",
        "pytorch_hmr": "hmr_tf.weights.pytorch_hmr:FORMAT",
        "hybrik": "hmr_tf.weights.hybrik:FORMAT",
        "sgre": "hmr_tf.weights.sgre:FORMAT",
        "smplr": "hmr_tf.weights.smplr:FORMAT",
        "slim_resnet_v2_50": "hmr_tf.weights.slim_resnet_v2_50:FORMAT",
        "torchvision_resnet": "hmr_tf.weights.torchvision_resnet:FORMAT",
        "keras_imagenet": "hmr_tf.weights.keras_imagenet:FORMAT",
    },
)
