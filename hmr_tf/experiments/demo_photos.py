"""The photographs of the demo: what `predict` looks at, and the picture of what it found."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from hmr_tf.errors import ImageError
from hmr_tf.image_files import writing
from hmr_tf.render import overlay
from tfrecords_tools import atomic_file, lsp_format

_TOUR_HEIGHT = 224
_PHOTOGRAPHS = ("astronaut", "camera")  # scikit-image's; NASA, public domain, and CC0.


def gather_photos(
    lsp_dir: pathlib.Path,
    photos: Sequence[str],
    num_train: int,
    out_dir: pathlib.Path,
    boxes_path: pathlib.Path,
) -> tuple[str, ...]:
    """Copies what `predict` will look at into one folder: held-out people and photographs.

    Their boxes are written beside: about the labelled joints, and the whole of a photograph.

    Args:
        lsp_dir: the rendered people, in LSP's layout.
        photos: image files of the user.
        num_train: how many of the rendered people are not held out.
        out_dir: the folder.
        boxes_path: COCO-style file of boxes.

    Returns:
        The names of the files.

    Raises:
        ImageError: if a photograph is not there or cannot be read.
    """
    missing = [photo for photo in photos if not pathlib.Path(photo).is_file()]
    if missing:
        raise ImageError(f"--photo must name image files; not found: {', '.join(missing)}.")
    people = [lsp_dir / "images" / f"im{num_train + k:04d}.jpg" for k in range(1, 5)]
    contents = {path.name: path.read_bytes() for path in (*people, *map(pathlib.Path, photos))}
    try:
        import skimage
    except ImportError:
        pass  # The extra `demo` brings two photographs; the tour is whole without.
    else:
        folder = pathlib.Path(skimage.__file__).parent / "data"
        found = (folder / f"{name}.png" for name in _PHOTOGRAPHS)
        contents.update({path.name: path.read_bytes() for path in found if path.is_file()})
    for name, content in contents.items():
        atomic_file.write_bytes(out_dir / name, content)
    boxes = _joint_boxes(lsp_dir / "joints.mat", num_train)
    entries = [
        {"file_name": name, "bbox": boxes.get(name) or _whole_box(out_dir / name)}
        for name in sorted(contents)
    ]
    atomic_file.write_bytes(boxes_path, json.dumps(entries).encode())
    return tuple(sorted(contents))


def _joint_boxes(joints_mat: pathlib.Path, num_train: int) -> dict[str, list[float]]:
    """Returns the boxes (x, y, width, height, px) about the held-out people's joints, by name."""
    joints = lsp_format.read_joints(str(joints_mat), "lsp", coordinate_axis=0)[..., :2]
    boxes = {}
    for row in range(num_train, len(joints)):
        corner, size = joints[row].min(axis=0), np.ptp(joints[row], axis=0)
        boxes[f"im{row + 1:04d}.jpg"] = [*corner, *size]
    return boxes


def _whole_box(photo: pathlib.Path) -> list[float]:
    """Returns the box of a whole photograph, as if the person filled it."""
    image = cv2.imread(str(photo))
    if image is None:
        raise ImageError(f"cannot read the photograph {photo.name}; give a JPEG or PNG.")
    return [0.0, 0.0, float(image.shape[1]), float(image.shape[0])]


def draw_tour(
    photos_dir: pathlib.Path,
    predictions_dir: pathlib.Path,
    names: Sequence[str],
    path: pathlib.Path,
) -> None:
    """Lays photographs, overlays and side views side by side in one picture."""
    pictures = []
    for name in names:
        stem = predictions_dir / pathlib.Path(name).stem
        for part in (photos_dir / name, f"{stem}_overlay.png", f"{stem}_side.png"):
            picture = cv2.imread(str(part))[..., ::-1]
            scale = _TOUR_HEIGHT / picture.shape[0]
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            pictures.append(np.ascontiguousarray(picture[:, :_TOUR_HEIGHT]))
    writing.write_png(path, overlay.tile(pictures, columns=6))
