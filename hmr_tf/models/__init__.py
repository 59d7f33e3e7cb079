"""Networks that turn images into Estimates. One registry line per model."""

from hmr_tf.registry import Registry

MODELS = Registry("model", {"hmr": "hmr_tf.models.hmr:HMR"})
