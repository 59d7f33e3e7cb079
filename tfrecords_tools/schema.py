"""The one definition of a record: its keys, and how a sample becomes a record and comes back.

Image records are a superset of the original HMR release's, so that its parser reads ours and ours
reads its records. Keys of the original, with its dtypes and lengths (``[n]`` n numbers):

======================  ==========  =========  ==============================================
key                     list        length     meaning
======================  ==========  =========  ==============================================
image/encoded           bytes       1          JPEG, RGB
image/format            bytes       1          `JPEG`
image/filename          bytes       1          name of the source image
image/height, width     int64       1          size of the stored image, px
image/center            int64       2          (x, y) of the person, px, truncated
image/x, image/y        float       14         LSP-14, px; meaningless where not visible
image/visibility        int64       14         visible when > 0 (COCO stores 0, 1 or 2)
image/face_pts          float       15         optional: 3 x 5 rows x, y, visibility of nose,
                                               left eye, right eye, left ear, right ear
mosh/gt3d               float       42         optional: 14 x 3, LSP-14, m, camera frame
mosh/pose, mosh/shape   float       72, 10     optional: SMPL axis-angle and betas; all -1 when
                                               unknown beside a known gt3d
meta/has_3d             int64       1          optional: 1 when mosh/pose and mosh/shape hold
meta/scale_factors      float       2          optional: (height, width) factor of the resize
meta/crop_pt            int64       2          optional: (x, y) of the crop's corner
image/cam               float       3          optional: focal length, centre x, y, px
======================  ==========  =========  ==============================================

``meta/has_3d`` speaks of SMPL only: 3D joints are valid wherever ``mosh/gt3d`` is there.

Keys of our own, all optional, in the namespace ``hmr_tf/``: ``center`` float 2 (not truncated),
``keypoints_24_2d`` float 24 x 3 (J24: x, y px, confidence), ``joints_24_3d`` float 24 x 4 (m,
camera frame, confidence), ``translation`` float 3 (m), ``intrinsics`` float 4 (fx, fy, cx, cy px of
the stored image), ``gender`` int64 (0 neutral, 1 male, 2 female), ``box_xyxy`` float 4 (px),
``person_px`` float 1 (diagonal of the box around the joints of a whole body, px; 150 if absent),
``dataset``, ``subject``, ``sequence`` bytes, ``frame`` int64.

Motion-capture records are the original's: ``pose`` float 72 (axis-angle, rad), ``shape`` float 10.
Records of things to put in front of people are in `tfrecords_tools.occluder_format`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrecords_tools import skeletons
from tfrecords_tools.errors import RecordError
from tfrecords_tools.example_proto import FeatureValue, encode_example
from tfrecords_tools.occluder_format import occluder_features
from tfrecords_tools.samples import PERSON_PX, MocapSample, OccluderSample, Sample

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = [
    "OPTIONAL_FIELDS",
    "SCHEMA_VERSION",
    "MocapSample",
    "Sample",
    "encode_sample",
    "parse_image_example",
    "parse_mocap_example",
    "rearrange",
]

# Part of every manifest; records of another version are not mixed with ours.
SCHEMA_VERSION = 1

_EXTRA = "hmr_tf/"
_NUM_LSP, _NUM_FACE = 14, 5
# Parsed fields that may be unknown -> the name of their flag behind `has_`.
OPTIONAL_FIELDS = {"translation": "translation", "intrinsics": "intrinsics", "box_xyxy": "box"}
_FLOAT_SHAPES = {
    "center": (2,),
    "keypoints_2d": (19, 3),
    "keypoints_24_2d": (24, 3),
    "joints_3d": (14, 3),
    "joints_24_3d": (24, 4),
    "pose_axis_angle": (72,),
    "betas": (10,),
    "translation": (3,),
    "intrinsics": (4,),
    "box_xyxy": (4,),
    "scale_factors": (2,),
    "crop_origin": (2,),
}


def encode_sample(sample: Sample | MocapSample | OccluderSample) -> bytes:
    """Serializes a sample as a ``tf.train.Example``.

    Raises:
        RecordError: if a field has the wrong shape or a value that is not finite; the message
            names field and sample.
    """
    if isinstance(sample, MocapSample):
        arrays = _checked_arrays(sample, sample.name or "motion-capture sample")
        return encode_example({"pose": arrays["pose_axis_angle"], "shape": arrays["betas"]})
    if isinstance(sample, OccluderSample):
        return encode_example(occluder_features(sample))
    return encode_example(_image_features(sample))


def _checked_arrays(sample: Sample | MocapSample, name: str) -> dict[str, np.ndarray]:
    """Returns the sample's known arrays as float32, with shapes and values checked."""
    arrays = {}
    for field, shape in _FLOAT_SHAPES.items():
        value = getattr(sample, field, None)
        if value is None:
            continue
        array = np.asarray(value, np.float32)
        if array.shape != shape:
            raise RecordError(f"{name}: {field} must be {shape}; received {array.shape}.")
        if not np.isfinite(array).all():
            raise RecordError(f"{name}: {field} holds a value that is not finite.")
        arrays[field] = array
    return arrays


