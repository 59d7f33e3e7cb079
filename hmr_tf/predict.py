"""Estimates the bodies in photographs and writes them down.

    python -m hmr_tf.predict --checkpoint LOG --input photo.jpg --out_dir OUT
    python -m hmr_tf.predict --checkpoint LOG --input PHOTOS --out_dir OUT --boxes OPENPOSE_FOLDER
    python -m hmr_tf.predict --checkpoint SGRE --input PHOTOS --out_dir OUT --poses OPENPOSE_FOLDER

For each photograph OUT gets NAME_overlay.png (the meshes over the photograph), NAME_side.png (each
person from the side), NAME.npz (the Estimate of hmr_tf.outputs, one row for each person, with
vertices, faces and the image's size) and NAME.obj (the mesh in metres, y up; NAME_1.obj, NAME_2.obj
and so on for several people). Existing files of these names are replaced.

--poses is for models that are shown 2D poses (sgre): without it, and for people of whom it has
none, they find the joints themselves. Without --boxes people are where their poses are; without
either one person is taken to fill each photograph.

Of a folder all pictures directly in it are read; one that cannot be read is named and counted, and
the others are done. The exit status is 0 if at least one picture was done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from hmr_tf import command, common_flags
from hmr_tf.errors import ConfigError, HmrError, ImageError

if TYPE_CHECKING:
    from hmr_tf.given_people import Given
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
    boxes = box_files.read_boxes(_BOXES.value) if _BOXES.value else None
    poses = pose_files.read_poses(_POSES.value) if _POSES.value else None

    from hmr_tf import given_people
    from hmr_tf.exporters import prediction_files
    from hmr_tf.predictor import Predictor

    given = given_people.Given(boxes, poses)
    predictor = Predictor(_CHECKPOINT.value)
    given_people.check_poses(predictor.model, given)
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


def _predict_file(predictor: Predictor, path: str, stem: str, given: Given) -> int:
    """Predicts one image and writes its results; returns the number of people."""
    from hmr_tf import given_people
    from hmr_tf.exporters import prediction_files
    from hmr_tf.image_files import reading

    image = reading.read_image(path)
    boxes_xyxy, beside = given_people.find(path, given, _PEOPLE.value == "best")
    if boxes_xyxy is None:
        estimate = predictor.predict_images([image])
    else:
        given_people.check_boxes(boxes_xyxy, image, path)
        given_people.check_people(predictor.model, beside, path)
        images = [image] * len(boxes_xyxy)
        estimate = predictor.predict_images(images, list(boxes_xyxy), **beside)
    prediction_files.save_prediction(stem, image, estimate, predictor.faces, boxes_xyxy)
    return len(estimate["camera"])


def run() -> None:
    """Entry point of the console command."""
    command.run(main)


if __name__ == "__main__":
    run()
