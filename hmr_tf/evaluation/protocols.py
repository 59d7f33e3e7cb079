"""Evaluation protocols by name: which people, joints, root and metrics, and whose numbers compare.

Numbers of two papers compare only if all of this agrees, so where papers differ there are variants,
named after whose numbers they give. A new protocol is one `Protocol` here and one line in
`PROTOCOLS`.

Two joint sets occur. The 14 joints of LSP come from the *cocoplus* regressor, whose root is the
middle of the hips: the original HMR release's. *J17* comes from ``J_regressor_h36m`` on the mesh,
whose root is the pelvis: SPIN's and mmhuman3d's; its first 14 differ from LSP's in the head, which
is Human3.6M's head top.
"""

from __future__ import annotations

import dataclasses

from hmr_tf.evaluation.measures import MEASURES
from hmr_tf.evaluation.protocol import Protocol
from hmr_tf.registry import Registry
from tfrecords_tools import h36m_names

__all__ = ["METRICS", "PROTOCOLS", "Protocol"]

_MID_HIP = (2, 3)
_PELVIS = (14,)
_METRICS_3DHP = (
    *("pck_150", "auc_150", "mpjpe_mm"),
    *("pa_pck_150", "pa_auc_150", "pa_mpjpe_mm"),
)
_MASK_METRICS = ("foreground_accuracy", "foreground_f1", "part_accuracy", "part_f1")
METRICS = {name: measure.meaning for name, measure in MEASURES.items()}


SYNTHETIC = Protocol(
    name="synthetic",
    datasets=("lsp",),
    split="test",
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
    SYNTHETIC, name="validation", datasets=(), comparable_with="other steps of the same run"
)
"""What training measures on held-out people of any records: `synthetic`, as far as they have truth.
"""


def _camera(camera: str) -> str:
    return rf".*\.{camera}"


def _first_trials(camera: str) -> str:
    """Returns the pattern of each action's first trial, as Human3.6M's metadata.xml counts."""
    named = {
        ("S9", "SittingDown"): "",
        ("S11", "SittingDown"): "",
        ("S11", "Greeting"): "_2",
        ("S11", "Phoning"): "_3",
        ("S11", "Smoking"): "_2",
    }
    names = [
        rf"{subject}_{action}({named.get((subject, action), '_1')}|_subact1)"
        for subject in h36m_names.TEST_SUBJECTS
        for action in h36m_names.ACTIONS
    ]
    return rf"({'|'.join(names)})\.{camera}"


_H36M = {"datasets": ("h36m",), "split": "test", "metrics": ("mpjpe_mm", "pa_mpjpe_mm")}
_FRONTAL = "60457274"

H36M_P1 = Protocol(
    name="h36m_p1",
    comparable_with="the HMR paper's table 2 and the original release's evaluation",
    **_H36M,
)
"""Human3.6M, protocol 1, as the original release evaluates.

Joints: LSP's 14 of the cocoplus regressor; true joints are the records' (raw Human3.6M, its head
top for LSP's). Root: middle of the hips. Subjects S9 and S11, all four cameras, both trials, 10
frames a second (the converter's every fifth); the corrupt clip S11 Directions 54138969 is left out.
Alignment: roots joined for MPJPE, proper similarity for PA-MPJPE. Means are over frames. No flip
test. Comparable with the HMR paper's table 2 and with the release; not with `h36m_p1_spin`, whose
joints differ.
"""

H36M_P1_SPIN = dataclasses.replace(
    H36M_P1,
    name="h36m_p1_spin",
    joints="j17",
    root=_PELVIS,
    comparable_with="SPIN's and mmhuman3d's evaluation of Human3.6M, protocol 1",
)
"""Human3.6M, protocol 1, as SPIN and mmhuman3d evaluate: `h36m_p1` but for the joints.

Joints: the first 14 of J17, by J_regressor_h36m from the estimated mesh; true joints are
Human3.6M's own. Root: the pelvis, of the estimate the regressor's first row. The rest is `h36m_p1`.
"""

H36M_P2 = Protocol(
    name="h36m_p2",
    sequences=_first_trials(_FRONTAL),
    comparable_with="the HMR paper's table 1 and the original release's evaluation (PA-MPJPE)",
    **_H36M,
)
"""Human3.6M, protocol 2, as the original release evaluates.

`h36m_p1` of the frontal camera (60457274) and of each action's first trial only; the number that
papers print is PA-MPJPE.
"""

