"""Rotations of joints relative to their parents, and composed from the root: the way between.

A global rotation says how a joint is turned in the camera frame, whatever lies above it in the
tree: G_k = G_parent(k) L_k. An error of one global rotation turns that joint alone; an error of a
local one turns everything below it.
"""

from __future__ import annotations

import tensorflow as tf

from hmr_tf.geometry.kinematics import KinematicTree, take


def local_to_global(rotations: tf.Tensor, tree: KinematicTree) -> tf.Tensor:
    """Composes rotations along the tree, level by level.

    Args:
        rotations: `[..., J, 3, 3]` float32, each joint relative to its parent, joint 0 global.
        tree: the skeleton's tree.

    Returns:
        `[..., J, 3, 3]` float32.
    """
    rotations = tf.convert_to_tensor(rotations)
    sizes = [len(level) for level in tree.levels]
    parts = tf.split(take(rotations, tree.order), sizes, axis=-3)
    done = [parts[0]]
    for slots, part in zip(tree.parent_slots, parts[1:]):
        done.append(tf.linalg.matmul(take(done[-1], slots), part))
    return take(tf.concat(done, axis=-3), tree.positions)


def global_to_local(rotations: tf.Tensor, tree: KinematicTree) -> tf.Tensor:
    """Returns each rotation relative to its parent's: L_k = G_parent(k)^T G_k.

    Args:
        rotations: `[..., J, 3, 3]` float32, global.
        tree: the skeleton's tree.

    Returns:
        `[..., J, 3, 3]` float32, joint 0 global.
    """
    rotations = tf.convert_to_tensor(rotations)
    above = take(rotations, tree.parents[1:])
    below = tf.linalg.matmul(above, rotations[..., 1:, :, :], transpose_a=True)
    return tf.concat([rotations[..., :1, :, :], below], axis=-3)
