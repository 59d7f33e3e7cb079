"""What a protocol fixes: people, joints, root, truth, alignment, metrics."""

from __future__ import annotations

import dataclasses

from hmr_tf.evaluation.measures import MEASURES
from tfrecords_tools import skeletons

# Joint set -> the body's keypoint regressor that gives it, and the order of that.
REGRESSORS = {
    "lsp14": ("cocoplus", skeletons.COCOPLUS19),
    "j17": ("h36m", skeletons.H36M17),
}
_JOINT_SOURCES = {"mpjpe_mm", "pa_mpjpe_mm", "joint_errors_mm", "pa_joint_errors_mm"}
_EACH_JOINT = {"mpjpe_mm": "joint_errors_mm", "pa_mpjpe_mm": "pa_joint_errors_mm"}
_PIXEL_SOURCES = {"mask_counts", "part_counts"}


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a model is scored.

    Attributes:
        name: its name on the command line.
        datasets: records that are read, as folders below the data directory.
        split: split of the records.
        metrics: what is measured, in the order of the table; keys of `measures.MEASURES`.
        comparable_with: whose numbers these may stand beside.
        joints: the joint set that is compared: `lsp14` or `j17`.
        num_joints: the first so many of its joints are compared.
        num_fitted: the first so many of its joints are fitted for PA-MPJPE; 0 for those compared.
        num_pck_joints: the first so many of its joints count for PCK and AUC.
        root: joints of the set whose mean is moved to the origin before MPJPE.
        truth: where true joints come from: `joints`, the record's own, or else regressed from its
            SMPL parameters; or `smpl`, always regressed.
        is_gendered: whether true bodies are of each person's gender, where such bodies are given.
        has_true_gender_mesh: whether the estimated mesh too is of the person's true gender.
        joins_meshes: whether meshes are moved, each with its own joints' root to the origin, before
            their vertices are compared.
        sequences: pattern that the whole name of a record's sequence must match; empty for all.
        frame_step: frames whose number this divides are used.
        turns_to_ray: whether the estimate is turned by the angle between the camera's axis and the
            ray to the middle of the crop, for which the records must know the camera.
        fits_bones: whether the estimate's bones are brought to the true lengths first.
        averages: `person`, or `sequence`: the mean over sequences of the mean over people.
    """

    name: str
    datasets: tuple[str, ...]
    split: str
    metrics: tuple[str, ...]
    comparable_with: str
    joints: str = "lsp14"
    num_joints: int = 14
    num_fitted: int = 0
    num_pck_joints: int = 14
    root: tuple[int, ...] = (2, 3)
    truth: str = "joints"
    is_gendered: bool = False
    has_true_gender_mesh: bool = False
    joins_meshes: bool = False
    sequences: str = ""
    frame_step: int = 1
    turns_to_ray: bool = False
    fits_bones: bool = False
    averages: str = "person"

    @property
    def regressor(self) -> str:
        """Name of the body's keypoint regressor that gives the joints."""
        return REGRESSORS[self.joints][0]

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joints that are compared."""
        return skeletons.get(self.joints).joints[: self.num_joints]

    @property
    def sources(self) -> tuple[str, ...]:
        """The arrays of numbers per person that the metrics and their curves are made of."""
        names = [MEASURES[name].source for name in self.metrics]
        names += [_EACH_JOINT[name] for name in names if name in _EACH_JOINT]
        return tuple(dict.fromkeys(names))

    @property
    def needs_joints(self) -> bool:
        """Whether 3D joints are compared."""
        return bool(_JOINT_SOURCES & set(self.sources))

    @property
    def counts_pixels(self) -> bool:
        """Whether silhouettes or parts are compared."""
        return bool(_PIXEL_SOURCES & set(self.sources))
