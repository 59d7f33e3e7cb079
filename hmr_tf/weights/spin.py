"""SPIN (``model_checkpoint.pt``): ResNet-50 and a regressor of 6D rotations, no critics.

Reference: N. Kolotouros et al., Learning to Reconstruct 3D Human Pose and Shape via Model-fitting
in the Loop, ICCV 2019.
"""

from __future__ import annotations

from hmr_tf.config import HMRConfig
from hmr_tf.weights import torch_networks
from hmr_tf.weights.published_format import COUNTER, OPTIMIZER, Format
from hmr_tf.weights.torch_file import TorchFile

# SPIN joins posed joints, vertices and regressed points; here, whichever set the user has.
KEYPOINTS = ("cocoplus", "j24", "h36m", "extra")

CONFIG = HMRConfig(
    encoder="resnet50_v1",
    # Its crop is 1.2 times the longer side of the box: 140 px where the diagonal is 150 px, of a
    # box 0.4 times as wide as high.
    window_px=168.0,
    rotation="6d_interleaved",
    regressor="separate",
    train_mean=False,
    projection="perspective",
)

FORMAT = Format(
    what="a checkpoint of SPIN",
    open=lambda path: TorchFile(path, "model"),
    config=lambda tensors: CONFIG,
    assignments=lambda model, tensors: [
        *torch_networks.resnet(model.encoder),
        *torch_networks.spin_regressor(model.regressor),
    ],
    own=r"(conv1|bn1|layer\d|fc\d|dec\w+)\..*|init_\w+",
    ignored=(
        *torch_networks.IGNORED,
        (r"optimizer\..*", OPTIMIZER),
        (r"dataset_perm|epoch|batch_(idx|size)|total_step_count", COUNTER),
    ),
    keypoints=KEYPOINTS,
)
