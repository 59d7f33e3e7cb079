"""Writes filmed people in the layout of 3DPW, with their exact SMPL truth beside it.

    imageFiles/<sequence>/image_00000.jpg ...
    sequenceFiles/{train,validation,test}/<sequence>.pkl
    smpl_truth.npz

A pickle is Python 2's (protocol 2) and holds the keys and shapes of the real ones: per person
`poses` (N, 72) with the root in the world frame, `trans` (N, 3), `jointPositions` (N, 72), `betas`,
`genders`, `poses2d` (N, 3, 18), `campose_valid` (N,), and for all `cam_poses` (N, 4, 4) and
`cam_intrinsics` (3, 3). The sequences have the names that 3DPW's splits hold. Every other sequence
shows two people. Of the second person the last frame has no valid camera and no 2D joints, and the
one before it no 2D joints. In every fourth sequence a person's `betas` are longer than ten.
A training sequence of at least 40 frames has one damaged image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from hmr_tf import config as settings
from hmr_tf.body.posing import shape_body
from hmr_tf.synthetic import python2_pickle, scene, twin_folder
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import atomic_file, skeletons

_FRAMES_PER_SEQUENCE = 40
_NAMES = {
    "train": ("courtyard_arguing_00", "courtyard_backpack_00", "courtyard_box_00"),
    "validation": ("courtyard_drinking_00", "courtyard_hug_00", "outdoors_golf_00"),
    "test": ("downtown_arguing_00", "downtown_cafe_00", "office_phoneCall_00"),
}
_J24_TO_PW3D18 = list(skeletons.mapping(skeletons.J24, skeletons.PW3D18))
_QUALITY = 90


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw; `num_images` frames, of the last `num_test` half are `validation` and
            half `test`.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    products = ("imageFiles", "sequenceFiles")
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, products)
    sequences = _sequences(config)
    return f"{config.num_images} frames in {len(sequences)} sequences in {out_dir}"


def _sequences(config: settings.SynthesisConfig) -> list[tuple[str, str, int]]:
    """Returns (split, name, number of frames) of each sequence."""
    num_validation = config.num_test // 2
    counts = {
        "train": config.num_images - config.num_test,
        "validation": num_validation,
        "test": config.num_test - num_validation,
    }
    found = []
    for split, count in counts.items():
        names = _NAMES[split]
        num_sequences = min(len(names), -(-count // _FRAMES_PER_SEQUENCE))
        sizes = [len(part) for part in np.array_split(np.arange(count), max(num_sequences, 1))]
        found += [(split, name, size) for name, size in zip(names, sizes) if size]
    return found


class _Maker(twin_folder.TwinMaker):
    """Films the sequences."""

    dataset = "pw3d"

    def pieces(self) -> Sequence[tuple[str, str, int]]:
        return _sequences(self.config)

    def draw(self, index: int, piece: tuple[str, str, int]) -> list[tuple]:
        split, name, num_frames = piece
        random = self.random(index)
        short, long = self.config.image_size, round(self.config.image_size * 16 / 9)
        height, width = (short, long) if index % 4 < 2 else (long, short)
        film = self.studio.film(
            random,
            height,
            width,
            num_frames,
            split="train" if split == "train" else "test",
            num_people=2 if index % 2 == 0 else 1,
        )
        entries = []
        for frame, shot in enumerate(film):
            path = f"imageFiles/{name}/image_{frame:05d}.jpg"
            content = scene.encode_jpeg(shot.image, _QUALITY)
            if split == "train" and frame == num_frames // 2 and num_frames >= _FRAMES_PER_SEQUENCE:
                content = content[: len(content) // 2]
            atomic_file.write_bytes(self.folder / path, content)
            entries += [(path, k, person, shot.intrinsics) for k, person in enumerate(shot.people)]
        content = python2_pickle.dumps(self._labels(random, name, film, index))
        atomic_file.write_bytes(self.folder / "sequenceFiles" / split / f"{name}.pkl", content)
        return entries

    def _labels(
        self, random: np.random.Generator, name: str, film: list[TwinImage], index: int
    ) -> dict[str, object]:
        """Returns the dict that a sequence's pickle holds."""
        camera = np.tile(np.eye(4), (len(film), 1, 1))
        camera[:, :3, :3] = [shot.camera_from_world for shot in film]
        camera[:, :3, 3] = [shot.camera_translation for shot in film]
        # The world's origin is somewhere on the ground, and it faces anywhere.
        world = np.eye(4)
        world[:3, :3] = Rotation.from_rotvec([0.0, random.uniform(-3.0, 3.0), 0.0]).as_matrix()
        world[[0, 2], 3] = random.uniform(-3.0, 3.0, 2)
        camera = camera @ world
        fx, fy, cx, cy = film[0].intrinsics
        num_frames, num_people = len(film), len(film[0].people)
        people = [[shot.people[k] for shot in film] for k in range(num_people)]
        columns = [self._person(person, camera, k, index) for k, person in enumerate(people)]
        labels: dict[str, object] = {key: [c[key] for c in columns] for key in columns[0]}
        labels["sequence"] = name
        labels["cam_poses"] = camera
        labels["cam_intrinsics"] = np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
        # Which of the 60 Hz poses belongs to each image.
        labels["img_frame_ids"] = 2 * np.arange(num_frames)
        return labels

    def _person(
        self, frames: list[TwinPerson], camera: np.ndarray, number: int, index: int
    ) -> dict[str, object]:
        """Returns one person's entry of each of the dict's lists."""
        to_world = camera[:, :3, :3].transpose(0, 2, 1)
        joints = np.stack([person.smpl_joints_3d for person in frames]).astype(np.float64)
        joints = np.einsum("nrc,njc->njr", to_world, joints - camera[:, None, :3, 3])
        poses = np.stack([person.pose_axis_angle for person in frames]).astype(np.float64)
        roots = Rotation.from_matrix(to_world) * Rotation.from_rotvec(poses[:, :3])
        poses[:, :3] = roots.as_rotvec()
        # The rest pose's pelvis, about which the root turns.
        pelvis = frames[0].smpl_joints_3d[0] - frames[0].translation
        trans = joints[:, 0] - pelvis
        points = np.stack([_keypoints(person) for person in frames])
        valid = np.ones(len(frames), np.int64)
        if number == 1 and len(frames) > 2:
            valid[-1] = 0
            points[-2:] = 0.0
        betas = frames[0].betas.astype(np.float64)
        longer = np.concatenate([betas, np.zeros(290)]) if index % 4 == 2 else betas
        return {
            "poses": poses,
            "trans": trans,
            "jointPositions": joints.reshape(-1, 72),
            "betas": longer,
            "betas_clothed": betas,
            "genders": frames[0].gender[0],
            "poses2d": points,
            "campose_valid": valid,
            "poses_60Hz": np.repeat(poses, 2, axis=0),
            "trans_60Hz": np.repeat(trans, 2, axis=0),
            "v_template_clothed": shape_body(self.body, frames[0].betas).astype(np.float64),
            "texture_maps": np.full((8, 8, 3), 128, np.uint8),
        }


def _keypoints(person: TwinPerson) -> np.ndarray:
    """Returns the `[3, 18]` joints that a detector finds: x, y px and confidence."""
    points = person.project(person.j24)
    confidence = np.where(person.hidden_j24, 0.0, 0.5 + 0.02 * np.arange(len(points)))
    detected = np.concatenate([points, confidence[:, None]], axis=1)
    return np.where(confidence[:, None] > 0, detected, 0.0)[_J24_TO_PW3D18].T