H36M_P2_SPIN = dataclasses.replace(
    H36M_P1_SPIN,
    name="h36m_p2_spin",
    sequences=_camera(_FRONTAL),
    comparable_with="SPIN's and mmhuman3d's evaluation of Human3.6M, protocol 2",
)
"""Human3.6M, protocol 2, as SPIN and mmhuman3d evaluate.

`h36m_p1_spin` of the frontal camera (60457274), both trials.
"""

H36M_P2_64 = dataclasses.replace(
    H36M_P2_SPIN,
    name="h36m_p2_64",
    frame_step=64,
    comparable_with="papers that take every 64th frame of the frontal camera, e.g. I2L-MeshNet",
)
"""Human3.6M, protocol 2, every 64th frame: `h36m_p2_spin` at that rate.

Convert with ``--option frame_step=64``: of the usual every fifth frame only every 320th would be
left.
"""

PW3D = Protocol(
    name="pw3d",
    datasets=("pw3d",),
    split="test",
    joints="j17",
    root=_PELVIS,
    truth="smpl",
    is_gendered=True,
    metrics=("mpjpe_mm", "pa_mpjpe_mm", "pve_mm"),
    comparable_with="SPIN's and mmhuman3d's evaluation of 3DPW (MPJPE, PA-MPJPE)",
)
"""3DPW's test split, as SPIN and mmhuman3d evaluate.

Joints: the first 14 of J17 by J_regressor_h36m, from the estimated mesh and from the true one,
which the record's SMPL parameters give with the body of the person's gender. Root: the regressor's
pelvis. All people with a valid camera and 2D joints in the 24 test sequences, every frame (30 a
second), the films' own cameras. Alignment: roots joined for MPJPE, proper similarity for PA-MPJPE,
none for PVE, which compares the estimated mesh (the model's own body) with the gendered true one,
both not translated. Means are over people. Without male and female bodies the model's own stands
for them, and the numbers compare with nobody's.
"""

PW3D_MMHUMAN3D = dataclasses.replace(
    PW3D,
    name="pw3d_mmhuman3d",
    has_true_gender_mesh=True,
    comparable_with="mmhuman3d's evaluation of 3DPW, PVE too",
)
"""`pw3d` with mmhuman3d's PVE: the estimated parameters are posed with the true gender's body."""

PW3D_VIBE = dataclasses.replace(
    PW3D,
    name="pw3d_vibe",
    root=_MID_HIP,
    is_gendered=False,
    comparable_with="VIBE's protocol",
)
"""3DPW as VIBE evaluates: `pw3d` with the middle of the hips as root and the neutral body as truth.

VIBE's own file of the test split leaves out a few more frames.
"""

MPI_INF_3DHP = Protocol(
    name="mpi_inf_3dhp",
    datasets=("mpi_inf_3dhp",),
    split="test",
    joints="j17",
    num_joints=17,
    root=_PELVIS,
    metrics=_METRICS_3DHP,
    comparable_with="SPIN's evaluation of MPI-INF-3DHP",
)
"""MPI-INF-3DHP's test set, TS1 to TS6, as SPIN evaluates.

Joints: J17 by J_regressor_h36m from the estimated mesh; true joints are the universal skeleton's
(the converter's `annotation=univ_annot3`). MPJPE is over all 17, PCK (nearer than 150 mm) and AUC
(mean of PCK at 0, 5, ..., 150 mm) over 14, without pelvis, spine and middle of the head, as in the
official script. Root: the pelvis. All frames marked valid (2,929), 25 or 50 a second, the six
sequences' own cameras. Raw, and after a proper similarity of all 17. Means are over frames. SPIN
leaves out 54 frames in which a joint is outside of the image.
"""

MPI_INF_3DHP_HMR = dataclasses.replace(
    MPI_INF_3DHP,
    name="mpi_inf_3dhp_hmr",
    joints="lsp14",
    num_joints=14,
    root=_MID_HIP,
    turns_to_ray=True,
    comparable_with="the HMR paper's table 3",
)
"""MPI-INF-3DHP's test set with the original model's joints.

Joints: LSP's 14 of the cocoplus regressor for everything, the test set's head top for LSP's. Root:
middle of the hips. The estimate is turned from the camera's axis to the ray through the middle of
the crop (perspective correction), with the camera that the converter fitted. That evaluation was
not released, so which joints and which root it used is not known for sure. The rest is
`mpi_inf_3dhp`.
"""

