"""Estimates the bodies in photographs and writes them down.

    python -m hmr_tf.predict --checkpoint LOG --input photo.jpg --out_dir OUT
    python -m hmr_tf.predict --checkpoint LOG --input PHOTOS --out_dir OUT --boxes OPENPOSE_FOLDER
    python -m hmr_tf.predict --checkpoint SGRE --input PHOTOS --out_dir OUT --poses OPENPOSE_FOLDER

For each photograph OUT gets NAME_overlay.png (the meshes over the photograph), NAME_side.png (each
person from the side), NAME.npz (the Estimate of hmr_tf.outputs, one row for each person, with
vertices, faces and the image's size) and NAME.obj (the mesh in metres, y up; NAME_1.obj, NAME_2.obj
and so on for several people). Existing files of these names are replaced.

--poses is for models that are shown 2D poses (sgre): without it, and for people of whom it has
none, they are shown those that they find themselves. Without --boxes people are where their poses
are; without either one person is taken to fill each photograph.

Of a folder all pictures directly in it are read; one that cannot be read is named and counted, and
the others are done. The exit status is 0 if at least one picture was done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from hmr_tf import command, common_flags, outputs
from hmr_tf.errors import ConfigError, HmrError, ImageError

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from hmr_tf.image_files.box_files import PersonBox
    from hmr_tf.image_files.people_files import People
    from hmr_tf.image_files.pose_files import PersonPose
    from hmr_tf.predictor import Predictor

_CHECKPOINT = common_flags.define_checkpoint()
_INPUT = flags.DEFINE_string("input", None, "An image file or a folder of images.")
_OUT_DIR = common_flags.define_out_dir("Folder for the results.")
_BOXES = flags.DEFINE_string(
    "boxes",
    None,
    "Where the people are: x,y,w,h in px for every image; an OpenPose file or a folder of them "
    "(photo_keypoints.json for photo.jpg); or a COCO-style file of annotations or detections.",
)
_POSES = flags.DEFINE_string(
    "poses",
    None,
    "2D poses of the people, for models that are shown them: an OpenPose file or a folder of them, "
    "as for --boxes, or a COCO-style file with keypoints.",
)
_PEOPLE = flags.DEFINE_enum(
    "people", "all", ["all", "best"], "Which people of an image with several are taken."
)
flags.mark_flags_as_required(["checkpoint", "input", "out_dir"])


class Given(NamedTuple):
    """What the user says of the people in the images, if anything."""

    boxes: People[PersonBox] | None
    poses: People[PersonPose] | None


def main(argv: Sequence[str]) -> None:
    """Predicts, image by image."""
    del argv
    from hmr_tf.image_files import box_files, listing, pose_files

    # What can be told before the model is loaded is told at once.
    if flags.FLAGS["people"].present and not (_BOXES.value or _POSES.value):
        raise ConfigError("--people chooses among several; give --boxes or --poses, too.")
    command.check_out_dir(_OUT_DIR.value)
    paths = listing.find_images(_INPUT.value)
    is_folder = os.path.isdir(_INPUT.value)
    given = Given(
        boxes=box_files.read_boxes(_BOXES.value) if _BOXES.value else None,
        poses=pose_files.read_poses(_POSES.value) if _POSES.value else None,
    )

    from hmr_tf.exporters import prediction_files
    from hmr_tf.predictor import Predictor

    predictor = Predictor(_CHECKPOINT.value)
    _check_poses(predictor.model, given)
    names = prediction_files.distinct_names(paths)
    failures = 0
    for path, name in zip(paths, names):
        try:
            people = _predict_file(predictor, path, os.path.join(_OUT_DIR.value, name), given)
        except ImageError as error:
            if not is_folder:
                raise
            failures += 1
            print(f"skipped: {error}", file=sys.stderr)
            continue
        print(f"{path}: {people} {'person' if people == 1 else 'people'} -> {name}.npz")
    done = len(paths) - failures
    if is_folder:
        summary = f"{done} of {len(paths)} images done, {failures} could not be used"
        if not done:
            raise HmrError(f"{summary}; the reasons stand above.")
        print(f"{summary}; results in {_OUT_DIR.value}")


def _check_poses(model: tf.keras.Model, given: Given) -> None:
    """Refuses poses where they have no effect, and a model that needs them without them."""
    from hmr_tf.models import extra_inputs

    if given.poses is not None and outputs.POSE_2D not in extra_inputs.names(model):
        raise ConfigError("--poses has no effect: this model takes no 2D poses; leave it out.")
    if given.poses is None and extra_inputs.are_needed(model):
        raise ConfigError("this model finds no 2D poses by itself; give --poses.")


def _predict_file(predictor: Predictor, path: str, stem: str, given: Given) -> int:
    """Predicts one image and writes its results; returns the number of people."""
    from hmr_tf.exporters import prediction_files
    from hmr_tf.image_files import reading

    image = reading.read_image(path)
    boxes_xyxy, beside = _find_people(path, given, _PEOPLE.value == "best")
    if boxes_xyxy is None:
        estimate = predictor.predict_images([image])
    else:
        _check_boxes(boxes_xyxy, image, path)
        _check_people(predictor.model, beside, path)
        images = [image] * len(boxes_xyxy)
        estimate = predictor.predict_images(images, list(boxes_xyxy), **beside)
    prediction_files.save_prediction(stem, image, estimate, predictor.faces, boxes_xyxy)
    return len(estimate["camera"])


def _find_people(
    path: str, given: Given, best_only: bool
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """Returns the boxes of an image's people, and their poses if there are some."""
    import numpy as np

    from hmr_tf.image_files import pose_files

    source = given.boxes or given.poses
    if source is None:
        return None, {}
    people = source.for_image(path, best_only)
    boxes_xyxy = np.array([person.xyxy for person in people], np.float32)
    if given.poses is None:
        return boxes_xyxy, {}
    if given.boxes is None:
        return boxes_xyxy, {outputs.POSE_2D: np.stack([person.pose_2d for person in people])}
    return boxes_xyxy, {outputs.POSE_2D: pose_files.match(given.poses.found(path), boxes_xyxy)}


def _check_people(model: tf.keras.Model, beside: Mapping[str, np.ndarray], path: str) -> None:
    """Raises ImageError if a model that needs poses has none of somebody."""
    from hmr_tf.models import extra_inputs

    poses = beside.get(outputs.POSE_2D)
    if poses is not None and extra_inputs.are_needed(model) and not poses.any(axis=(1, 2)).all():
        raise ImageError(f"--poses has nobody for a box of {path}, and this model finds no poses.")


def _check_boxes(boxes_xyxy, image, path: str) -> None:
    """Raises ImageError if a box misses the image."""
    height, width = image.shape[:2]
    for left, top, right, bottom in boxes_xyxy.tolist():
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ImageError(
                f"a box of {path} lies outside of the image: {left:g},{top:g} to {right:g},"
                f"{bottom:g} px in {width} x {height} px."
            )


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