def _image_features(sample: Sample) -> dict[str, FeatureValue]:
    """Returns the features of an image record."""
    name = " ".join(part for part in (sample.dataset, sample.filename) if part)
    arrays = _checked_arrays(sample, name)
    if not sample.image or sample.height <= 0 or sample.width <= 0:
        raise RecordError(f"{name}: the image is empty.")
    if (sample.pose_axis_angle is None) != (sample.betas is None):
        raise RecordError(f"{name}: pose_axis_angle and betas are known together or not at all.")
    keypoints = arrays["keypoints_2d"]
    # Confidences between 0 and 1 must not be truncated to "not visible".
    visibility = np.ceil(keypoints[:_NUM_LSP, 2]).astype(np.int64)
    features: dict[str, FeatureValue] = {
        "image/encoded": sample.image,
        "image/format": b"JPEG",
        "image/filename": sample.filename.encode(),
        "image/height": np.array([sample.height]),
        "image/width": np.array([sample.width]),
        "image/center": arrays["center"].astype(np.int64),
        "image/x": keypoints[:_NUM_LSP, 0],
        "image/y": keypoints[:_NUM_LSP, 1],
        "image/visibility": visibility,
        f"{_EXTRA}center": arrays["center"],
    }
    if np.any(keypoints[_NUM_LSP:]):
        features["image/face_pts"] = keypoints[_NUM_LSP:].T
    features.update(_features_3d(arrays))
    for field in ("keypoints_24_2d", "joints_24_3d", "translation", "intrinsics", "box_xyxy"):
        if field in arrays:
            features[_EXTRA + field] = arrays[field]
    for field in ("dataset", "subject", "sequence"):
        if getattr(sample, field):
            features[_EXTRA + field] = getattr(sample, field).encode()
    if sample.person_px is not None:
        if not 0.0 < sample.person_px < np.inf:
            raise RecordError(f"{name}: person_px must be positive; received {sample.person_px}.")
        features[f"{_EXTRA}person_px"] = np.array([sample.person_px], np.float32)
    for field in ("gender", "frame"):
        if getattr(sample, field) >= 0:
            features[_EXTRA + field] = np.array([getattr(sample, field)])
    return features


def _features_3d(arrays: dict[str, np.ndarray]) -> dict[str, FeatureValue]:
    """Returns the original's extra keys for records with 3D, as far as they are known."""
    features: dict[str, FeatureValue] = {}
    has_smpl = "pose_axis_angle" in arrays
    if has_smpl or "joints_3d" in arrays:
        # The original's parser demands pose and shape beside gt3d, and its writer wrote -1.
        features["mosh/pose"] = arrays.get("pose_axis_angle", np.full(72, -1.0))
        features["mosh/shape"] = arrays.get("betas", np.full(10, -1.0))
        features["meta/has_3d"] = np.array([int(has_smpl)])
    if "joints_3d" in arrays:
        features["mosh/gt3d"] = arrays["joints_3d"]
    if "scale_factors" in arrays:
        features["meta/scale_factors"] = arrays["scale_factors"]
    if "crop_origin" in arrays:
        features["meta/crop_pt"] = arrays["crop_origin"].astype(np.int64)
    if "intrinsics" in arrays:
        fx, fy, cx, cy = arrays["intrinsics"]
        features["image/cam"] = np.array([(fx + fy) / 2, cx, cy], np.float32)
    return features


