"""Writes filmed people in the layout of CLOTH3D++ as SMPLR reads it, with their exact truth.

    Data/train.txt  Data/val.txt                     lines 00449/0000.png, no newline at the end
    Data/frames/<sequence>/0000.png ...              RGBA, the person on black, alpha a soft mask
    Data/frames/<sequence>/info.mat  info_body.mat
    Data/smpl_truth.npz

`info.mat` holds `poses` (72, T), `trans` (3, T), `shape` (1, 10), `gender` (1, 1), `zrot` (1, 1),
`camLoc` (1, 3) and names and structs that SMPLR does not read; `info_body.mat` holds float32
`joints` (T, 24, 3), `lmarks` (T, 18, 3), `rotations` (T, 24, 3, 3) and `B` (14475, 3). The last
landmark is the body's nose, the others are placed on its bones. Every second sequence has its
video instead of frames, every third one more entry in `info.mat` than in `info_body.mat`. With at
least 40 training images one of them is damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.synthetic import matlab_files, twin_folder, video_files
from hmr_tf.synthetic.twins import TwinImage
from tfrecords_tools import atomic_file, skeletons

_FRAMES_PER_SEQUENCE = 50
_NAMES = {"train": ("00449", "00742", "05325", "06011"), "val": ("07054", "07213")}
_CAMERA_FROM_WORLD = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
_DAMAGED_FROM = 40
_NOSE = skeletons.J24.index("nose")
# The joint that each landmark but the nose moves with, and where it is in the joint's own frame, m.
_LANDMARK_JOINTS = (9, 9, 0, 0, 0, 2, 1, 2, 1, 10, 11, 22, 16, 16, 17, 17, 23)
_LANDMARK_OFFSETS = np.array(
    [
        *([0.10, 0.03, 0.13], [-0.09, 0.03, 0.13], [0.00, 0.03, 0.16]),
        *([-0.19, -0.01, 0.01], [0.19, -0.01, 0.01], [-0.03, -0.13, 0.10]),
        *([0.04, -0.13, 0.11], [-0.02, -0.12, -0.10], [0.01, -0.12, -0.09]),
        *([-0.01, -0.02, 0.07], [0.00, -0.01, 0.07], [0.08, 0.00, -0.02]),
        *([0.12, -0.01, 0.05], [0.12, -0.03, -0.07], [-0.14, -0.01, 0.04]),
        *([-0.13, -0.01, -0.07], [-0.08, 0.00, -0.02]),
    ]
)


class _Piece(NamedTuple):
    """One sequence."""

    split: str
    name: str
    num_frames: int


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill; `Data` is made in it.
        config: what to draw; the last `num_test` frames are `val`.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    folder = Path(out_dir) / "Data"
    twin_folder.fill(_Maker, folder, config, num_workers, ("frames", "train.txt", "val.txt"))
    return f"{config.num_images} frames in {len(_sequences(config))} sequences in {folder}"


def _sequences(config: settings.SynthesisConfig) -> list[_Piece]:
    """Returns the sequences; short films for small datasets, so that there are two at least."""
    found = []
    counts = {"train": config.num_images - config.num_test, "val": config.num_test}
    for split, count in counts.items():
        wanted = max(-(-count // _FRAMES_PER_SEQUENCE), 2 if count > 3 else 1)
        names = _NAMES[split][:wanted]
        sizes = [len(part) for part in np.array_split(np.arange(count), len(names))]
        found += [_Piece(split, name, size) for name, size in zip(names, sizes) if size]
    return found


class _Maker(twin_folder.TwinMaker):
    """Films the sequences."""

    dataset = "cloth3d"

    def pieces(self) -> Sequence[_Piece]:
        return _sequences(self.config)

    def draw(self, index: int, piece: _Piece) -> list[tuple]:
        random = self.random(index)
        height, width = self.config.image_size, round(self.config.image_size * 4 / 3)
        focal = 50.0 / 36.0 * width
        film = self.studio.film(
            random,
            height,
            width,
            piece.num_frames,
            intrinsics=(focal, focal, width / 2, height / 2),
            split="train" if piece.split == "train" else "test",
        )
        folder = self.folder / "frames" / piece.name
        folder.mkdir(parents=True, exist_ok=True)
        if index % 2:
            pictures = [_on_black(shot)[..., :3] for shot in film]
            video_files.write_jpeg_video(folder / f"{piece.name}.avi", pictures)
        else:
            num_train = self.config.num_images - self.config.num_test
            for frame, shot in enumerate(film):
                content = cv2.imencode(".png", _on_black(shot)[..., [2, 1, 0, 3]])[1].tobytes()
                if index == 0 and frame == piece.num_frames // 2 and num_train >= _DAMAGED_FROM:
                    content = content[: len(content) // 2]
                atomic_file.write_bytes(folder / f"{frame:04d}.png", content)
        for name, variables in self._labels(random, index, piece, film).items():
            atomic_file.write_bytes(folder / name, matlab_files.dumps(variables))
        return [
            (f"frames/{piece.name}/{frame:04d}.png", 0, shot.people[0], shot.intrinsics)
            for frame, shot in enumerate(film)
        ]

    def finish(self) -> None:
        for split in _NAMES:
            lines = [
                f"{piece.name}/{frame:04d}.png"
                for piece in self.pieces()
                if piece.split == split
                for frame in range(piece.num_frames)
            ]
            atomic_file.write_bytes(self.folder / f"{split}.txt", "\n".join(lines).encode())

    def _labels(
        self, random: np.random.Generator, index: int, piece: _Piece, film: list[TwinImage]
    ) -> dict[str, dict[str, object]]:
        """Returns the variables of the two MATLAB files."""
        people = [shot.people[0] for shot in film]
        turn = Rotation.from_rotvec([0.0, 0.0, random.uniform(-np.pi, np.pi)])
        camera = np.array([random.uniform(4.2, 4.9), 0.0, 1.0])
        # From the camera's frame to what the files hold, which `zrot` has not turned yet.
        to_stored = turn.inv().as_matrix() @ _CAMERA_FROM_WORLD.T
        poses = np.stack([person.pose_axis_angle for person in people]).astype(np.float64)
        roots = Rotation.from_matrix(to_stored) * Rotation.from_rotvec(poses[:, :3])
        poses[:, :3] = roots.as_rotvec()
        rotations = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
        joints = np.stack([person.smpl_joints_3d for person in people]).astype(np.float64)
        nose = np.stack([person.j24[_NOSE] for person in people]) - joints[:, 0]
        trans = joints[:, 0] @ to_stored.T + turn.inv().apply(camera)
        joints = (joints - joints[:, :1]) @ to_stored.T
        landmarks = np.concatenate(
            [_landmarks(rotations, joints), (nose @ to_stored.T)[:, None]], 1
        )
        extra = slice(-1, None) if index % 3 == 0 else slice(0, 0)
        poses, trans = (np.concatenate([values, values[extra]]) for values in (poses, trans))
        info = {
            "poses": poses.T,
            "trans": trans.T,
            "shape": people[0].betas.astype(np.float64)[None],
            "gender": np.array([[people[0].gender == "male"]], np.uint8),
            "zrot": np.array([[turn.as_rotvec()[2]]]),
            "camLoc": camera[None],
            "seq": piece.name,
            "seq_start": np.array([[0]]),
            "seq_end": np.array([[len(poses)]]),
            "tightness": np.array([[0.3, 0.5]]),
            "outfit": {"Top": {"fabric": "cotton"}},
            "lights": {"power": 1.0},
        }
        body = {
            "joints": joints.astype(np.float32),
            "lmarks": landmarks.astype(np.float32),
            "rotations": rotations[: len(joints)].astype(np.float32),
            "B": np.zeros((14475, 3), np.float32),
        }
        return {"info.mat": info, "info_body.mat": body}


def _on_black(shot: TwinImage) -> np.ndarray:
    """Returns the `[H, W, 4]` uint8 RGBA picture of the person alone."""
    soft = cv2.GaussianBlur(shot.people[0].mask.astype(np.float32), (3, 3), 0)[..., None]
    picture = np.concatenate([shot.image * soft, 255.0 * soft], axis=2)
    return np.rint(picture).astype(np.uint8)


def _landmarks(rotations: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Returns the `[T, 17, 3]` landmarks that move with a joint.

    Args:
        rotations: `[T, 24, 3, 3]`, each relative to the parent's.
        joints: `[T, 24, 3]` m.
    """
    turned = rotations.copy()
    for joint, parent in enumerate(skeletons.SMPL_PARENTS[1:], start=1):
        turned[:, joint] = turned[:, parent] @ rotations[:, joint]
    holders = list(_LANDMARK_JOINTS)
    offsets = np.einsum("tlrc,lc->tlr", turned[:, holders], _LANDMARK_OFFSETS)
    return joints[:, holders] + offsets
