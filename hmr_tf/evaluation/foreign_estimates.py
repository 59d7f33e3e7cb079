"""Predictions of other programs in the place of a model's estimates."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from hmr_tf import outputs
from hmr_tf.body import posing
from hmr_tf.body.model_file import Body
from hmr_tf.errors import DataError
from hmr_tf.evaluation import contact_sheet, foreign_predictions
from hmr_tf.evaluation.examples import Example
from hmr_tf.evaluation.foreign_predictions import Predictions
from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.protocol import REGRESSORS, Protocol
from hmr_tf.evaluation.scoring import PROTOCOL_JOINTS
from tfrecords_tools import joint_fields, skeletons

_PREFIX = "prediction/"
_OF_JOINTS = ("mpjpe_mm", "pa_mpjpe_mm", "joint_errors_mm", "pa_joint_errors_mm")
_OF_MESHES = ("pve_mm",)
# The middle of the hips is no farther from the pelvis than this, m.
_HIPS_TO_PELVIS = 0.2
_HIPS = (2, 3)

Batch = Mapping[str, tf.Tensor]


class ForeignEstimates:
    """Brings predictions beside the records that they are for, in the records' order.

    Joints of the file are compared as they are; its SMPL parameters give the mesh, and the joints
    where the file has none.

    Args:
        predictions: of `foreign_predictions.read`.
        protocol: by which they are scored.
        body: that SMPL parameters are posed with.

    Raises:
        DataError: if the file lacks joints that the protocol compares.
    """

    def __init__(self, predictions: Predictions, protocol: Protocol, body: Body) -> None:
        self._predictions = predictions
        self._protocol = protocol
        self._body = body
        self._arrays: dict[str, np.ndarray] = {}
        if predictions.joints_3d is not None:
            self._arrays[PROTOCOL_JOINTS] = protocol_joints(predictions, protocol)
        if predictions.rotations is not None:
            self._arrays[outputs.ROTATIONS] = predictions.rotations
            self._arrays[outputs.BETAS] = predictions.betas

    def join(self, batches: Iterable[Batch], limit: int | None = None) -> Iterator[Batch]:
        """Yields batches with the predictions beside them.

        Args:
            batches: of the people whom the protocol looks at.
            limit: people after which to stop; None for all, who must be as many as predictions.

        Raises:
            DataError: if there are more or fewer people than predictions, or image names differ.
        """
        start = 0
        for batch in batches:
            if limit is not None:
                batch = {key: value[: limit - start] for key, value in batch.items()}
            stop = start + len(batch["filename"])
            if stop > len(self._predictions):
                foreign_predictions.check_count(self._predictions, stop, at_least=True)
            names = [name.decode(errors="replace") for name in batch["filename"].numpy()]
            foreign_predictions.check_names(self._predictions, names, start)
            rows = {_PREFIX + key: tf.constant(a[start:stop]) for key, a in self._arrays.items()}
            yield {**batch, **rows}
            start = stop
            if start == limit:
                return
        if limit is None:
            foreign_predictions.check_count(self._predictions, start)

    @staticmethod
    def estimate(batch: Batch) -> dict[str, tf.Tensor]:
        """Takes the estimate out of a batch of `join`."""
        return {
            key[len(_PREFIX) :]: value for key, value in batch.items() if key.startswith(_PREFIX)
        }

    def draw(self, example: Example) -> list[np.ndarray]:
        """Draws a person as `contact_sheet.draw_estimate` does, put onto the true keypoints."""
        if self._predictions.rotations is None:
            joints = self._predictions.joints_3d[example.index]
            skeleton = skeletons.get(self._predictions.skeleton)
            return contact_sheet.draw_joints(example, joints, skeleton)
        rotations = self._predictions.rotations[example.index]
        betas = self._predictions.betas[example.index]
        vertices, _ = posing.pose_body(self._body, rotations, betas)
        regressor, order = REGRESSORS[self._protocol.joints]
        joints = self._body.regressor(regressor) @ vertices
        estimate = {
            outputs.VERTICES: vertices,
            outputs.CAMERA: place(joints, order, example.keypoints_2d, example.visibility),
        }
        return contact_sheet.draw_estimate(example, estimate, self._body.faces)


def measurable(protocol: Protocol, predictions: Predictions) -> Protocol:
    """Returns what of a protocol can be measured on predictions.

    2D keypoints and masks cannot, for want of a camera, nor meshes where the file has joints alone.

    Raises:
        DataError: if that is nothing.
    """
    sources = _OF_JOINTS if predictions.rotations is None else (*_OF_JOINTS, *_OF_MESHES)
    metrics = tuple(name for name in protocol.metrics if MEASURES[name].source in sources)
    if not metrics:
        raise DataError(
            f"protocol {protocol.name} measures nothing that {predictions.path} tells: it compares "
            "where people are seen in the image, and the file's cameras are of crops of its own."
        )
    return dataclasses.replace(protocol, metrics=metrics)


def protocol_joints(predictions: Predictions, protocol: Protocol) -> np.ndarray:
    """Returns the joints as `scoring.Scorer` takes them.

    Args:
        predictions: with joints.
        protocol: says which are compared.

    Returns:
        `[N, J, 3]` float32 m: all of the protocol's joint set; or, of a file without its root, the
        first `num_joints`, relative to the root.

    Raises:
        DataError: if the file lacks joints that are compared, or its root and is not relative to
            it.
    """
    path, joints = predictions.path, predictions.joints_3d
    source, target = skeletons.get(predictions.skeleton), skeletons.get(protocol.joints)
    slots = np.array(skeletons.mapping(source, target))
    is_there = (slots >= 0) & (slots < joints.shape[1])
    compared = range(protocol.num_joints)
    missing = [target.joints[k] for k in compared if not is_there[k]]
    if missing:
        raise DataError(
            f"{path}: protocol {protocol.name} compares {', '.join(missing)}, which the file's "
            f"{joints.shape[1]} joints ({source.name}) do not hold."
        )
    found = np.where(is_there[:, None], joints[:, np.where(is_there, slots, 0)], 0.0)
    found = found.astype(np.float32)
    if all(is_there[k] for k in protocol.root):
        return found
    hips = found[:, _HIPS].mean(axis=1)
    distance = float(np.median(np.linalg.norm(hips, axis=-1)))
    if distance > _HIPS_TO_PELVIS:
        raise DataError(
            f"{path}: the {joints.shape[1]} joints must be relative to the pelvis, which is not "
            f"among them; the hips are {distance:.2f} m from the origin."
        )
    return found[:, : protocol.num_joints]


def place(
    joints: np.ndarray, skeleton: skeletons.Skeleton, keypoints_2d: np.ndarray, seen: np.ndarray
) -> np.ndarray | None:
    """Finds the weak-perspective camera that puts joints nearest to labelled keypoints.

    Args:
        joints: `[K, 3]` m.
        skeleton: their set.
        keypoints_2d: `[19, 2]` crop units, cocoplus.
        seen: `[19]`, 0 where a keypoint is not labelled.

    Returns:
        `[3]` float32 (scale, tx, ty); None if too few keypoints are labelled.
    """
    known = np.concatenate([joints[:, :2], np.ones((len(joints), 1))], axis=1)
    known = joint_fields.rearrange(known, skeleton, skeletons.COCOPLUS19)
    use = (known[:, 2] > 0) & (seen > 0)
    if use.sum() < 3:
        return None
    points, labels = known[use, :2], keypoints_2d[use]
    offsets = points - points.mean(axis=0)
    scale = (offsets * labels).sum() / max((offsets**2).sum(), 1e-9)
    if scale <= 1e-6:
        return None
    shift = labels.mean(axis=0) / scale - points.mean(axis=0)
    return np.array([scale, *shift], np.float32)