def parse_image_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses image records, ours and the original release's, with or without 3D.

    A graph operation. Absent fields have validity 0 and value 0 (-1 for `gender` and `frame`), also
    where the record holds the original's vectors of -1. Points that are not visible are zeros.

    Args:
        serialized: scalar, or `[batch]`, string; a batch adds its axis to every result.

    Returns:
        A dict of float32 tensors unless said otherwise: `image_encoded` () string; `filename` ()
        string; `height`, `width` () int32; `center` `[2]` px; `keypoints_2d` `[19, 3]` cocoplus x,
        y px, visibility 0 or 1; `keypoints_24_2d` `[24, 3]` J24; `joints_3d` `[14, 3]` m and
        `has_3d` (); `joints_24_3d` `[24, 4]` m, confidence; `pose_axis_angle` `[72]`, `betas`
        `[10]` and `has_smpl` (); `translation` `[3]` m and `has_translation` (); `intrinsics`
        `[4]` and `has_intrinsics` (); `person_px` () px, the person's size; `gender` () int32;
        `box_xyxy` `[4]` and `has_box` (); `dataset`, `subject`, `sequence` () string; `frame` ()
        int64. The J24 fields are filled from the cocoplus and LSP-14 fields where a record has
        only those.
    """
    import tensorflow as tf

    raw = tf.io.parse_example(serialized, _image_spec())
    parsed = {
        "image_encoded": raw["image/encoded"],
        "filename": raw["image/filename"],
        "height": tf.cast(tf.maximum(raw["image/height"], 0), tf.int32),
        "width": tf.cast(tf.maximum(raw["image/width"], 0), tf.int32),
        "gender": tf.cast(raw[f"{_EXTRA}gender"], tf.int32),
        "frame": raw[f"{_EXTRA}frame"],
    }
    person_px = raw[f"{_EXTRA}person_px"]
    is_size = tf.math.is_finite(person_px) & (person_px > 0.0)
    parsed["person_px"] = tf.where(is_size, person_px, PERSON_PX)
    for field in ("dataset", "subject", "sequence"):
        parsed[field] = raw[_EXTRA + field]
    center, has_center = _known(raw[f"{_EXTRA}center"])
    truncated = tf.cast(raw["image/center"], tf.float32)
    parsed["center"] = tf.where(has_center[..., None] > 0, center, truncated)
    for field, flag in OPTIONAL_FIELDS.items():
        parsed[field], parsed[f"has_{flag}"] = _known(raw[_EXTRA + field])
    parsed.update(_parse_points(raw))
    is_smpl = tf.cast(raw["meta/has_3d"] > 0, tf.float32)
    pose, has_pose = _known(_without_minus_ones(raw["mosh/pose"]))
    betas, has_betas = _known(_without_minus_ones(raw["mosh/shape"]))
    parsed["has_smpl"] = is_smpl * has_pose * has_betas
    parsed["pose_axis_angle"] = pose * parsed["has_smpl"][..., None]
    parsed["betas"] = betas * parsed["has_smpl"][..., None]
    return parsed


def parse_mocap_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses motion-capture records, ours and the original release's.

    Args:
        serialized: scalar, or `[batch]`, string.

    Returns:
        `pose_axis_angle` `[72]` rad and `betas` `[10]`, float32; a batch adds its axis.
    """
    import tensorflow as tf

    spec = {
        "pose": tf.io.FixedLenFeature([72], tf.float32),
        "shape": tf.io.FixedLenFeature([10], tf.float32),
    }
    raw = tf.io.parse_example(serialized, spec)
    return {"pose_axis_angle": raw["pose"], "betas": raw["shape"]}


def _image_spec() -> dict[str, tf.io.FixedLenFeature]:
    """Returns what `tf.io` needs to read an image record; absent floats come back as NaN."""
    import tensorflow as tf

    def floats(*shape: int) -> tf.io.FixedLenFeature:
        return tf.io.FixedLenFeature(shape, tf.float32, np.full(shape, np.nan))

    def text() -> tf.io.FixedLenFeature:
        return tf.io.FixedLenFeature([], tf.string, "")

    def integer(default: int) -> tf.io.FixedLenFeature:
        return tf.io.FixedLenFeature([], tf.int64, default)

    return {
        "image/encoded": text(),
        "image/filename": text(),
        "image/height": integer(-1),
        "image/width": integer(-1),
        "image/center": tf.io.FixedLenFeature([2], tf.int64),
        "image/x": tf.io.FixedLenFeature([_NUM_LSP], tf.float32),
        "image/y": tf.io.FixedLenFeature([_NUM_LSP], tf.float32),
        "image/visibility": tf.io.FixedLenFeature([_NUM_LSP], tf.int64),
        "image/face_pts": tf.io.FixedLenFeature([3, _NUM_FACE], tf.float32, np.zeros(15)),
        "mosh/pose": floats(72),
        "mosh/shape": floats(10),
        "mosh/gt3d": floats(14, 3),
        "meta/has_3d": integer(0),
        f"{_EXTRA}center": floats(2),
        f"{_EXTRA}keypoints_24_2d": floats(24, 3),
        f"{_EXTRA}joints_24_3d": floats(24, 4),
        f"{_EXTRA}translation": floats(3),
        f"{_EXTRA}intrinsics": floats(4),
        f"{_EXTRA}box_xyxy": floats(4),
        f"{_EXTRA}person_px": tf.io.FixedLenFeature([], tf.float32, 0.0),
        f"{_EXTRA}gender": integer(-1),
        f"{_EXTRA}frame": integer(-1),
        f"{_EXTRA}dataset": text(),
        f"{_EXTRA}subject": text(),
        f"{_EXTRA}sequence": text(),
    }


