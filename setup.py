"""Packaging of hmr_tf and tfrecords_tools.

``HMR_TF_TENSORFLOW=tensorflow-cpu pip install .`` takes TensorFlow's CPU wheel, the same library
at under half the download, on machines without a GPU.
"""

import os
import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "hmr_tf/__init__.py").read_text()).group(1)
TENSORFLOW = os.environ.get("HMR_TF_TENSORFLOW", "tensorflow")
COMMANDS = (
    "synthesize",
    "convert",
    "import_weights",
    "train",
    "evaluate",
    "predict",
    "export",
    "benchmark",
    "demo",
)
# Installed alone, Beam would bring a protobuf that TensorFlow cannot use.
BEAM = ["apache-beam>=2.60", "protobuf<5"]

setup(
    name="hmr_tf",
    version=VERSION,
    description="Full 3D human bodies (SMPL) from one image, in TensorFlow 2 and Keras",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.9,<3.12",
    packages=find_packages(include=["hmr_tf*", "tfrecords_tools*"]),
    package_data={
        "hmr_tf.body.free_body": ["*.npz", "*.md"],
        "hmr_tf.synthetic.motion_clips": ["*.npz", "*.md", "*.txt"],
    },
    install_requires=[
        f"{TENSORFLOW}>=2.13,<2.16",  # Addons' last release supports no later one.
        "tensorflow-addons==0.23.*",
        "numpy>=1.23.5,<2",
        "scipy",
        "opencv-python-headless>=4.8,<4.12",  # 4.12 demands NumPy 2.
        "google-crc32c",  # The checksum of record files, without importing TensorFlow.
        "h5py",
        "absl-py",
        "tqdm",
        "trimesh",
        "setuptools<82",  # TensorBoard 2.15 imports pkg_resources.
    ],
    extras_require={
        "beam": BEAM,
        "gpu": ["tensorflow[and-cuda]>=2.14,<2.16"],
        "datasets": ["cdflib"],  # Human3.6M's poses.
        "demo": ["scikit-image"],  # Two photographs that the demo tries itself on.
        "test": ["cdflib", "pytest", "pytest-xdist>=3.2", "ruff", "scikit-image", *BEAM],
    },
    entry_points={
        "console_scripts": [f"hmr-tf-{name} = hmr_tf.{name}:run" for name in COMMANDS],
    },
)
