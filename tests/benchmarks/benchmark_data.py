"""Images a second of the training pipeline alone, against the original release's way.

    python tests/benchmarks/benchmark_data.py
    python tests/benchmarks/benchmark_data.py --data_dir RECORDS --datasets lsp --num_cores 2

Both read the same records. The original's way is its sequence of operations, sample by sample:
parse, decode (fast inverse transform), shift the centre, scale by a bilinear resize of the whole
image, pad all four sides by 182 border pixels, slice 224 x 224, mirror with probability a half, to
[-1, 1]. It knew no other crop than 224 px; for another size its crop is resized once more. Without
``--data_dir`` the records are made here: 300 x 300 JPEGs of about 25 kB, like the original's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pathlib
import resource
import sys
import tempfile
import time

import numpy as np

_CROP, _MARGIN = 224, 112 + 20 + 50


def _make_records(folder: str, num_images: int = 256) -> None:
    """Writes records of smooth noise whose JPEGs are as long as photographs of that size."""
    import cv2
    import tensorflow as tf

    from tfrecords_tools import samples, schema

    rng = np.random.default_rng(0)
    path = pathlib.Path(folder) / "lsp" / "train_000.tfrecord"
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(num_images):
            noise = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
            image = cv2.GaussianBlur(noise, (0, 0), 2.0).astype(np.float32)
            image = np.clip((image - 127) * 5 + 127, 0, 255).astype(np.uint8)
            keypoints = np.ones((19, 3), np.float32)
            keypoints[:, :2] = rng.uniform(75, 225, (19, 2))
            sample = samples.Sample(
                image=cv2.imencode(".jpg", image)[1].tobytes(),
                filename=f"{number}.jpg",
                height=300,
                width=300,
                center=np.array([150.0, 150.0]),
                keypoints_2d=keypoints,
                joints_3d=rng.normal(0, 0.4, (14, 3)),
                pose_axis_angle=rng.normal(0, 0.4, 72),
                betas=rng.normal(0, 1, 10),
            )
            writer.write(schema.encode_sample(sample))


def _ours(data_dir: str, datasets: list[str], size: int, batch_size: int, cache: bool):
    from hmr_tf.config import DataConfig
    from hmr_tf.data import pipeline

    config = DataConfig(data_dir, tuple((name, 1.0) for name in datasets), cache=cache)
    return pipeline.training_dataset(config, size, batch_size)


def _original(data_dir: str, datasets: list[str], size: int, batch_size: int):
    """The original's sequence of operations in the fastest frame for it: a parallel map."""
    import tensorflow as tf

    from tfrecords_tools.reader import list_shards

    spec = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "image/center": tf.io.FixedLenFeature([2], tf.int64),
        "image/x": tf.io.FixedLenFeature([1, 14], tf.float32),
        "image/y": tf.io.FixedLenFeature([1, 14], tf.float32),
        "image/visibility": tf.io.FixedLenFeature([1, 14], tf.int64),
        "image/face_pts": tf.io.FixedLenFeature([3, 5], tf.float32, np.zeros(15)),
        "mosh/pose": tf.io.FixedLenFeature([72], tf.float32, np.zeros(72)),
        "mosh/shape": tf.io.FixedLenFeature([10], tf.float32, np.zeros(10)),
        "mosh/gt3d": tf.io.FixedLenFeature([14, 3], tf.float32, np.zeros(42)),
        "meta/has_3d": tf.io.FixedLenFeature([1], tf.int64, [0]),
    }

    def pad_border(image):
        # Rows are repeated as whole blocks of memory and columns as rows, then transposed: much
        # cheaper than tiling columns where they stand.
        repeats = [_MARGIN, 1, 1]
        image = tf.concat([tf.tile(image[:1], repeats), image, tf.tile(image[-1:], repeats)], 0)
        sides = [
            tf.transpose(tf.tile(image[:, column][None], repeats), [1, 0, 2]) for column in (0, -1)
        ]
        return tf.concat([sides[0], image, sides[1]], 1)

    def load(serialized):
        raw = tf.io.parse_single_example(serialized, spec)
        visible = tf.cast(raw["image/visibility"], tf.float32)
        label = tf.concat([raw["image/x"], raw["image/y"], visible], 0)
        label = tf.concat([label, raw["image/face_pts"]], 1)
        image = tf.image.decode_jpeg(raw["image/encoded"], channels=3)
        image = tf.image.convert_image_dtype(image, tf.float32)
        center = tf.cast(raw["image/center"], tf.int32)
        center += tf.random.uniform([2], -20, 20, tf.int32)
        factor = tf.random.uniform([], 0.8, 1.23)
        extent = tf.cast(tf.shape(image)[:2], tf.float32)
        target = tf.cast(extent * factor, tf.int32)
        image = tf.compat.v1.image.resize_bilinear(image[None], target)[0]
        actual = tf.cast(target, tf.float32) / extent
        center = tf.cast(tf.cast(center, tf.float32) * actual[::-1], tf.int32)
        start = center + _MARGIN - _CROP // 2
        padded = pad_border(image)
        start = tf.clip_by_value(start, 0, tf.reverse(tf.shape(padded)[:2], [0]) - _CROP)
        crop = tf.slice(padded, [start[1], start[0], 0], [_CROP, _CROP, 3])
        points = label[:2] * actual[::-1, None] - tf.cast(start - _MARGIN, tf.float32)[:, None]
        flip = tf.random.uniform([]) < 0.5
        crop, points = tf.cond(
            flip,
            lambda: (tf.reverse(crop, [1]), tf.stack([_CROP - 1 - points[0], points[1]])),
            lambda: (crop, points),
        )
        if size != _CROP:
            crop = tf.compat.v1.image.resize_bilinear(crop[None], [size, size])[0]
        crop = tf.ensure_shape(2.0 * (crop - 0.5), [size, size, 3])
        points = 2.0 * points / _CROP - 1.0
        keep = {key: raw[f"mosh/{key}"] for key in ("pose", "shape", "gt3d")}
        return {"image": crop, "points": points * label[2:], "visibility": label[2:], **keep}

    shards = [shard for name in datasets for shard in list_shards(data_dir, name, "train")]
    records = tf.data.TFRecordDataset(shards).repeat().shuffle(2000)
    samples = records.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False)
    return samples.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


