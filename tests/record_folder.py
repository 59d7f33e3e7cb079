"""A small record folder for the tests of the tools: images of a person, 3D joints and a camera."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import cv2
import numpy as np

from tfrecords_tools.journal import Progress
from tfrecords_tools.manifest import Identity
from tfrecords_tools.record_file import frame_record
from tfrecords_tools.samples import MocapSample, Sample
from tfrecords_tools.schema import encode_sample
from tfrecords_tools.writer import ShardedWriter

INTRINSICS = np.array([400.0, 400.0, 60.0, 50.0])
TRANSLATION = np.array([0.1, -0.2, 5.0])


def sample(number, with_3d=True, **changes):
    """Returns a sample whose 2D joints are its 3D joints through the camera, worked by hand."""
    rng = np.random.default_rng(number)
    joints = rng.uniform(-0.5, 0.5, (14, 3))
    keypoints = np.zeros((19, 3))
    for index, (x, y, z) in enumerate(joints + TRANSLATION):
        keypoints[index] = 400 * x / z + 60, 400 * y / z + 50, index != 3
    image = rng.integers(0, 255, (100, 120, 3), np.uint8)
    fields = {
        "image": cv2.imencode(".jpg", image)[1].tobytes(),
        "filename": f"{number}.jpg",
        "height": 100,
        "width": 120,
        "center": np.array([60.0, 50.0]),
        "keypoints_2d": keypoints,
        "box_xyxy": np.array([10.0, 5.0, 110.0, 95.0]),
        "dataset": "toy",
    }
    if with_3d:
        fields.update(
            joints_3d=joints,
            translation=TRANSLATION,
            intrinsics=INTRINSICS,
            pose_axis_angle=rng.normal(0, 0.3, 72),
            betas=rng.normal(0, 1, 10),
        )
    return Sample(**{**fields, **changes})


def mocap_sample(number):
    """Returns a motion-capture sample."""
    return MocapSample(np.full(72, 0.01 * number), np.zeros(10))


def write(out_dir, samples, dataset="toy", split="train", examples_per_shard=4):
    """Writes samples as a converted part; returns its manifest."""
    identity = Identity(dataset, split, 1, examples_per_shard, {}, "source")
    with ShardedWriter(str(out_dir), identity) as writer:
        for item in samples:
            writer.write(frame_record(encode_sample(item)))
            if writer.is_shard_full:
                writer.finish_shard(Progress())
        writer.finish_shard(
            Progress(
                num_with_3d=sum(item.has_3d for item in samples),
                num_with_smpl=sum(item.has_smpl for item in samples),
                drops={},
            ),
            is_last=True,
        )
        return writer.publish()


def run_tool(name, *arguments):
    """Runs a tool as a user does; returns exit status, output and errors."""
    done = subprocess.run(
        [sys.executable, "-m", f"tfrecords_tools.{name}", *map(str, arguments)],
        cwd=pathlib.Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
