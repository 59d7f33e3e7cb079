"""Writes pictures of several people in the layout of MuCo-3DHP (3DMPPE's release).

    data/MuCo-3DHP.json, smpl_param.json
    data/unaugmented_set/1/000001.jpg ...
    data/augmented_set/1/000002.jpg ...
    smpl_truth.npz

The keys are those of the real files: `images` with `id`, `file_name`, `width`, `height`, `f`, `c`,
`annotations` with `id`, `image_id`, `bbox` (x, y, w, h), `keypoints_img` (21, 2) px,
`keypoints_cam` (21, 3) mm, `keypoints_vis` (21,), and SMPL fits by annotation with `pose` (72),
`shape` (10), `trans` (3) m. Every fifth person has no fit. Pictures show one to four people by
turns, the first of every eighth picture at the border; every seventh picture has no annotation.
With at least 80 images one is damaged and one missing. All images are for training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import scene, twin_folder
from hmr_tf.synthetic.twin_joints import twin_joints
from hmr_tf.synthetic.twins import TwinImage, TwinPerson
from tfrecords_tools import atomic_file
from tfrecords_tools.skeletons import J24, MUCO21

_SETS = ("unaugmented_set", "augmented_set")
_BROKEN_FROM = 80  # images
_CORRUPT, _MISSING = 4, 8  # Pictures of one person.
_PEOPLE_PER_IMAGE = 10  # How far apart the numbers of annotations are.


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, ("data",))
    return f"{config.num_images} images in {Path(out_dir) / 'data'}"


class _Maker(twin_folder.TwinMaker):
    """Takes the pictures."""

    dataset = "muco"

    def pieces(self) -> Sequence[int]:
        return range(self.config.num_images)

    def draw(self, index: int, piece: int) -> list[tuple]:
        random = self.random(index)
        size = self.config.image_size
        shot = self.studio.photograph(
            random, size, size, num_people=1 + index % 4, at_border=index % 8 == 5
        )
        name = f"{_SETS[index % 2]}/1/{index + 1:06d}.jpg"
        content = scene.encode_jpeg(shot.image, scene.draw_jpeg_quality(random))
        is_broken = self.config.num_images >= _BROKEN_FROM
        if is_broken and index == _CORRUPT:
            content = content[: len(content) // 2]
        if not (is_broken and index == _MISSING):
            atomic_file.write_bytes(self.folder / "data" / name, content)
        note = json.dumps(_note(name, index, shot)).encode()
        atomic_file.write_bytes(self._note_path(index), note)
        return [
            (f"data/{name}", number, person, shot.intrinsics)
            for number, person in enumerate(shot.people)
        ]

    def finish(self) -> None:
        labels: dict[str, list] = {"images": [], "annotations": []}
        fits: dict[str, Any] = {}
        for index in self.pieces():
            note = json.loads(self._note_path(index).read_bytes())
            labels["images"].append(note["image"])
            if index % 7 != 6:
                labels["annotations"] += note["annotations"]
                fits.update(note["fits"])
        for name, content in (("MuCo-3DHP.json", labels), ("smpl_param.json", fits)):
            atomic_file.write_bytes(self.folder / "data" / name, json.dumps(content).encode())

    def _note_path(self, index: int) -> Path:
        return self.folder / "unfinished" / f"note_{index:07d}.json"


def _note(name: str, index: int, shot: TwinImage) -> dict[str, Any]:
    """Returns the entries of an image, its people and their fits."""
    height, width = shot.image.shape[:2]
    fx, fy, cx, cy = shot.intrinsics
    annotations, fits = [], {}
    for number, person in enumerate(shot.people):
        key = _PEOPLE_PER_IMAGE * index + number
        annotations.append({"id": key, "image_id": index, **_annotation(person, height, width)})
        if key % 5 != 1:
            fits[str(key)] = {
                "pose": person.pose_axis_angle.tolist(),
                "shape": person.betas.tolist(),
                "trans": person.translation.tolist(),
            }
    image = {"id": index, "file_name": name, "width": width, "height": height}
    image.update(f=[fx, fy], c=[cx, cy])
    return {"image": image, "annotations": annotations, "fits": fits}


def _annotation(person: TwinPerson, height: int, width: int) -> dict[str, Any]:
    """Returns what is noted of a person."""
    joints = twin_joints(person, MUCO21)
    points = person.project(joints)
    is_hidden = ((points < 0) | (points > [width - 1, height - 1])).any(axis=1)
    hidden = dict(zip(J24.joints, person.hidden_j24))
    is_hidden |= [bool(hidden.get(joint, False)) for joint in MUCO21.joints]
    low, high = points.min(axis=0), points.max(axis=0)
    return {
        # As in COCO, the far side is the last pixel: x + w - 1.
        "bbox": [*low.tolist(), *(high - low + 1.0).tolist()],
        "keypoints_img": points.tolist(),
        "keypoints_cam": (1000.0 * joints).tolist(),
        "keypoints_vis": np.where(is_hidden, 0, 1).tolist(),
    }
