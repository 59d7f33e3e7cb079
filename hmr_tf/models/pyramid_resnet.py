"""A small residual network whose fine map knows what the coarse ones saw.

Limbs are found on a map of an eighth of the image, with what coarser maps make of the whole person
added from above; from random weights that is learned sooner than to find them again in a map of a
thirty-second. Shape and twists are read off the means of both ends.

Reference: T.-Y. Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from hmr_tf.models import resnet_v2

_SPEC = resnet_v2.ResNetV2Spec(
    "resnet_pyramid_v2",
    (2, 2, 2, 2),
    (48, 96, 192, 320),
    stem_width=32,
    stem_kernel=3,
    momentum=0.99,
)
_MAP_WIDTH = 128


def resnet_pyramid_v2(image_size: int, pool: str, dtype_policy: Any) -> tf.keras.Model:
    """Four pre-activation stages and a fine map: 5 million parameters, 448 features.

    Returns:
        A model from images ``[batch, size, size, 3]`` float32 RGB in [0, 1] to features
        ``[batch, 448]`` float32; its layer `map` gives ``[batch, size / 8, size / 8, 128]``.
    """
    images, stages = resnet_v2.build_stages(_SPEC, image_size, pool, dtype_policy)
    builder = resnet_v2.Builder(_SPEC, dtype_policy)
    seen = [
        builder.norm_relu(stage, f"seen_{index}_bn", f"seen_{index}_relu")
        for index, stage in enumerate(stages[1:])
    ]
    x = builder.conv(seen[-1], _MAP_WIDTH, 1, "pyramid_2_conv", use_bias=True)
    for index in (1, 0):
        x = tf.keras.layers.UpSampling2D(2, name=f"pyramid_{index}_up", dtype=dtype_policy)(x)
        height, width = seen[index].shape[1:3]
        lateral = builder.conv(seen[index], _MAP_WIDTH, 1, f"pyramid_{index}_conv", use_bias=True)
        x = tf.keras.layers.Add(name=f"pyramid_{index}_sum", dtype=dtype_policy)(
            [x[:, :height, :width], lateral]  # Odd maps.
        )
    x = builder.conv(x, _MAP_WIDTH, 3, "map_conv")
    ends = (("coarse_pool", seen[-1]), ("fine_pool", builder.norm_relu(x, "map_bn", "map")))
    means = [tf.keras.layers.GlobalAveragePooling2D(name=n, dtype="float32")(x) for n, x in ends]
    features = tf.keras.layers.Concatenate(name="avg_pool", dtype="float32")(means)
    return tf.keras.Model(images, features, name=_SPEC.name)
