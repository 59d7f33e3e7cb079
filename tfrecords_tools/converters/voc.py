"""PASCAL VOC 2012: objects to put in front of people when training.

Source tree: ``VOCdevkit/VOC2012`` or what is in it: ``Annotations/<id>.xml``,
``JPEGImages/<id>.jpg``, ``SegmentationObject/<id>.png`` and
``ImageSets/Segmentation/{trainval,train,val}.txt``.

Records are not people but patches (see `tfrecords_tools.occluder_format`): every segmented object
that is no person, neither truncated nor difficult, and covers at least 500 px, cut out along its
mask, with a softer border, at half its size. ``--option people=true`` keeps people too,
``--option people_in_image=false`` leaves out all objects of images with a person in them (whose
masks may be cut where a person covers them), as the SMPLR release does.

Reference:
    M. Everingham et al., The PASCAL Visual Object Classes Challenge: A Retrospective, IJCV 2015.
    I. Sarandi et al., How Robust is 3D Human Pose Estimation to Occlusion?, IROS Workshops 2018
    (size limit, border and scale of the patches).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from tfrecords_tools import images, occluder_format, voc_format
from tfrecords_tools.converter import Converter, Drop, Output, fingerprint_files
from tfrecords_tools.errors import DatasetError, ImageError
from tfrecords_tools.samples import OccluderSample
from tfrecords_tools.voc_format import VOCObject

_PERSON = "person"
_BORDER_ALPHA = 192
_BORDER_PX = 8  # Side of the ellipse that the border is worn off by.


@dataclasses.dataclass(frozen=True)
class VOCImage:
    """The work item: a segmented image.

    Attributes:
        path: of the image.
        annotation_path: of the XML file.
        mask_path: of the label image of objects.
    """

    path: str
    annotation_path: str
    mask_path: str


class VOCConverter(Converter):
    """Cuts objects out of PASCAL VOC's images."""

    name = "voc"
    splits = ("trainval", "train", "val")
    option_defaults = {  # noqa: RUF012
        "people": False,
        "people_in_image": True,
        "min_pixels": 500,
        "scale": 0.5,
    }

    def fingerprint(self, part: str) -> str:
        """Hashes the list of images, the annotations, and the list of files."""
        items = self.items(part)
        labels = [item.annotation_path for item in items if os.path.isfile(item.annotation_path)]
        files = [path for item in items for path in (item.path, item.mask_path)]
        return fingerprint_files(self.data_dir, [self._list_path(part), *labels], files)

    def items(self, part: str) -> Sequence[VOCImage]:
        """Returns the images of a split that have masks, in the order of their list."""
        path = self._list_path(part)
        with open(path, encoding="utf-8", errors="replace") as file:
            names = [line.split()[0] for line in file if line.strip()]
        if not names or any(os.path.basename(name) != name for name in names):
            raise DatasetError(f"voc: {path} must list one image on a line, such as 2007_000032.")
        root = self._root()
        return [
            VOCImage(
                os.path.join(root, "JPEGImages", f"{name}.jpg"),
                os.path.join(root, "Annotations", f"{name}.xml"),
                os.path.join(root, "SegmentationObject", f"{name}.png"),
            )
            for name in names
        ]

    def convert(self, item: VOCImage) -> Iterable[Output]:
        """Turns one image into one patch per object."""
        return list(self._cut_out(item))

    def _root(self) -> str:
        root = voc_format.find_root(self.data_dir)
        if root is None:
            raise DatasetError(
                f"voc: {self.data_dir} holds no Annotations; expected VOCdevkit/VOC2012 or the "
                "folder that holds it."
            )
        return root

    def _list_path(self, part: str) -> str:
        path = os.path.join(self._root(), "ImageSets", "Segmentation", f"{part}.txt")
        if not os.path.isfile(path):
            raise DatasetError(
                f"voc: {path} is not there; expected the trainval archive of VOC2012, whose "
                "images have masks."
            )
        return path

    def _cut_out(self, item: VOCImage) -> Iterator[Output]:
        """Yields the patches of an image and the reasons why others are left out."""
        try:
            is_segmented, objects = voc_format.read_annotation(item.annotation_path)
        except FileNotFoundError:
            yield Drop("missing annotation", is_error=True)
            return
        except ValueError:
            yield Drop("malformed annotation", is_error=True)
            return
        if not is_segmented:
            yield Drop("image without masks")
            return
        name = os.path.basename(item.path)
        has_person = any(one.category == _PERSON for one in objects)
        wanted = []
        for one in objects:
            reason = self._unwanted(one, has_person)
            if reason:
                yield Drop(reason, name=f"object {one.label}")
            else:
                wanted.append(one)
        if not wanted:
            return
        try:
            labels = voc_format.read_labels(item.mask_path)
            image = images.decode_rgb(images.read_image_file(item.path), name)
            if image.shape[:2] != labels.shape:
                raise ImageError("mask of another size than the image")
        except ImageError as error:
            for one in wanted:
                reason = str(error).split(":")[0]
                yield Drop(reason, is_error=True, name=f"object {one.label}")
            return
        for one in wanted:
            mask = labels == one.label
            if mask.sum() < self.options["min_pixels"]:
                reason = f"smaller than {self.options['min_pixels']} px"
                yield Drop(reason, name=f"object {one.label}")
                continue
            patch = cut_out(image, mask, self.options["scale"])
            yield OccluderSample(
                occluder_format.encode_patch(patch), *patch.shape[:2], one.category, name
            )

    def _unwanted(self, one: VOCObject, has_person: bool) -> str:
        """Returns why an object is left out, judged by its annotation; "" if it is not."""
        if one.category == _PERSON and not self.options["people"]:
            return "person"
        if has_person and not self.options["people_in_image"]:
            return "object beside a person"
        if one.is_difficult:
            return "difficult object"
        return "truncated object" if one.is_truncated else ""


def cut_out(image: np.ndarray, mask: np.ndarray, scale: float) -> np.ndarray:
    """Cuts an object out of an image.

    Args:
        image: `[h, w, 3]` uint8 RGB.
        mask: `[h, w]` bool, the object; at least one pixel.
        scale: factor of the resize.

    Returns:
        `[rows, columns, 4]` uint8 RGBA around the object, less opaque along its border.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = mask[part].astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BORDER_PX, _BORDER_PX))
    # What lies beyond the patch is not the object.
    worn = cv2.erode(inside, ellipse, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    alpha = np.where(worn > 0, 255, np.where(inside > 0, _BORDER_ALPHA, 0)).astype(np.float32)
    # Colours are averaged by how much of the object is in them, or its surroundings would show.
    weighted = np.dstack([image[part] * (alpha / 255.0)[..., None], alpha]).astype(np.float32)
    size = [max(round(side * scale), 1) for side in inside.shape[::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(weighted, size, interpolation=method)
    share = np.maximum(resized[..., 3:] / 255.0, 1e-6)
    patch = np.dstack([resized[..., :3] / share, resized[..., 3]])
    patch[resized[..., 3] < 0.5] = 0
    return np.clip(patch + 0.5, 0, 255).astype(np.uint8)
