"""Images a second of our converters, against the original release's way, on the same images.

    python tests/benchmarks/benchmark_convert.py
    python tests/benchmarks/benchmark_convert.py --num_images 10000 --num_workers 2 --rounds 3

Makes source trees of photograph-like JPEGs in the datasets' formats and converts each in both ways.
The original's way is its sequence of operations, image by image in one process: read, decode
by a session run of a graph, resize the whole image for every person in it (bilinear), crop, encode
by a session run, build a `tf.train.Example`, write it. It gets the people as parsed labels; ours
is the whole of `driver.convert_part`: reading the labels, worker processes and their start, checks,
checksums, waiting for the disk, the manifest.

    3dhp       MPI-INF-3DHP, extracted frames of 2048 x 2048 px, people brought to 150 px; the
               original first passes each frame through a JPEG of quality 100
    coco       COCO: ours stores images as they are; the original knows no such way, and brings
               people to 150 px
    coco 150   COCO, --option person_px=150: ours brings people to 150 px, too
    lsp_ext    LSP-extended: both store the source's bytes, the original after decoding them
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import pathlib
import resource
import shutil
import sys
import tempfile
import time
from concurrent import futures
from multiprocessing import forkserver

import numpy as np

_NUM_DIFFERENT = 16  # Images; the others are links to them.
_HEIGHT, _WIDTH = 480, 640
_LSP_SIZE = 200, 150
_NUM_LSP = 10000  # LSP-extended's.
_STUDIO_PX = 2048
_MARGINS = {"3dhp": 150, "coco": 200, "lsp_ext": 0}
_NEEDED = {
    "_original": ("cv2", "tensorflow"),
    "_ours": ("cv2", "scipy.io", "tfrecords_tools.driver", "tfrecords_tools.registry"),
}
_Person = tuple[str, np.ndarray]  # Image and labelled points `[K, 2]` px.


def _photographs(height: int, width: int) -> list[bytes]:
    """Returns JPEGs of quality 90 with the spectrum of photographs, 1 / f**1.2.

    At 640 x 480 px they are as long as COCO's, 150 kB. Large ones are frames of a video and hold
    nothing above half of their resolution.
    """
    import cv2

    rng = np.random.default_rng(0)
    is_frame = max(height, width) > 1000
    found = []
    for _ in range(_NUM_DIFFERENT):
        image = _noise(rng, height // 2, width // 2) if is_frame else _noise(rng, height, width)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image * 50 + 127, 0, 255).astype(np.uint8)
        found.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return found


def _noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Returns `[height, width, 3]` random colors, mostly brightness, of standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    spectra = rng.normal(size=(2, 3, *frequency.shape)) / frequency**1.2
    light, warm, cold = np.fft.irfft2(spectra[0] + 1j * spectra[1], (height, width))
    image = np.stack([light + 0.3 * cold, light, light + 0.3 * warm], axis=-1)
    return (image / image.std()).astype(np.float32)


def _write_images(folder: pathlib.Path, name: str, num_images: int, size: tuple[int, int]) -> None:
    folder.mkdir(parents=True)
    contents = _photographs(*size)
    print(f"JPEGs of {size[1]} x {size[0]} px, {np.mean([len(c) for c in contents]) / 1e3:.0f} kB")
    for number in range(1, num_images + 1):
        path, first = folder / name.format(number), (number - 1) % _NUM_DIFFERENT
        if number <= _NUM_DIFFERENT:
            path.write_bytes(contents[first])
        else:
            os.link(folder / name.format(first + 1), path)


def _write_coco(folder: pathlib.Path, num_images: int) -> list[_Person]:
    """Writes a COCO tree with one person in each image; returns (image, keypoints `[17, 3]`)."""
    _write_images(folder / "train2014", "COCO_train2014_{:012d}.jpg", num_images, (_HEIGHT, _WIDTH))
    rng = np.random.default_rng(1)
    images, annotations, people = [], [], []
    for number in range(1, num_images + 1):
        name = f"COCO_train2014_{number:012d}.jpg"
        images.append({"id": number, "file_name": name, "height": _HEIGHT, "width": _WIDTH})
        # COCO's people with ankles are 100 to 400 px tall.
        tall = rng.uniform(120, 400)
        left, top = rng.uniform(0, _WIDTH - tall / 2), rng.uniform(0, _HEIGHT - tall)
        points = rng.uniform(0, 1, (17, 2)) * (tall / 2, tall) + (left, top)
        keypoints = np.column_stack([points.round(), np.full(17, 2)])
        corners = [left, top, left + tall / 2, top, left + tall / 2, top + tall, left, top + tall]
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "iscrowd": 0,
                "num_keypoints": 17,
                "bbox": [left, top, tall / 2, tall],
                "area": tall * tall / 2,
                "segmentation": [corners],
                "keypoints": keypoints.astype(int).ravel().tolist(),
            }
        )
        people.append((str(folder / "train2014" / name), keypoints))
    content = {"images": images, "annotations": annotations, "categories": _categories()}
    (folder / "annotations").mkdir()
    path = folder / "annotations" / "person_keypoints_train2014.json"
    path.write_text(json.dumps(content))
    return people


def _categories() -> list[dict]:
    from tfrecords_tools import skeletons

    return [{"id": 1, "name": "person", "keypoints": list(skeletons.COCO17.joints)}]


def _write_studio(folder: pathlib.Path, num_images: int) -> list[_Person]:
    """Writes extracted frames of one camera of MPI-INF-3DHP."""
    import scipy.io

    sequence = folder / "S1" / "Seq1"
    frames = sequence / "imageFrames" / "video_0"
    _write_images(frames, "frame_{:06d}.jpg", num_images, (_STUDIO_PX, _STUDIO_PX))
    focal, middle = 1500.0, _STUDIO_PX / 2
    joints = np.random.default_rng(1).uniform(-900, 900, (num_images, 28, 3))
    joints *= (0.5, 1.0, 0.3)
    joints[:, :, 2] += 4500  # mm
    points = joints[:, :, :2] / joints[:, :, 2:] * focal + middle
    cells = {name: np.empty((14, 1), object) for name in ("annot2", "annot3")}
    for camera in range(14):
        cells["annot2"][camera, 0] = points.reshape(num_images, -1)
        cells["annot3"][camera, 0] = joints.reshape(num_images, -1)
    content = {**cells, "frames": np.arange(num_images)[:, None]}
    scipy.io.savemat(sequence / "annot.mat", content, do_compression=True)
    camera = [focal, 0, middle, 0, 0, focal, middle, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    lines = ["Skeletool Camera Calibration File V1.0"]
    for name in range(14):
        lines += [f"name          {name}", "sensor        10 10", "size          2048 2048"]
        lines += ["animated      0", f"intrinsic     {' '.join(map(str, camera))}"]
        lines += [f"extrinsic     {' '.join(map(str, np.eye(4).ravel()))}", "radial        0"]
    (sequence / "camera.calibration").write_text("\n".join(lines) + "\n")
    return [
        (str(frames / f"frame_{number + 1:06d}.jpg"), points[number])
        for number in range(num_images)
    ]


def _write_lsp(folder: pathlib.Path, num_images: int) -> list[_Person]:
    """Writes an LSP-extended tree; returns (image, joints `[14, 3]`)."""
    import scipy.io

    _write_images(folder / "images", "im{:05d}.jpg", num_images, _LSP_SIZE)
    joints = np.random.default_rng(1).uniform(10, 140, (num_images, 14, 3))
    joints[:, :, 2] = 1
    scipy.io.savemat(folder / "joints.mat", {"joints": joints.transpose(1, 2, 0)})
    paths = [str(folder / "images" / f"im{number:05d}.jpg") for number in range(1, num_images + 1)]
    return list(zip(paths, joints))


class _OriginalCoder:
    """The original release's image coder: a session, and a run of it for each image."""

    def __init__(self) -> None:
        import tensorflow as tf

        with tf.Graph().as_default() as graph:
            self._jpeg = tf.compat.v1.placeholder(tf.string)
            self._decoded = tf.image.decode_jpeg(self._jpeg, channels=3)
            self._image = tf.compat.v1.placeholder(tf.uint8)
            self._encoded = tf.image.encode_jpeg(self._image, format="rgb")
            decoded = tf.image.decode_png(self._jpeg, channels=3)  # It takes JPEGs, too.
            self._converted = tf.image.encode_jpeg(decoded, format="rgb", quality=100)
        self._session = tf.compat.v1.Session(graph=graph)

    def decode(self, data: bytes) -> np.ndarray:
        return self._session.run(self._decoded, {self._jpeg: data})

    def convert(self, data: bytes) -> bytes:
        return self._session.run(self._converted, {self._jpeg: data})

    def encode(self, image: np.ndarray) -> bytes:
        return self._session.run(self._encoded, {self._image: image})


