"""Records of things to put in front of people: pictures of objects, cut out.

======================  ==========  ======  ==================================================
key                     list        length  meaning
======================  ==========  ======  ==================================================
occluder/encoded        bytes       1       PNG, RGBA; alpha 0 around the object
occluder/height, width  int64       1       its size, px
occluder/category       bytes       1       what it is, e.g. `bottle`
occluder/filename       bytes       1       name of the source image
======================  ==========  ======  ==================================================

Example:
    patches = tf.data.TFRecordDataset(shards).map(occluder_format.parse_occluder_example)
    image = tf.io.decode_png(patch["image_encoded"], channels=4)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tfrecords_tools.errors import ImageError, RecordError
from tfrecords_tools.example_proto import FeatureValue
from tfrecords_tools.samples import OccluderSample

if TYPE_CHECKING:
    import tensorflow as tf

PREFIX = "occluder/"
KEYS = {f"{PREFIX}{name}" for name in ("encoded", "height", "width", "category", "filename")}


def occluder_features(sample: OccluderSample) -> dict[str, FeatureValue]:
    """Returns the features of a record.

    Raises:
        RecordError: if the image is empty.
    """
    if not sample.image or min(sample.height, sample.width) <= 0:
        raise RecordError(f"{sample.filename} {sample.category}: the image is empty.")
    return {
        f"{PREFIX}encoded": sample.image,
        f"{PREFIX}height": np.array([sample.height]),
        f"{PREFIX}width": np.array([sample.width]),
        f"{PREFIX}category": sample.category.encode(),
        f"{PREFIX}filename": sample.filename.encode(),
    }


def parse_occluder_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses one record; runs in a graph.

    Args:
        serialized: `()` string.

    Returns:
        image_encoded `()` string (PNG, RGBA), height and width `()` int32, category and filename
        `()` string.
    """
    import tensorflow as tf

    text, number = (tf.io.FixedLenFeature([], kind) for kind in (tf.string, tf.int64))
    raw = tf.io.parse_single_example(
        serialized,
        {
            **{f"{PREFIX}{name}": text for name in ("encoded", "category", "filename")},
            **{f"{PREFIX}{name}": number for name in ("height", "width")},
        },
    )
    return {
        "image_encoded": raw[f"{PREFIX}encoded"],
        "height": tf.cast(raw[f"{PREFIX}height"], tf.int32),
        "width": tf.cast(raw[f"{PREFIX}width"], tf.int32),
        "category": raw[f"{PREFIX}category"],
        "filename": raw[f"{PREFIX}filename"],
    }


def encode_patch(image: np.ndarray) -> bytes:
    """Returns a `[h, w, 4]` uint8 RGBA image as PNG bytes."""
    is_done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA))
    if not is_done:
        raise ImageError(f"an image of shape {image.shape} cannot be written as PNG")
    return data.tobytes()


def decode_patch(features: Mapping[str, Any]) -> np.ndarray:
    """Returns the `[h, w, 4]` uint8 RGBA image of a record's features.

    Raises:
        ImageError: if it cannot be decoded or has another size than the record says.
    """
    data = bytes(features[f"{PREFIX}encoded"][0])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise ImageError("corrupt image: an occluder must be a PNG with alpha")
    size = tuple(int(features[f"{PREFIX}{name}"][0]) for name in ("height", "width"))
    if image.shape[:2] != size:
        raise ImageError(f"corrupt image: an occluder of {image.shape[:2]} px is said to be {size}")
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)