MUPOTS = Protocol(
    name="mupots",
    datasets=("mupots",),
    split="test",
    joints="j17",
    num_joints=17,
    root=_PELVIS,
    fits_bones=True,
    averages="sequence",
    metrics=("pck_150", "auc_150", "mpjpe_mm", "pa_mpjpe_mm"),
    comparable_with="relative 3DPCK over matched people, with the official script",
)
"""MuPoTS-3D: relative 3DPCK, as the official script computes it, of people whose box is known.

Joints: J17 by J_regressor_h36m; true joints are the universal skeleton's. PCK at 150 mm and AUC
over 14 joints, without pelvis, spine and middle of the head. Root: the pelvis; the estimate's bones
are first brought to the true lengths, outwards from the pelvis, as the script does. All valid
people of TS1 to TS20, every frame, the sequences' own cameras; the number is the mean over the
sequences. Crops come from the labels, so every person is matched: compare with "matched people".
"""

MUPOTS_UNSCALED = dataclasses.replace(
    MUPOTS,
    name="mupots_unscaled",
    fits_bones=False,
    comparable_with="papers that leave the bones' lengths as estimated",
)
"""`mupots` without bringing the estimate's bones to the true lengths."""

_OF_SMPL = ("smpl_mpjpe_mm", "located_mpjpe_mm")

H36M_HYBRIK = dataclasses.replace(
    H36M_P1_SPIN,
    name="h36m_hybrik",
    num_fitted=17,
    metrics=("pa_mpjpe_mm", "mpjpe_mm", *_OF_SMPL),
    comparable_with="HybrIK's evaluation of Human3.6M",
)
"""Human3.6M as HybrIK evaluates it, on its own annotation.

Joints: the first 14 of J17 by J_regressor_h36m from the estimated mesh; true joints are the
records', which in HybrIK's file (``Sample_20_test_...``, the converter's layout `hybrik`) are
regressed from fitted bodies. So the numbers do not compare with those of Human3.6M's own joints.
Root: the regressor's pelvis. Subjects S9 and S11, all cameras, every 20th frame, without three
sequences of S9 whose bodies stand beside the person. Alignment: roots joined for MPJPE; for
PA-MPJPE the similarity is fitted to all 17 joints, and 14 are averaged. Beside them SMPL's 24
joints, pelvises joined: of the estimated body, and as the heatmaps located them, which tells what
inverse kinematics costs. Papers use the flip test.
"""

PW3D_HYBRIK = dataclasses.replace(
    PW3D,
    name="pw3d_hybrik",
    datasets=("hybrik_pw3d",),
    truth="joints",
    is_gendered=False,
    joins_meshes=True,
    metrics=("pa_mpjpe_mm", "mpjpe_mm", "pve_mm", *_OF_SMPL),
    comparable_with="HybrIK's evaluation of 3DPW",
)
"""3DPW's test split as HybrIK evaluates it, on its own annotation (``3DPW_test_new.json``).

Joints: the first 14 of J17 by J_regressor_h36m from the estimated mesh; true joints are the
annotation's. Root: the regressor's pelvis. Boxes of at least 5 px, every frame. Alignment: roots
joined for MPJPE, proper similarity of the 14 for PA-MPJPE, pelvises joined for PVE, whose true mesh
is the neutral body's in the annotated pose and shape. SMPL's 24 joints as in `h36m_hybrik`. Means
are over people; HybrIK's PVE is a mean over batches. Papers use the flip test.
"""

PW3D_SGRE = dataclasses.replace(
    PW3D,
    name="pw3d_sgre",
    datasets=("sgre_pw3d",),
    joins_meshes=True,
    comparable_with="SGRE's evaluation of 3DPW",
)
"""3DPW's test split as SGRE evaluates it, on its own annotation (``3DPW_latest_test.json``).

`pw3d` with pelvises joined for PVE: here the joints' root, there that of SMPL's joint regressor.
The annotation has OpenPose's 2D poses, which models that take one are given. The release finds its
crops by these poses, and we by the boxes.
"""