def _known(values: tf.Tensor, num_axes: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
    """Splits a feature into values and validity.

    Args:
        values: `[..., n]`, or `[..., n, m]` with ``num_axes=2``; NaN where absent.
        num_axes: axes of one value.

    Returns:
        The values, zeros where absent or not finite, and `[...]` 1 where known.
    """
    import tensorflow as tf

    axes = list(range(-num_axes, 0))
    is_known = tf.reduce_all(tf.math.is_finite(values), axis=axes, keepdims=True)
    known = tf.where(is_known, values, tf.zeros_like(values))
    return known, tf.cast(tf.squeeze(is_known, axes), tf.float32)


def _without_minus_ones(values: tf.Tensor, num_axes: int = 1) -> tf.Tensor:
    """Marks the original's vectors of -1, which stand for "unknown", as absent (NaN)."""
    import tensorflow as tf

    axes = list(range(-num_axes, 0))
    is_absent = tf.reduce_all(values == -1.0, axis=axes, keepdims=True)
    return tf.where(is_absent, tf.constant(np.nan, tf.float32), values)


def _parse_points(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the 2D and 3D points of parsed raw features."""
    import tensorflow as tf

    visibility = tf.cast(raw["image/visibility"], tf.float32)
    body = tf.stack([raw["image/x"], raw["image/y"], visibility], axis=-1)
    face = tf.linalg.matrix_transpose(raw["image/face_pts"])
    points = tf.concat([body, face], axis=-2)
    visible = (points[..., 2:] > 0) & tf.reduce_all(tf.math.is_finite(points), -1, keepdims=True)
    ones = tf.ones_like(points[..., 2:])
    keypoints_2d = tf.where(visible, tf.concat([points[..., :2], ones], -1), tf.zeros_like(points))

    joints_3d, has_3d = _known(_without_minus_ones(raw["mosh/gt3d"], num_axes=2), num_axes=2)
    confident = tf.concat([joints_3d, tf.ones_like(joints_3d[..., :1])], -1)
    joints = confident * has_3d[..., None, None]
    keypoints_24, has_keypoints_24 = _known(raw[f"{_EXTRA}keypoints_24_2d"], num_axes=2)
    joints_24, has_joints_24 = _known(raw[f"{_EXTRA}joints_24_3d"], num_axes=2)
    from_cocoplus = rearrange(keypoints_2d, skeletons.COCOPLUS19, skeletons.J24)
    return {
        "keypoints_2d": keypoints_2d,
        "keypoints_24_2d": tf.where(
            has_keypoints_24[..., None, None] > 0,
            tf.where(keypoints_24[..., 2:] > 0, keypoints_24, tf.zeros_like(keypoints_24)),
            from_cocoplus,
        ),
        "joints_3d": joints_3d,
        "has_3d": has_3d,
        "joints_24_3d": tf.where(
            has_joints_24[..., None, None] > 0,
            tf.where(joints_24[..., 3:] > 0, joints_24, tf.zeros_like(joints_24)),
            rearrange(joints, skeletons.LSP14, skeletons.J24),
        ),
    }


def rearrange(
    points: tf.Tensor, source: skeletons.Skeleton, target: skeletons.Skeleton
) -> tf.Tensor:
    """Puts points of one joint set into the order of another.

    Args:
        points: `[..., J, n]` in the order of ``source``.
        source: the joint set of the points.
        target: the joint set wanted.

    Returns:
        `[..., K, n]` in the order of ``target``, zeros for joints that ``source`` lacks.
    """
    import tensorflow as tf

    # One row of zeros behind the points is what "absent" gathers.
    padded = tf.concat([points, tf.zeros_like(points[..., :1, :])], axis=-2)
    slots = skeletons.mapping(source, target)
    return tf.gather(padded, [slot % (source.num_joints + 1) for slot in slots], axis=-2)
