"""Fixtures of the data tests: record folders made on the spot."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfrecords_tools import samples, schema
from tfrecords_tools.shard_layout import shard_layout

HEIGHT, WIDTH = 150, 130


def _dotted_image(keypoints, marked, grey):
    """Draws a red dot on one joint and a blue one on another."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image = np.full((HEIGHT, WIDTH, 3), float(grey))
    for channel, index in ((0, marked[0]), (2, marked[1])):
        x, y = keypoints[index, :2]
        image[..., channel] += 150 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    return np.round(image).astype(np.uint8)


def make_sample(number, dataset="lsp", with_3d=False, with_smpl=False, marked=(5, 0)):
    """Returns sample ``number``: all its values follow from the number."""
    rng = np.random.default_rng(number)
    keypoints = np.zeros((19, 3), np.float32)
    keypoints[:14, :2] = rng.uniform([35, 40], [95, 110], (14, 2))
    keypoints[:14, 2] = 1
    keypoints[marked[0]] = [42.5, 55.25, 1]
    keypoints[marked[1]] = [88.0, 91.75, 1]
    keypoints[7, 2] = 0
    image = _dotted_image(keypoints, marked, grey=40 + 5 * (number % 12))
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    extra = {}
    if with_3d:
        extra["joints_3d"] = rng.normal(0, 0.4, (14, 3))
    if with_smpl:
        extra["pose_axis_angle"] = rng.normal(0, 0.4, 72)
        extra["betas"] = rng.normal(0, 1, 10)
    return samples.Sample(
        image=encoded,
        filename=f"{dataset}_{number:04d}.jpg",
        height=HEIGHT,
        width=WIDTH,
        center=np.array([65.5, 74.25]),
        keypoints_2d=keypoints,
        dataset=dataset,
        frame=number,
        **extra,
    )


def _write(path, serialized):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in serialized:
            writer.write(record)


@pytest.fixture(scope="session")
def sample_maker():
    """The function that makes one numbered sample."""
    return make_sample


@pytest.fixture(scope="session")
def write_records():
    """A function that writes numbered samples as the shards of one dataset."""

    def write(data_dir, dataset, shard_sizes, split="train", **options):
        layout, number = shard_layout(dataset), 0
        for index, size in enumerate(shard_sizes):
            numbers = range(number, number + size)
            path = data_dir / layout.folder / layout.shard_name(split, index)
            _write(
                path,
                [schema.encode_sample(make_sample(n, dataset, **options)) for n in numbers],
            )
            number += size
        return data_dir

    return write


@pytest.fixture(scope="session")
def write_mocap():
    """A function that writes numbered bodies: pose ``number + k / 100``, shape ``-number``."""

    def write(data_dir, name="CMU", shard_sizes=(6, 4), first=0):
        layout, number = shard_layout("mosh"), first
        for index, size in enumerate(shard_sizes):
            serialized = [
                schema.encode_sample(
                    samples.MocapSample(n + np.arange(72) / 100, np.full(10, -float(n)))
                )
                for n in range(number, number + size)
            ]
            _write(data_dir / layout.folder / layout.shard_name(name, index), serialized)
            number += size
        return data_dir

    return write