_CASES = {
    "hmr_tf": lambda *arguments: _ours(*arguments, cache=False),
    "hmr_tf, cached": lambda *arguments: _ours(*arguments, cache=True),
    "original's way": lambda *arguments: _original(*arguments),
}


def _run(
    case: str, data_dir: str, datasets: list[str], size: int, batch_size: int, seconds: float
) -> tuple[float, float]:
    """Returns images per second of one case, and the most memory of this process, MB."""
    iterator = iter(_CASES[case](data_dir, datasets, size, batch_size))
    for _ in range(6):
        next(iterator)
    batches, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        next(iterator)
        batches += 1
    rate = batches * batch_size / (time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return rate, peak / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    """Runs all cases in turn, several times, and prints the best of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir")
    parser.add_argument("--datasets", default="lsp")
    parser.add_argument("--sizes", default="224,96")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--num_cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    # Before TensorFlow starts its threads: it makes one for each core it is allowed.
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: options.num_cores]))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    names, sizes = options.datasets.split(","), [int(size) for size in options.sizes.split(",")]
    rates: dict[tuple[int, str], list[float]] = {}
    peaks: dict[tuple[int, str], float] = {}
    # A new process for each case and round: its memory is its own, and nothing fetches ahead while
    # another is timed.
    processes = multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1)
    with tempfile.TemporaryDirectory() as folder, processes as pool:
        if not options.data_dir:
            pool.apply(_make_records, (folder,))
        data_dir = options.data_dir or folder
        for _ in range(options.rounds):
            for size in sizes:
                for case in _CASES:
                    arguments = (case, data_dir, names, size, options.batch_size, options.seconds)
                    rate, peak_mb = pool.apply(_run, arguments)
                    rates.setdefault((size, case), []).append(rate)
                    peaks[size, case] = max(peak_mb, peaks.get((size, case), 0.0))
    print(
        f"{options.num_cores} core(s), batch {options.batch_size}, best of {options.rounds} rounds"
    )
    print("| input pipeline | images/s | against the original's way | peak memory |")
    print("| --- | --- | --- | --- |")
    for (size, case), each in rates.items():
        rate, ratio = max(each), max(each) / max(rates[size, "original's way"])
        peak = f"{peaks[size, case] / 1024:.1f} GB"
        print(f"| {case}, {size} px | {rate:.0f} | {ratio:.2f} x | {peak} |")


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    main()