def _original(people: list[_Person], folder: str, margin: int) -> None:
    """Converts as the original release did; without a margin, images are stored as they are."""
    is_studio = margin == _MARGINS["3dhp"]
    import cv2
    import tensorflow as tf

    coder, writer = _OriginalCoder(), None
    for index, (path, points) in enumerate(people):
        if index % 500 == 0:
            if writer is not None:
                writer.close()
            writer = tf.io.TFRecordWriter(f"{folder}/train_{index // 500:03d}.tfrecord")
        with tf.io.gfile.GFile(path, "rb") as file:
            data = file.read()
        if is_studio:
            data = coder.convert(data)
        image = coder.decode(data)
        points = points[:, :2].astype(np.float64)
        low, high = points.min(0), points.max(0)
        if margin:
            scale = 150.0 / np.linalg.norm(high - low)
            height, width = (np.array(image.shape[:2]) * scale).astype(int)
            points, center = points * scale, (low + high) / 2 * scale
            scaled = cv2.resize(image, (width, height))
            start = np.maximum(center - margin, 0).astype(int)
            end = np.minimum((center + margin).astype(int), (width, height))
            image = scaled[start[1] : end[1], start[0] : end[0]]
            points = points - start
            data = coder.encode(image)
        writer.write(_example(data, path, image.shape, points).SerializeToString())
    writer.close()


