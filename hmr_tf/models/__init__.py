"""Networks that turn images into Estimates. One registry line per model and per encoder."""

from hmr_tf.registry import Registry

MODELS = Registry(
    "model",
    {
        "hmr": "hmr_tf.models.hmr:HMR",
        "hybrik": "hmr_tf.models.hybrik:HybrIK",
        "sgre": "hmr_tf.models.sgre:SGRE",
        "smplr": "hmr_tf.models.smplr:SMPLR",
    },
)

ENCODERS = Registry(
    "encoder",
    {
        "resnet50_v2": "hmr_tf.models.resnet_v2:resnet50_v2",
        "resnet18_v2": "hmr_tf.models.resnet_v2:resnet18_v2",
        "resnet_medium_v2": "hmr_tf.models.resnet_v2:resnet_medium_v2",
        "resnet_small_v2": "hmr_tf.models.resnet_v2:resnet_small_v2",
        "resnet_keypoints_v2": "hmr_tf.models.keypoint_resnet:resnet_keypoints_v2",
        "resnet_pyramid_v2": "hmr_tf.models.pyramid_resnet:resnet_pyramid_v2",
        "resnet18_v1": "hmr_tf.models.resnet_v1:resnet18_v1",
        "resnet34_v1": "hmr_tf.models.resnet_v1:resnet34_v1",
        "resnet50_v1": "hmr_tf.models.resnet_v1:resnet50_v1",
        "resnet50_v1_signed": "hmr_tf.models.resnet_v1:resnet50_v1_signed",
        "resnet101_v1": "hmr_tf.models.resnet_v1:resnet101_v1",
        "hrnet_w48": "hmr_tf.models.hrnet:hrnet_w48",
    },
)
# Those that also draw heatmaps of the keypoints.
HEATMAP_ENCODERS = ("resnet_keypoints_v2",)
