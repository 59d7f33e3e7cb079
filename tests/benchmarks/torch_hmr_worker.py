"""Takes training steps of HMR in PyTorch for `benchmark_training.py`, in an environment with smplx.

    python torch_hmr_worker.py INPUTS.npz THREADS float32|bfloat16

The network has the structure of nkolot/SPIN's (ResNet-50 with the stride on the 3x3 convolutions,
6D rotations, three heads without activations, constant mean); losses, critics and the order of the
updates are this package's. The body is smplx's `lbs` on all vertices, of the last iteration only.
bfloat16 is `torch.autocast` around network and critics; body and losses stay float32. Gradients of
both updates come from one forward pass, each for its own weights only.
"""

import sys

import numpy as np
import torch
from smplx.lbs import batch_rodrigues, lbs
from step_server import serve
from torch import nn
from torch.nn import functional

_HIPS = (2, 3)
_NUM_ITERATIONS = 3


class Bottleneck(nn.Module):
    """1x1, 3x3 (which strides), 1x1, added to the shortcut."""

    def __init__(self, num_inputs, width, stride):
        super().__init__()
        out = 4 * width
        self.residual = nn.Sequential(
            *conv_norm(num_inputs, width, 1, 1),
            nn.ReLU(inplace=True),
            *conv_norm(width, width, 3, stride),
            nn.ReLU(inplace=True),
            *conv_norm(width, out, 1, 1),
        )
        has_shortcut = stride == 1 and num_inputs == out
        self.shortcut = (
            nn.Identity() if has_shortcut else nn.Sequential(*conv_norm(num_inputs, out, 1, stride))
        )

    def forward(self, x):
        return functional.relu(self.residual(x) + self.shortcut(x), inplace=True)


