"""Full 3D human bodies from one image, in TensorFlow 2 and Keras."""

__version__ = "0.1.0"
