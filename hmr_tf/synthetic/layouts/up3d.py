"""Writes photographed people in the layout of UP-3D, with their exact SMPL truth beside it.

    up-3d/00000_image.png  00000_body.pkl  00000_joints.npy  00000_fit_crop_info.txt
          00000_render_light.png  00000_dataset_info.txt  00000_quality_info.txt
          train.txt  val.txt  test.txt  trainval.txt
    up-3d/smpl_truth.npz

The pickles are Python 2's: `pose`, `betas`, `trans` and `rt` (zeros), `t`, `f` = 5000 px, `j2d`, of
a camera that looks through the middle of a cut of the image resized by 5/4. Some pictures show a
second person, some a person at the border, one has no joints; of at least 80 pictures one is
damaged and one has no body.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hmr_tf import config as settings
from hmr_tf.synthetic import python2_pickle, twin_folder
from hmr_tf.synthetic.twins import TwinImage
from tfrecords_tools import atomic_file

_FOCAL_PX = 5000.0
_RESIZE = 1.25
_NO_JOINTS, _DAMAGED, _NO_BODY = 2, 5, 8
_DAMAGED_FROM = 80


def write(out_dir: str, config: settings.SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the dataset, or what is missing of it.

    Args:
        out_dir: folder to fill; `up-3d` is made in it.
        config: what to draw; of the last `num_test` images half are `val` and half `test`.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    folder = Path(out_dir) / "up-3d"
    twin_folder.fill(_Maker, folder, config, num_workers, ("00000_image.png", "train.txt"))
    return f"{config.num_images} images in {folder}"


class _Maker(twin_folder.TwinMaker):
    """Photographs people for UP-3D."""

    dataset = "up3d"

    def pieces(self) -> Sequence[int]:
        return range(self.config.num_images)

    def draw(self, index: int, piece: int) -> list[tuple]:
        random = self.random(index)
        height = self.config.image_size
        width = round(height * random.uniform(0.8, 1.4))
        # The fit sees a cut of the image, as large as the resize can have whole pixels.
        left, top = random.integers(0, 9, 2).tolist()
        right = left + 4 * ((width - left) // 4)
        bottom = top + 4 * ((height - top) // 4)
        focal = _FOCAL_PX / _RESIZE
        shot = self.studio.photograph(
            random,
            height,
            width,
            num_people=2 if index % 5 == 4 else 1,
            intrinsics=(focal, focal, (left + right) / 2, (top + bottom) / 2),
            split="train" if index < self._num_train else "test",
            at_border=index % 7 == 6,
        )
        size = [round((bottom - top) * _RESIZE), round((right - left) * _RESIZE)]
        cut = [*size, top, bottom, left, right]
        for ending, content in self._files(random, index, shot, cut).items():
            if not (self._has_damage and index == _NO_BODY and ending == "body.pkl"):
                atomic_file.write_bytes(self.folder / f"{index:05d}_{ending}", content)
        name = f"{index:05d}_image.png"
        return [(name, k, person, shot.intrinsics) for k, person in enumerate(shot.people)]

    def finish(self) -> None:
        num_images, num_test = self.config.num_images, self.config.num_test
        end = num_images - num_test + num_test // 2
        lists = {
            "train": range(self._num_train),
            "val": range(self._num_train, end),
            "test": range(end, num_images),
            "trainval": range(end),
        }
        for name, indices in lists.items():
            text = "".join(f"/{index:05d}_image.png\n" for index in indices)
            atomic_file.write_bytes(self.folder / f"{name}.txt", text.encode())

    @property
    def _num_train(self) -> int:
        return self.config.num_images - self.config.num_test

    @property
    def _has_damage(self) -> bool:
        return self._num_train >= _DAMAGED_FROM

    def _files(
        self, random: np.random.Generator, index: int, shot: TwinImage, cut: list[int]
    ) -> dict[str, bytes]:
        """Returns the files of one image by the endings of their names."""
        person = shot.people[0]
        picture = _png(shot.image)
        if self._has_damage and index == _DAMAGED:
            picture = picture[: len(picture) // 2]
        confidence = np.where(person.hidden_j24[:14], 0.0, random.uniform(0.3, 1.0, 14))
        confidence *= index != _NO_JOINTS
        joints = np.concatenate([person.project(person.j24[:14]), confidence[:, None]], axis=1)
        buffer = io.BytesIO()
        np.save(buffer, np.where(confidence[:, None] > 0, joints, 0.0).T)
        render = np.where(person.mask[..., None], np.uint8(170), np.uint8(255)).repeat(3, axis=2)
        body = {
            "pose": person.pose_axis_angle.astype(np.float64),
            "betas": person.betas.astype(np.float64),
            "trans": np.zeros(3),
            "rt": np.zeros(3),
            "t": person.translation.astype(np.float64),
            "f": _FOCAL_PX,
            "j2d": person.project(np.concatenate([person.smpl_joints_3d, person.j24[13:14]])),
        }
        return {
            "image.png": picture,
            "joints.npy": buffer.getvalue(),
            "render_light.png": _png(render),
            "body.pkl": python2_pickle.dumps(body),
            "fit_crop_info.txt": " ".join(map(str, cut)).encode(),
            "dataset_info.txt": f"{('lsp', 'mpii')[index % 2]} {17 + index}".encode(),
            "quality_info.txt": f"{('high', 'medium')[index % 3 == 0]}\n".encode(),
        }


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()
