"""What can be wrong with one record, in words. Used by the `validate` tool."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfrecords_tools import images, occluder_format, record_formats, skeletons
from tfrecords_tools.errors import ImageError
from tfrecords_tools.record_view import RecordView

# A person, joint to joint, m: a crouching toddler to a stretched giant. Others are other units.
_SHORTEST_M, _LONGEST_M = 0.25, 3.5
_LARGEST_BETA = 20.0
# Visible points may lie a little outside a picture, but not by the picture's size.
_FARTHEST_OUTSIDE = 1.0


def problems(view: RecordView) -> Iterator[str]:
    """Yields what is wrong with a record; nothing if it is good."""
    yield from _not_finite(view)
    if view.record_format == record_formats.MOCAP:
        yield from _body_problems(view)
        return
    if view.record_format == record_formats.OCCLUDER:
        try:
            occluder_format.decode_patch(view.features)
        except ImageError as error:
            yield str(error)
        return
    height_width = view.size
    try:
        image = images.decode_rgb(view.image or b"", "")
    except ImageError:
        yield "image that cannot be decoded"
    else:
        if view.size != (0, 0) and image.shape[:2] != view.size:
            yield "image of another size than height and width say"
        height_width = image.shape[:2]
    if view.keypoints_2d is not None:
        yield from _point_problems(view, height_width)
    yield from _joint_problems(view)
    yield from _body_problems(view)


def _not_finite(view: RecordView) -> Iterator[str]:
    for key in sorted(view.features):
        values = view.features[key]
        if isinstance(values, np.ndarray) and not np.isfinite(values).all():
            yield f"{key} that is not finite"


def _point_problems(view: RecordView, height_width: tuple[int, int]) -> Iterator[str]:
    """Checks what is in the picture."""
    visible = view.keypoints_2d[view.keypoints_2d[:, 2] > 0, :2]
    # SPIN's validation files of Human3.6M and 3DPW label bodies in space alone.
    if not len(visible) and view.pose_axis_angle is None and view.joints_3d is None:
        yield "no visible keypoint"
    size = np.array(height_width[::-1], np.float64)
    low, high = -_FARTHEST_OUTSIDE * size, (1 + _FARTHEST_OUTSIDE) * size
    if size.all() and np.any((visible < low) | (visible > high)):
        yield "visible keypoint far outside the image"
    if view.center is None or not np.all((view.center >= low) & (view.center <= high)):
        yield "center far outside the image"
    if view.box_xyxy is not None and not np.all(view.box_xyxy[2:] > view.box_xyxy[:2]):
        yield "box without an inside"
    if view.intrinsics is not None and not np.all(view.intrinsics[:2] > 0):
        yield "focal length that is not positive"
    if np.any(view.features.get("hmr_tf/person_px", np.ones(1)) <= 0):
        yield "person_px that is not positive"


def _joint_problems(view: RecordView) -> Iterator[str]:
    """Checks the 3D joints."""
    if view.joints_3d is None:
        return
    known = view.joints_3d[view.joints_3d[:, 3] > 0, :3].astype(np.float64)
    if len(known) < 2:
        return
    extent = float(np.linalg.norm(known.max(0) - known.min(0)))
    if extent > _LONGEST_M:
        yield f"3D joints that span more than {_LONGEST_M} m (are they metres?)"
    elif extent < _SHORTEST_M and len(known) >= skeletons.LSP14.num_joints:
        yield f"3D joints that span less than {_SHORTEST_M} m"
    if view.translation is not None and view.intrinsics is not None:
        if view.projected_joints is None:
            yield "3D joints behind the camera"


def _body_problems(view: RecordView) -> Iterator[str]:
    """Checks SMPL's parameters."""
    if view.pose_axis_angle is None:
        return
    if np.abs(view.pose_axis_angle).max() > 4 * np.pi:
        yield "pose beyond two turns (is it degrees?)"
    if view.betas is not None and np.abs(view.betas).max() > _LARGEST_BETA:
        yield f"betas beyond {_LARGEST_BETA:g}"