def conv_norm(num_inputs, num_outputs, kernel, stride):
    """Returns a convolution and its batch normalisation."""
    conv = nn.Conv2d(num_inputs, num_outputs, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    return conv, nn.BatchNorm2d(num_outputs)


def resnet50():
    """Returns the encoder: images to 2048 features."""
    layers = [*conv_norm(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    num_inputs = 64
    for depth, width, stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for unit in range(depth):
            layers.append(Bottleneck(num_inputs, width, stride if unit == 0 else 1))
            num_inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Generator(nn.Module):
    """Images to (rotations, betas, camera) of every iteration."""

    def __init__(self, mean):
        super().__init__()
        self.encoder = resnet50()
        for name, value in mean.items():
            self.register_buffer(name, value)
        sizes = [len(value) for value in mean.values()]
        self.fc1 = nn.Linear(2048 + sum(sizes), 1024)
        self.fc2 = nn.Linear(1024, 1024)
        self.heads = nn.ModuleList(nn.Linear(1024, size) for size in sizes)
        for head in self.heads:
            nn.init.xavier_uniform_(head.weight, gain=0.01)
        self.register_buffer("image_mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("image_std", torch.tensor([0.229, 0.224, 0.225])[:, None, None])

    def forward(self, images):
        features = self.encoder((images - self.image_mean) / self.image_std)
        state = [value.expand(len(images), -1) for value in (self.pose, self.betas, self.camera)]
        stages = []
        for _ in range(_NUM_ITERATIONS):
            hidden = functional.dropout(self.fc1(torch.cat([features, *state], 1)))
            hidden = functional.dropout(self.fc2(hidden))
            state = [value + head(hidden).float() for value, head in zip(state, self.heads)]
            stages.append((rotation_6d_to_matrix(state[0]), state[1], state[2]))
        return stages


def rotation_6d_to_matrix(pose):
    """Converts `[batch, 144]`, pairs of columns row by row, to `[batch, 24, 3, 3]`."""
    columns = pose.view(len(pose), 24, 3, 2)
    first = functional.normalize(columns[..., 0], dim=-1)
    overlap = (first * columns[..., 1]).sum(-1, keepdim=True)
    second = functional.normalize(columns[..., 1] - overlap * first, dim=-1)
    return torch.stack([first, second, torch.cross(first, second, dim=-1)], -1)


class Critics(nn.Module):
    """Rotations `[rows, 23, 3, 3]` and betas to `[rows, 25]`."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.joint_kernel = nn.Parameter(0.2 * torch.randn(23, 32))
        self.joint_bias = nn.Parameter(torch.zeros(23))
        self.full_pose = nn.Sequential(
            *(nn.Linear(23 * 32, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU()),
            nn.Linear(1024, 1),
        )
        self.shape = nn.Sequential(
            *(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 1))
        )

    def forward(self, rotations, betas):
        embedded = self.embedding(rotations.flatten(2))
        joints = (embedded * self.joint_kernel).sum(-1) + self.joint_bias
        return torch.cat([joints, self.full_pose(embedded.flatten(1)), self.shape(betas)], 1)


class Losses:
    """This package's losses against one batch of labels."""

    def __init__(self, batch, body):
        self._batch = batch
        self._body = body
        self._pose_basis = body["pose_basis"].reshape(-1, 207).T.contiguous()
        self._gt_rotations = matrices(batch["pose_axis_angle"])

    def keypoints(self, rotations, betas):
        """Returns `[batch, 19, 3]` of the posed mesh."""
        body = self._body
        vertices, _ = lbs(
            betas,
            rotations,
            body["template"],
            body["shape_basis"],
            self._pose_basis,
            body["joint_regressor"],
            body["parents"],
            body["skin_weights"],
            pose2rot=False,
        )
        return torch.einsum("kv,bvc->bkc", body["keypoint_regressor"], vertices)

    def on_images(self, rotations, betas, camera):
        """Returns the weighted sum of the losses of the last iteration."""
        batch = self._batch
        joints_3d = self.keypoints(rotations, betas)
        pred_2d = camera[:, None, :1] * (joints_3d[..., :2] + camera[:, None, 1:])
        visibility = batch["visibility"][..., None]
        error_2d = (visibility * (pred_2d - batch["keypoints_2d"]).abs()).sum()
        parameters = torch.cat(
            [(rotations - self._gt_rotations).flatten(1), betas - batch["betas"]], 1
        )
        joints = (centred(joints_3d[:, :14]) - centred(batch["joints_3d"])).flatten(1)
        return 60.0 * (
            error_2d / (2.0 * visibility.count_nonzero())
            + half_mean_square(parameters, batch["has_smpl"])
            + half_mean_square(joints, batch["has_3d"])
        )


def matrices(pose_axis_angle):
    """Converts `[batch, 72]` to `[batch, 24, 3, 3]`."""
    return batch_rodrigues(pose_axis_angle.reshape(-1, 3)).view(-1, 24, 3, 3)


def centred(joints):
    """Takes the middle of the hips from `[batch, 14, 3]`."""
    return joints - joints[:, _HIPS].mean(1, keepdim=True)


def half_mean_square(difference, valid):
    """Averages over the elements of valid rows."""
    total = (valid[:, None] * difference.square()).sum()
    return 0.5 * total / (difference.shape[1] * valid.count_nonzero()).clamp(min=1)


def distance(scores, target):
    """Returns the mean over rows of the squared distances, summed over the critics."""
    return (scores.float() - target).square().sum(1).mean()


class Trainer:
    """Both networks, both optimizers and one batch."""

    def __init__(self, batch, body, mean, is_mixed):
        self.batch = batch
        self.losses = Losses(batch, body)
        self.is_mixed = is_mixed
        # The faster layout on CPUs; the code of SPIN leaves torch's default.
        self.generator = Generator(mean).to(memory_format=torch.channels_last)
        self.images = batch["image"].permute(0, 3, 1, 2)  # NHWC in memory: channels last already.
        self.critics = Critics()
        self.optimizers = [
            torch.optim.Adam(self.generator.parameters(), lr=1e-5, eps=1e-8),
            torch.optim.Adam(self.critics.parameters(), lr=1e-4, eps=1e-8),
        ]

    def forward(self):
        """Returns the losses of generator and critics."""
        batch = self.batch
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_mixed):
            stages = self.generator(self.images)
        real_rotations = matrices(batch["mocap_pose_axis_angle"])
        rotations = torch.cat([stage[0][:, 1:] for stage in stages] + [real_rotations[:, 1:]])
        betas = torch.cat([stage[1] for stage in stages] + [batch["mocap_betas"]])
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_mixed):
            scores = self.critics(rotations, betas)
        fake, real = scores.split([len(stages) * len(self.images), len(real_rotations)])
        generator_loss = self.losses.on_images(*stages[-1]) + distance(fake, 1.0)
        return generator_loss, distance(real, 1.0) + distance(fake, 0.0)

    def step(self):
        """Updates both networks; returns the generator's loss."""
        generator_loss, critics_loss = self.forward()
        parts = ((generator_loss, self.generator, True), (critics_loss, self.critics, False))
        for loss, network, is_needed_again in parts:
            parameters = list(network.parameters())
            gradients = torch.autograd.grad(loss, parameters, retain_graph=is_needed_again)
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = gradient
        for optimizer in self.optimizers:
            optimizer.step()
        return generator_loss.item()


def read(path):
    """Returns the batch, the body and the mean parameters as tensors."""
    groups = {"batch": {}, "body": {}, "mean": {}}
    with np.load(path) as file:
        for key in file.files:
            group, _, name = key.partition("/")
            groups[group][name] = torch.from_numpy(np.array(file[key]))
    mean = groups["mean"]
    columns = batch_rodrigues(mean["pose"].reshape(24, 3))[..., :2]
    mean = {"pose": columns.flatten(), "betas": mean["betas"], "camera": torch.tensor([0.9, 0, 0])}
    return groups["batch"], groups["body"], mean


def main():
    path, threads, precision = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    serve(Trainer(*read(path), is_mixed=precision == "bfloat16").step)


if __name__ == "__main__":
    main()
