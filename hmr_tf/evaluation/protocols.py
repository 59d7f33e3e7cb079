"""Evaluation protocols by name: which people, joints, root and metrics, and whose numbers compare.

Numbers of two papers compare only if all of this agrees. A new protocol is one `Protocol` here and
one line in `PROTOCOLS`.
"""

from __future__ import annotations

import dataclasses

from hmr_tf.registry import Registry


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a model is scored.

    Attributes:
        name: its name on the command line.
        datasets: records that are read, as folders below the data directory.
        split: split of the records.
        keypoints: keypoint regressor of the body that gives the joints.
        num_joints: the first so many of these joints are compared.
        root: joints whose mean is moved to the origin before MPJPE.
        metrics: what is measured, in the order of the table; keys of `METRICS`.
        comparable_with: whose numbers these may stand beside.
    """

    name: str
    datasets: tuple[str, ...]
    split: str
    keypoints: str
    num_joints: int
    root: tuple[int, ...]
    metrics: tuple[str, ...]
    comparable_with: str


METRICS = {
    "mpjpe_mm": "mean joint error after the roots are joined, mm",
    "pa_mpjpe_mm": "mean joint error after the best similarity transform (no reflection), mm",
    "pve_mm": "mean vertex error without alignment, mm",
    "keypoints_2d_px": "mean error of the visible keypoints, px of the stored image",
}

SYNTHETIC = Protocol(
    name="synthetic",
    datasets=("lsp",),
    split="test",
    keypoints="cocoplus",
    num_joints=14,
    root=(2, 3),
    metrics=("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "keypoints_2d_px"),
    comparable_with="other runs on the same rendered people (number, seed and body), nothing else",
)
"""People rendered by `synthesize`, whose pose and shape are known exactly.

The 14 LSP joints of the cocoplus regressor on the model's own body, against the same joints of the
true body; MPJPE with the middle of the hips as root, as the original release evaluates Human3.6M;
PVE against the true mesh, both in the body's frame turned into the camera's. One crop per person as
stored, not augmented; no flip test. Comparable with other runs on people of the same seed, number
and body; not with any published number, since the people, joints and images are none of theirs.
"""

VALIDATION = dataclasses.replace(
    SYNTHETIC,
    name="validation",
    datasets=(),
    split="",
    comparable_with="validations of other runs on the same people, nothing else",
)
"""What is measured while training, on whatever people `train` is given; not for reports."""

PROTOCOLS = Registry("protocol", {"synthetic": "hmr_tf.evaluation.protocols:SYNTHETIC"})
