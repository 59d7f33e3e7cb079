"""Writes photographs of synthetic people in the layout of MPII Human Pose.

    annotations/mpii_human_pose_v1_u12_1.mat
    images/000000001.jpg ...
    smpl_truth.npz

The .mat has MATLAB's own nesting of structs: one image's people, one person's points, ... each a
struct array of its own. As in the real one, a test image has heads but no joints, points are given
for labelled joints alone, and `is_visible` is a character, a number or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import matlab_files, photo_twin, twin_folder
from tfrecords_tools import atomic_file
from tfrecords_tools.skeletons import J24, MPII16, mapping

_SLOTS = mapping(J24, MPII16)
_EMPTY = np.zeros((0, 0))
_HEAD = [J24.index("head_top"), J24.index("jaw"), J24.index("neck")]
_UNASKED = (MPII16.index("neck"), MPII16.index("head_top"))
_NUM_APART = 2  # People of a crowd who count as standing apart; the others do not.


class _Maker(photo_twin.PhotoTwin):
    """Draws the pictures and writes the .mat."""

    dataset = "mpii"

    def image_names(self, index: int) -> Sequence[str]:
        """Returns the one name of an image."""
        return [f"images/{_file_name(index)}"]

    def write_labels(self, notes: Sequence[dict[str, Any]]) -> None:
        """Writes the .mat file."""
        path = self.folder / "annotations" / "mpii_human_pose_v1_u12_1.mat"
        atomic_file.write_bytes(path, matlab_files.dumps({"RELEASE": _release(notes)}))


def write(out_dir: str, config: SynthesisConfig, num_workers: int = 0) -> str:
    """Writes the twin, or what is missing of it.

    Args:
        out_dir: folder to fill.
        config: what to draw.
        num_workers: processes; 0 draws in this one. The files do not depend on it.

    Returns:
        A line that says what is there.

    Raises:
        HmrError: if a setting is of no use or the folder holds other data.
    """
    twin_folder.fill(_Maker, Path(out_dir), config, num_workers, ("annotations", "images"))
    return (
        f"MPII: {config.num_images - config.num_test} train and {config.num_test} test images in "
        f"{out_dir}"
    )


def _file_name(index: int) -> str:
    return f"{index + 1:09d}.jpg"


def _structs(elements: Sequence[Mapping[str, Any]], column: bool = False) -> np.ndarray:
    """Returns a MATLAB struct array (1, N), or (N, 1); all elements have the same fields."""
    result = np.zeros(len(elements), [(name, object) for name in elements[0]])
    for row, element in enumerate(elements):
        for name, value in element.items():
            result[name][row] = value
    return result[:, None] if column else result[None]


def _cells(values: Sequence[Any]) -> np.ndarray:
    """Returns a MATLAB cell column (N, 1)."""
    result = np.empty((len(values), 1), object)
    for row, value in enumerate(values):
        result[row, 0] = value
    return result


def _release(notes: Sequence[dict[str, Any]]) -> np.ndarray:
    """Returns the struct RELEASE."""
    activity = {"act_name": "standing, talking", "cat_name": "twins", "act_id": 1.0}
    return _structs(
        [
            {
                "annolist": _structs([_image(note) for note in notes]),
                "img_train": np.array([[note["split"] == "train" for note in notes]], np.uint8),
                "version": "12",
                "single_person": _cells([_apart(note) for note in notes]),
                "act": _structs([activity] * len(notes), column=True),
                "video_list": _cells([f"twin{note['index'] // 3:03d}" for note in notes[::3]]),
            }
        ]
    )


def _apart(note: dict[str, Any]) -> np.ndarray:
    """Returns the numbers, from 1, of people who stand apart: one, several or none."""
    count = len(note["people"])
    if note["kind"] == "crowd":
        count = _NUM_APART
    elif note["kind"] == "two":
        count = 1
    numbers = np.arange(1, count + 1, dtype=np.float64)[:, None]
    return numbers if note["split"] == "train" else _EMPTY


def _image(note: dict[str, Any]) -> dict[str, Any]:
    """Returns an image's struct: its name, its people, and where it comes from."""
    people = [_person(person, note) for person in note["people"]]
    return {
        "image": _structs([{"name": _file_name(note["index"])}]),
        "annorect": _structs(people),
        "frame_sec": np.array([[7.0 * (note["index"] % 3)]]),
        "vididx": np.array([[1.0 + note["index"] // 3]]),
    }


def _person(person: dict[str, Any], note: dict[str, Any]) -> dict[str, Any]:
    """Returns a person's struct."""
    head = np.array(person["j24"])[_HEAD] + 1.0
    low, high = head.min(axis=0) - 4, head.max(axis=0) + 4
    names = ("x1", "y1", "x2", "y2")
    struct: dict[str, Any] = {
        name: np.array([[float(round(value))]]) for name, value in zip(names, [*low, *high])
    }
    if note["split"] == "test":
        return struct
    box = np.array(person["box"]) + 1.0
    points = [] if note["kind"] == "empty" else _points(person)
    if note["kind"] == "small":
        points = points[:1]  # Some labels are a single point.
    middle = np.round((box[:2] + box[2:]) / 2)
    return {
        **struct,
        "annopoints": _structs([{"point": _structs(points)}]) if points else _EMPTY,
        "scale": np.array([[(box[3] - box[1]) / 200.0]]),
        "objpos": _structs([{"x": middle[:1, None], "y": middle[1:, None]}]),
    }


def _points(person: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns a person's labelled joints; MATLAB counts pixels from 1."""
    pixels, state = photo_twin.joints(person, _SLOTS)
    points = []
    for joint in np.flatnonzero(state):
        # The ways in which the real file says it.
        flag: Any = str(int(state[joint] == 2))
        if joint in _UNASKED:
            flag = _EMPTY
        elif joint % 2:
            flag = np.array([[float(state[joint] == 2)]])
        x, y = np.round(pixels[joint] + 1.0, 2)
        points.append(
            {
                "x": np.array([[x]]),
                "y": np.array([[y]]),
                "id": np.array([[int(joint)]], np.uint8),
                "is_visible": flag,
            }
        )
    return points
