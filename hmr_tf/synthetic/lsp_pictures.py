"""The pictures behind LSP's layout: any of them can be drawn by its number alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hmr_tf import config as settings
from hmr_tf.body.model_file import load_body
from hmr_tf.synthetic import backgrounds, motion_sources, people, poses, scene
from tfrecords_tools import atomic_file

# What the pictures depend on.
USED_SETTINGS = (
    *("num_images", "num_test", "image_size", "seed"),
    *("body", "gender", "motion_dir", "background_dir"),
)
_SPLITS = ("train", "test")


def image_name(index: int) -> str:
    """Returns LSP's file name of the image at an index that counts from 0."""
    return f"im{index + 1:04d}.jpg"


class Drawer:
    """Draws any image of the dataset; every image has random numbers of its own."""

    def __init__(self, out_dir: Path, config: settings.SynthesisConfig) -> None:
        cv2.setNumThreads(1)  # The processes are the parallelism.
        body = load_body(config.body, config.gender)
        rest_joints = body.joint_regressor @ body.template
        motions = motion_sources.load_motions(config.motion_dir)
        self.samplers = {
            "train": poses.PoseSampler(motions["train"], rest_joints),
            "test": poses.PoseSampler(motions["test"], rest_joints, poses.RECORDED),
        }
        photos = backgrounds.list_photos(config.background_dir) if config.background_dir else ()
        options = scene.SceneOptions(config.image_size, background_photos=tuple(photos))
        self.renderer = scene.SceneRenderer(body, options)
        self.num_betas = body.num_betas
        self.out_dir, self.config = out_dir, config

    def draw(self, index: int) -> dict[str, Any]:
        """Writes one image; returns what is true about it."""
        split = self.split(index)
        random, person, drawn = self.compose(index)
        name = image_name(index)
        content = scene.encode_jpeg(drawn.image, scene.draw_jpeg_quality(random))
        atomic_file.write_bytes(self.out_dir / "images" / name, content)
        return {
            "image_name": name,
            "split": split,
            "subject": person.subject,
            "pose_axis_angle": person.pose_axis_angle,
            "betas": person.betas,
            "translation": drawn.translation,
            "intrinsics": drawn.intrinsics,
            "joints_3d": drawn.joints_3d.astype(np.float32),
            "joints_24_3d": drawn.joints_24_3d.astype(np.float32),
            "keypoints": drawn.keypoints,
        }

    def split(self, index: int) -> str:
        """Returns `train` or `test`."""
        return _SPLITS[index >= self.config.num_images - self.config.num_test]

    def compose(self, index: int) -> tuple[np.random.Generator, people.Person, scene.Scene]:
        """Returns the person of an image and the picture, and the random numbers that are left."""
        random = np.random.default_rng([self.config.seed, index])
        person = people.sample_person(random, self.samplers[self.split(index)], self.num_betas)
        return random, person, self.renderer.draw(random, person)
