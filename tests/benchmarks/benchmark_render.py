"""Milliseconds per rendered body and images a second of the synthetic data.

    python tests/benchmarks/benchmark_render.py
    python tests/benchmarks/benchmark_render.py --sizes 512 --with_loop

Bodies are the embedded one (6,890 vertices, 13,776 faces) filling most of a square image, from
several sides; the time is one core's, of the best of several rounds. ``--with_loop`` adds the plain
way in NumPy for comparison: one Python iteration for each face, one sample per pixel.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from hmr_tf.body.model_file import load_body  # noqa: E402
from hmr_tf.body.posing import pose_body  # noqa: E402
from hmr_tf.render import rasterizer, shading  # noqa: E402
from hmr_tf.synthetic import motion_sources, people, poses, scene  # noqa: E402

_FILL = 0.9
_DISTANCE = 5.0


def best_ms(work, rounds: int) -> float:
    """Returns the time of the fastest round, ms of one core."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def loop_render(vertices, faces, intrinsics, size, colors):
    """The plain way: face by face, a box of pixels each."""
    fx, fy, cx, cy = intrinsics
    x = vertices[:, 0] / vertices[:, 2] * fx + cx
    y = vertices[:, 1] / vertices[:, 2] * fy + cy
    image, depth = np.zeros((size, size, 3)), np.full((size, size), np.inf)
    for a, b, c in faces:
        area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
        if area >= 0:
            continue
        left, right = int(np.ceil(min(x[a], x[b], x[c]))), int(max(x[a], x[b], x[c]))
        top, bottom = int(np.ceil(min(y[a], y[b], y[c]))), int(max(y[a], y[b], y[c]))
        if right < left or bottom < top or left < 0 or top < 0 or right >= size or bottom >= size:
            continue
        column, row = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
        w0 = ((x[b] - column) * (y[c] - row) - (x[c] - column) * (y[b] - row)) / area
        w1 = ((x[c] - column) * (y[a] - row) - (x[a] - column) * (y[c] - row)) / area
        w2 = 1.0 - w0 - w1
        z = 1.0 / (w0 / vertices[a, 2] + w1 / vertices[b, 2] + w2 / vertices[c, 2])
        part = depth[top : bottom + 1, left : right + 1]
        hit = (w0 >= 0) & (w1 >= 0) & (w2 >= 0) & (z < part)
        part[hit] = z[hit]
        shade = w0[..., None] * colors[a] + w1[..., None] * colors[b] + w2[..., None] * colors[c]
        image[top : bottom + 1, left : right + 1][hit] = shade[hit]
    return image, depth


def bodies(body, count: int):
    """Yields vertices of posed bodies, their middle on the camera's axis."""
    rest = body.joint_regressor @ body.template
    sampler = poses.PoseSampler(motion_sources.load_motions()["test"], rest, poses.RECORDED)
    for seed in range(count):
        person = people.sample_person(np.random.default_rng(seed), sampler)
        vertices, _ = pose_body(body, person.pose_axis_angle, person.betas)
        middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        yield vertices - middle + [0.0, 0.0, _DISTANCE]


def benchmark_renders(body, sizes, with_loop: bool) -> None:
    meshes = list(bodies(body, 4))
    for size in sizes:
        for samples in (1, 2, 3):
            times = []
            for vertices in meshes:
                extent = np.ptp(vertices[:, :2], axis=0).max()
                focal = _FILL * size * _DISTANCE / extent
                intrinsics = (focal, focal, (size - 1) / 2, (size - 1) / 2)
                times.append(
                    best_ms(
                        lambda v=vertices, k=intrinsics, n=samples, s=size: rasterizer.render_mesh(
                            v, body.faces, k, s, s, samples=n
                        ),
                        5,
                    )
                )
            print(f"{size} px, {samples}x{samples} samples a pixel: {np.mean(times):6.1f} ms")
        if with_loop:
            colors = shading.shade_vertices(vertices, body.faces)
            took = best_ms(lambda: loop_render(vertices, body.faces, intrinsics, size, colors), 1)  # noqa: B023
            print(f"{size} px, face by face, 1 sample:  {took:6.0f} ms")


def benchmark_scenes(body, image_size: int, count: int) -> None:
    rest = body.joint_regressor @ body.template
    sampler = poses.PoseSampler(motion_sources.load_motions()["train"], rest)
    renderer = scene.SceneRenderer(body, scene.SceneOptions(image_size))
    spent = dict.fromkeys(("person", "scene", "jpeg"), 0.0)
    for seed in range(-2, count):
        random = np.random.default_rng(seed + 2)
        marks = [time.process_time()]
        person = people.sample_person(random, sampler)
        marks.append(time.process_time())
        drawn = renderer.draw(random, person)
        marks.append(time.process_time())
        scene.encode_jpeg(drawn.image, scene.draw_jpeg_quality(random))
        marks.append(time.process_time())
        if seed >= 0:
            for name, took in zip(spent, np.diff(marks)):
                spent[name] += 1e3 * took / count
    total = sum(spent.values())
    parts = ", ".join(f"{name} {took:.1f}" for name, took in spent.items())
    print(
        f"{image_size} px scene: {total:.1f} ms ({parts}); {1e3 / total:.0f} images/s on one core"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[224, 512])
    parser.add_argument("--with_loop", action="store_true")
    parser.add_argument("--num_scenes", type=int, default=60)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    body = load_body("free_body")
    benchmark_renders(body, arguments.sizes, arguments.with_loop)
    benchmark_scenes(body, 224, arguments.num_scenes)


if __name__ == "__main__":
    main()