def _example(data: bytes, path: str, shape: tuple[int, ...], points: np.ndarray):
    import tensorflow as tf

    def integers(*values: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(v) for v in values]))

    def floats(values: np.ndarray) -> tf.train.Feature:
        return tf.train.Feature(float_list=tf.train.FloatList(value=np.ravel(values).tolist()))

    def text(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    points = np.resize(points, (14, 2))
    features = {
        "image/height": integers(shape[0]),
        "image/width": integers(shape[1]),
        "image/center": integers(*points.mean(0)),
        "image/x": floats(points[:, 0]),
        "image/y": floats(points[:, 1]),
        "image/visibility": integers(*[1] * 14),
        "image/format": text(b"JPEG"),
        "image/filename": text(os.path.basename(path).encode()),
        "image/encoded": text(data),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def _ours(dataset: str, source: str, folder: str, num_workers: int, options: dict) -> int:
    from tfrecords_tools.driver import convert_part
    from tfrecords_tools.registry import get_converter

    converter = get_converter(dataset)(source, options=options)
    return convert_part(converter, "train", folder, num_workers).manifest.num_examples


def _timed(function, *arguments) -> tuple[float, float]:
    """Returns seconds of the clock and of the processors, child processes included.

    Each way has a process of its own, which has imported what it needs and nothing else: Python's
    search for garbage takes longer the more there is, TensorFlow for instance.
    """
    context = multiprocessing.get_context("spawn")
    with futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(_time_here, function, arguments).result()


def _time_here(function, arguments) -> tuple[float, float]:
    for module in _NEEDED[function.__name__]:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        begin, used = time.perf_counter(), _processor_seconds()
        function(*[folder if argument is None else argument for argument in arguments])
        seconds = time.perf_counter() - begin
        # Each conversion starts it anew, and the time of its children is known when it has ended.
        forkserver._forkserver._stop()
        return seconds, _processor_seconds() - used


def _processor_seconds() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(one)[:2]) for one in who)


def _compare(title: str, dataset: str, people, source, options, arguments) -> None:
    """Times both ways in turn and prints the best of each."""
    theirs, ours = [], []
    for _ in range(arguments.rounds):
        theirs.append(_timed(_original, people, None, _MARGINS[title.split()[0]]))
        ours.append(_timed(_ours, dataset, source, None, arguments.num_workers, options))
    count = len(people)
    (their_wall, their_cpu), (our_wall, our_cpu) = min(theirs), min(ours)
    print(
        f"{title:9s} {count} images: original {count / their_wall:7.1f} images/s "
        f"({1e3 * their_cpu / count:.2f} ms of processor each), ours, at most "
        f"{arguments.num_workers} workers {count / our_wall:7.1f} images/s "
        f"({1e3 * our_cpu / count:.2f} ms): "
        f"{their_wall / our_wall:.1f} times",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num_images", type=int, default=20000)
    parser.add_argument("--num_studio_images", type=int, default=1500)
    parser.add_argument("--num_workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        people = _write_studio(folder / "3dhp", arguments.num_studio_images)
        options = {"cameras": "0"}
        _compare("3dhp", "mpi_inf_3dhp", people, str(folder / "3dhp"), options, arguments)
        people = _write_coco(folder / "coco", arguments.num_images)
        _compare("coco", "coco", people, str(folder / "coco"), {}, arguments)
        options = {"person_px": "150"}
        _compare("coco 150", "coco", people, str(folder / "coco"), options, arguments)
        people = _write_lsp(folder / "lsp", min(arguments.num_images, _NUM_LSP))
        _compare("lsp_ext", "lsp_ext", people, str(folder / "lsp"), {}, arguments)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
