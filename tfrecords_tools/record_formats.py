"""Tells from a record which program's format it has: ours, the original release's, or hmr2.0's.

==============  ===============================================================================
format          record
==============  ===============================================================================
`hmr_tf`        an image record of this package (see `tfrecords_tools.schema`)
`hmr`           an image record of the original release; the same parser reads it
`hmr2`          an image record of hmr2.0 (see `tfrecords_tools.hmr2_format`)
`hmr2_toes`     an image record of hmr2.0's build with toes: 21 points instead of 19
`mocap`         a motion-capture record; all three write the same
`occluder`      an object cut out of an image (see `tfrecords_tools.occluder_format`)
==============  ===============================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfrecords_tools import occluder_format
from tfrecords_tools.errors import RecordError
from tfrecords_tools.example_proto import decode_example

HMR_TF, HMR, HMR2, HMR2_TOES, MOCAP = "hmr_tf", "hmr", "hmr2", "hmr2_toes", "mocap"
OCCLUDER = "occluder"

_OUR_MARK = "hmr_tf/center"
# Keys that a record of the format must have -> how many numbers they hold.
_HMR_KEYS = {"image/center": 2, "image/x": 14, "image/y": 14, "image/visibility": 14}
_HMR_OPTIONAL = {"image/face_pts": 15, "mosh/gt3d": 42, "mosh/pose": 72, "mosh/shape": 10}
_HMR2_KEYS = {HMR2: (57, 42), HMR2_TOES: (63, 48)}  # keypoints_2d, keypoints_3d
_MOCAP_KEYS = {"pose": 72, "shape": 10}
_MAX_KEYS_SHOWN = 8


def recognize(serialized: bytes, name: str) -> tuple[str, Mapping[str, Any]]:
    """Finds out the format of a record.

    Args:
        serialized: the record.
        name: of its file, for errors.

    Returns:
        One of the formats above, and the record's features.

    Raises:
        RecordError: if the format is unknown; the message says what the record holds.
    """
    try:
        features = decode_example(serialized)
    except RecordError as error:
        raise RecordError(f"{name}: its first record is {error}.") from error
    keys = set(features)
    if "image/encoded" in keys and set(_HMR_KEYS) <= keys:
        optional = {key: size for key, size in _HMR_OPTIONAL.items() if key in keys}
        _check_sizes(features, {**_HMR_KEYS, **optional}, name)
        return (HMR_TF if _OUR_MARK in keys else HMR), features
    if {"image_raw", "keypoints_2d", "has_3d"} <= keys:
        return _hmr2_build(features, name), features
    if set(_MOCAP_KEYS) <= keys:
        _check_sizes(features, _MOCAP_KEYS, name)
        return MOCAP, features
    if occluder_format.KEYS <= keys:
        return OCCLUDER, features
    shown = sorted(keys)[:_MAX_KEYS_SHOWN]
    more = f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else ""
    raise RecordError(
        f"{name}: its first record has no known format; expected the keys of the original release "
        "(image/encoded, image/center, image/x, ...), of hmr2.0 (image_raw, keypoints_2d, has_3d) "
        f"or of motion capture (pose, shape); it holds {', '.join(shown) or 'nothing'}{more}. "
        "Convert the dataset with hmr_tf.convert."
    )


def _hmr2_build(features: Mapping[str, Any], name: str) -> str:
    """Returns which build of hmr2.0 wrote a record."""
    sizes = tuple(len(features.get(key, ())) for key in ("keypoints_2d", "keypoints_3d"))
    for build, expected in _HMR2_KEYS.items():
        if sizes == expected or sizes == (expected[0], 0):
            return build
    raise RecordError(
        f"{name}: its first record looks like hmr2.0's, but keypoints_2d and keypoints_3d hold "
        f"{sizes[0]} and {sizes[1]} numbers; expected 57 and 42, or 63 and 48 with toes."
    )


def _check_sizes(features: Mapping[str, Any], sizes: Mapping[str, int], name: str) -> None:
    for key, size in sizes.items():
        if len(features[key]) != size:
            raise RecordError(
                f"{name}: {key} of its first record holds {len(features[key])} numbers; expected "
                f"{size}. Convert the dataset again."
            )
