"""True joints and meshes of records, regressed from their SMPL parameters where they must be."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from hmr_tf.body.keypoints import MeshFreeKeypoints
from hmr_tf.body.model_file import Body
from hmr_tf.body.smpl import SMPL, BodyLayer
from hmr_tf.errors import ConfigError
from hmr_tf.evaluation.protocol import REGRESSORS, Protocol
from hmr_tf.geometry import rotations as rotations_lib
from tfrecords_tools import schema, skeletons

GENDERS = ("neutral", "male", "female")  # A record's gender is a number in this order.
_NUM_JOINTS = 24


class TrueBodies:
    """Bodies by gender; a gender that is not given, or not known, is the neutral one.

    Args:
        bodies: `neutral`, and perhaps `male` and `female`; of one mesh.
        is_gendered: whether others than the neutral one are used.

    Attributes:
        bodies: gender -> body, those that are used.

    Raises:
        ConfigError: if they are not of one mesh.
    """

    def __init__(self, bodies: Mapping[str, Body], is_gendered: bool = True) -> None:
        names = GENDERS if is_gendered else GENDERS[:1]
        self.bodies = {name: bodies[name] for name in names if name in bodies}
        neutral = self.bodies["neutral"]
        for name, body in self.bodies.items():
            if body.kind != neutral.kind or body.num_vertices != neutral.num_vertices:
                raise ConfigError(
                    f"the {name} body is of kind '{body.kind}' with {body.num_vertices} vertices, "
                    f"the model's of kind '{neutral.kind}' with {neutral.num_vertices}; true "
                    "bodies must be of the model's kind."
                )
        self._meshes: dict[str, SMPL] = {}
        self._skeletons: dict[str, BodyLayer] = {}
        self._keypoints: dict[tuple[str, str], MeshFreeKeypoints] = {}

    @property
    def genders(self) -> tuple[str, ...]:
        """Those that have a body of their own."""
        return tuple(self.bodies)

    def vertices(self, rotations: tf.Tensor, betas: tf.Tensor, gender: tf.Tensor) -> tf.Tensor:
        """Poses meshes, each with the body of its gender.

        Args:
            rotations: `[B, 24, 3, 3]`.
            betas: `[B, S]`.
            gender: `[B]` int32, as in records.

        Returns:
            `[B, V, 3]` m, not translated.
        """

        def pose(name: str, body: Body) -> tf.Tensor:
            if name not in self._meshes:
                self._meshes[name] = SMPL(body)
            return self._meshes[name](rotations, fit_betas(betas, body))["vertices"]

        return self._by_gender(pose, gender)

    def keypoints(
        self, regressor: str, rotations: tf.Tensor, betas: tf.Tensor, gender: tf.Tensor
    ) -> tf.Tensor:
        """Regresses keypoints, each with the body of its gender; `[B, K, 3]` m, not translated.

        Args:
            regressor: name of the bodies' keypoint regressor.
            rotations, betas, gender: as in `vertices`.
        """

        def regress(name: str, body: Body) -> tf.Tensor:
            key = name, regressor
            if key not in self._keypoints:
                self._keypoints[key] = MeshFreeKeypoints(body, regressor)
            return self._keypoints[key](rotations, fit_betas(betas, body))[0]

        return self._by_gender(regress, gender)

    def smpl_joints(self, rotations: tf.Tensor, betas: tf.Tensor, gender: tf.Tensor) -> tf.Tensor:
        """Poses SMPL's joints, each with the body of its gender; `[B, 24, 3]` m, not translated.

        Args:
            rotations, betas, gender: as in `vertices`.
        """

        def pose(name: str, body: Body) -> tf.Tensor:
            if name not in self._skeletons:
                self._skeletons[name] = BodyLayer(body)
            return self._skeletons[name].skeleton(rotations, fit_betas(betas, body))[2]

        return self._by_gender(pose, gender)

    def _by_gender(self, compute, gender: tf.Tensor) -> tf.Tensor:
        """Computes with every body, and takes each row from that of its gender."""
        result = compute("neutral", self.bodies["neutral"])
        for number, name in enumerate(GENDERS[1:], start=1):
            if name in self.bodies:
                is_of_it = tf.equal(gender, number)[:, None, None]
                result = tf.where(is_of_it, compute(name, self.bodies[name]), result)
        return result


def fit_betas(betas: tf.Tensor, body: Body) -> tf.Tensor:
    """Adds zeros for coefficients that only the body has.

    Args:
        betas: `[B, S]`.
        body: to be posed.

    Raises:
        ConfigError: if the body has fewer coefficients.
    """
    missing = body.num_betas - betas.shape[-1]
    if missing < 0:
        raise ConfigError(
            f"the true shapes have {betas.shape[-1]} betas, the body {body.num_betas}."
        )
    return tf.pad(betas, [[0, 0], [0, missing]]) if missing else betas


def true_rotations(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns the true rotations of a batch, `[B, 24, 3, 3]`."""
    pose = tf.reshape(batch["pose_axis_angle"], [-1, _NUM_JOINTS, 3])
    return rotations_lib.axis_angle_to_matrix(pose)


def true_joints(
    batch: Mapping[str, tf.Tensor], protocol: Protocol, bodies: TrueBodies
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the joints of a protocol's joint set, and whether they are known.

    The record's own, or else (or always, if the protocol says so) those that the body model
    regresses from its SMPL parameters.

    Args:
        batch: of `hmr_tf.data.pipeline.evaluation_dataset`.
        protocol: says which.
        bodies: of which the true people are.

    Returns:
        `[B, J, 3]` m, all of the joint set; and `[B]` bool.
    """
    regressor, order = REGRESSORS[protocol.joints]
    regressed = bodies.keypoints(regressor, true_rotations(batch), batch["betas"], batch["gender"])
    regressed = schema.rearrange(regressed, order, skeletons.get(protocol.joints))
    has_smpl = batch["has_smpl"] > 0
    if protocol.truth == "smpl":
        return regressed, has_smpl
    if protocol.joints == "lsp14":
        own, is_known = batch["joints_3d"], batch["has_3d"] > 0
    else:
        own = schema.rearrange(batch["joints_24_3d"], skeletons.J24, skeletons.J17)
        is_known = tf.reduce_all(own[..., 3] > 0, axis=-1)
        own = own[..., :3]
    return tf.where(is_known[:, None, None], own, regressed), is_known | has_smpl