PW3D_CROWD = dataclasses.replace(
    PW3D_SGRE,
    name="pw3d_crowd",
    split="validation",
    sequences="courtyard_(hug|dancing)_00",
    comparable_with="SGRE's and 3DCrowdNet's evaluation of 3DPW-Crowd",
)
"""3DPW-Crowd: two sequences of the validation split in which people hold each other; `pw3d_sgre`.

The release takes 2D poses of HigherHRNet from a file of their own where it has them; converted
records have OpenPose's.
"""

MPI_INF_3DHP_HYBRIK = dataclasses.replace(
    MPI_INF_3DHP,
    name="mpi_inf_3dhp_hybrik",
    datasets=("hybrik_mpi_inf_3dhp",),
    metrics=("pck_150", "auc_150", "mpjpe_mm", "pa_mpjpe_mm"),
    comparable_with="HybrIK's evaluation of MPI-INF-3DHP",
)
"""MPI-INF-3DHP's test set on HybrIK's annotation; the rest is `mpi_inf_3dhp`.

HybrIK's own code of it does not run, and its groups of joints are numbered in another order than
its arrays: PCK and AUC are over the official 14 joints here.
"""

CLOTH3D = Protocol(
    name="cloth3d",
    datasets=("cloth3d",),
    split="val",
    truth="smpl",
    is_gendered=True,
    joins_meshes=True,
    metrics=(*_OF_SMPL, "mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "keypoints_2d_px"),
    comparable_with="SMPLR's test.py, whose mean leaves the pelvis out: it is 24/23 of ours",
)
"""CLOTH3D++'s validation list, as SMPLR's release reads it.

SMPL's 24 joints, pelvises joined, neither scaled nor turned: of the estimated body, and as the
hourglass located them. Beside them the 14 LSP joints of the cocoplus regressor with the middle of
the hips as root, and the mesh, each moved by its own root. True bodies are of the person's gender,
where such bodies are given. Every frame; means are over frames. SMPLR gives no number for it.
"""

LSP = Protocol(
    name="lsp",
    datasets=("lsp",),
    split="test",
    metrics=(
        *("pck_torso_0.2", "pckh_0.5", "keypoints_2d_px"),
        *_MASK_METRICS,
    ),
    comparable_with="the HMR paper's table 4 and SPIN (masks and parts); the 2D literature (PCK)",
)
"""Leeds Sports Pose, the 1,000 test images.

2D joints: LSP's 14 of the cocoplus regressor through the weak-perspective camera, against the
labelled points that are visible; a joint counts within a fifth of the torso (left shoulder to right
hip, PCK) or half of the head (neck to head top, PCKh). No root, no alignment, photographs only.
With a segmentation folder (UPi-S1h's ``im1001_segmentation.png``, ``im1001_part_segmentation.png``)
also the silhouette and six parts: pixels are counted over the whole set, accuracy over all of them,
F1 as the mean over the classes, background one of them. Unlabelled pixels (255) count as background
for the accuracy of parts and not at all for their F1, as in SPIN's code.
"""

LSP_EXT_4DHUMANS = Protocol(
    name="lsp_ext_4dhumans",
    datasets=("lsp_ext",),
    split="train",
    metrics=("pck_box_0.05", "pck_box_0.1"),
    comparable_with="4D-Humans' PCK on LSP-extended",
)
"""LSP-extended, PCK by the side of the person's box, as 4D-Humans measures it.

2D joints as in `lsp`; a joint counts within 5 or 10 % of the side of the square box, 1.2 times the
extent of the labelled joints. Papers average over the joints first, which is the same but for
joints that are not labelled.
"""

_NAMED = (
    *("SYNTHETIC", "H36M_P1", "H36M_P1_SPIN", "H36M_P2", "H36M_P2_SPIN", "H36M_P2_64"),
    *("PW3D", "PW3D_MMHUMAN3D", "PW3D_VIBE", "MPI_INF_3DHP", "MPI_INF_3DHP_HMR"),
    *("MUPOTS", "MUPOTS_UNSCALED", "LSP", "LSP_EXT_4DHUMANS"),
    *("H36M_HYBRIK", "PW3D_HYBRIK", "MPI_INF_3DHP_HYBRIK", "PW3D_SGRE", "PW3D_CROWD", "CLOTH3D"),
)
PROTOCOLS = Registry(
    "protocol", {name.lower(): f"hmr_tf.evaluation.protocols:{name}" for name in _NAMED}
)
