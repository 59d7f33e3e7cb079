"""Hides parts of a training crop: objects pasted onto it, and rectangles of grey or of noise.

The labels stay as they are. A joint behind an object is still labelled, so that a network learns to
tell from the rest of the body where it is. What hides a sample follows from a seed alone.

Reference: I. Sarandi et al., How Robust is 3D Human Pose Estimation to Occlusion?, IROS Workshops
2018 (number, size and place of the objects); T. DeVries and G. Taylor, Improved Regularization of
Convolutional Neural Networks with Cutout, 2017.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from hmr_tf.config import AugmentConfig
from hmr_tf.data import noise_rectangles, occluder_shapes, record_sets
from tfrecords_tools import occluder_format

MAX_OBJECTS = 7
# Objects are as large as in their records, times this, in a crop of so many pixels.
_SCALES = (0.2, 1.0)
_SCALED_CROP_PX = 256.0
# What a rectangle is filled with: about the mean of all images, which encoders take for zero.
_GREY = 0.5
_DRAWS = (2, MAX_OBJECTS, MAX_OBJECTS, 2 * MAX_OBJECTS, 5)


class Objects(NamedTuple):
    """What is pasted onto one crop, or onto each of a batch.

    Attributes:
        count: `[...]` int32, how many of the following are used.
        choice: `[..., MAX_OBJECTS]` float32 in [0, 1), place in the list of all objects.
        scale: `[..., MAX_OBJECTS]` float32, factor of the object's size in a crop of 256 px.
        center: `[..., MAX_OBJECTS, 2]` float32 (x, y), shares of the crop's side.
    """

    count: tf.Tensor
    choice: tf.Tensor
    scale: tf.Tensor
    center: tf.Tensor


class Occlusion(NamedTuple):
    """What hides one crop, or each of a batch; empty tuples for what is switched off.

    Attributes:
        objects: `Objects`, or ().
        cutout: `[..., 4]` float32 (left, top, right, bottom), shares of the crop's side, zeros
            where nothing is cut out; or ().
        noise: `noise_rectangles.Rectangle`, or ().
    """

    objects: Objects | tuple[()]
    cutout: tf.Tensor | tuple[()]
    noise: noise_rectangles.Rectangle | tuple[()] = ()


NOTHING = Occlusion((), ())


def load_objects(data_dir: str, config: AugmentConfig) -> tf.Tensor | None:
    """Returns the pictures of all objects, or None if none are pasted.

    Args:
        data_dir: folder that holds one folder of records per dataset.
        config: names the records; if it does not, shapes are drawn.

    Returns:
        `[number]` string, PNG files with alpha.

    Raises:
        DataError: if there are no such records.
    """
    if not config.occluder_probability:
        return None
    if not config.occluders:
        return tf.constant(occluder_shapes.draw_shapes())
    found = record_sets.find_occluders(data_dir, config.occluders)
    records = tf.data.TFRecordDataset(list(found.shards)).map(
        lambda record: occluder_format.parse_occluder_example(record)["image_encoded"]
    )
    return tf.concat(list(records.batch(1024)), axis=0)


def draw_occlusion(
    seed: tf.Tensor, batch_size: int, config: AugmentConfig, noise_areas: tf.Tensor | None = None
) -> Occlusion:
    """Draws what hides each crop of a batch.

    Args:
        seed: `[2]` int64; equal seeds and sizes give equal draws, on every device.
        batch_size: crops.
        config: shares and ranges.
        noise_areas: `[batch]` float32, greatest share of each crop that noise takes; None for no
            noise.

    Returns:
        The draws; without any operation if all is switched off.
    """
    noise = ()
    if noise_areas is not None:
        noise_seed = tf.random.experimental.stateless_fold_in(seed, 1)
        noise = noise_rectangles.draw_rectangles(noise_seed, noise_areas, config.noise_aspect)
    if not (config.occluder_probability or config.cutout_probability):
        return NOTHING._replace(noise=noise)
    # One operation draws everything, so that switching one of the two off leaves the other.
    draws = tf.random.stateless_uniform([batch_size, sum(_DRAWS)], seed, alg="philox")
    whether, choice, scale, center, cutout = tf.split(draws, _DRAWS, axis=-1)
    objects = ()
    if config.occluder_probability:
        # The same draw, below its threshold, says how many.
        share = whether[:, 0] / config.occluder_probability
        count = tf.where(share < 1.0, tf.cast(share * MAX_OBJECTS, tf.int32) + 1, 0)
        objects = Objects(
            count,
            choice,
            _SCALES[0] + (_SCALES[1] - _SCALES[0]) * scale,
            tf.reshape(center, [batch_size, MAX_OBJECTS, 2]),
        )
    if not config.cutout_probability:
        return Occlusion(objects, (), noise)
    sides = config.cutout_min + (config.cutout_max - config.cutout_min) * cutout[:, :2]
    corners = tf.concat([cutout[:, 2:4] - 0.5 * sides, cutout[:, 2:4] + 0.5 * sides], axis=-1)
    is_cut = whether[:, 1:] < config.cutout_probability
    return Occlusion(objects, tf.where(is_cut, corners, 0.0), noise)


def hide(crop: tf.Tensor, occlusion: Occlusion, pictures: tf.Tensor | None) -> tf.Tensor:
    """Pastes objects onto a crop, then cuts out its rectangle, then adds noise.

    Args:
        crop: `[size, size, 3]` float32 RGB in [0, 1].
        occlusion: of one crop.
        pictures: what `load_objects` returned.

    Returns:
        `[size, size, 3]` float32 RGB in [0, 1].
    """
    if isinstance(occlusion.objects, Objects):
        crop = _paste_objects(crop, occlusion.objects, pictures)
    if isinstance(occlusion.cutout, tf.Tensor):
        crop = _cut_out(crop, occlusion.cutout)
    if isinstance(occlusion.noise, noise_rectangles.Rectangle):
        crop = noise_rectangles.add_noise(crop, occlusion.noise)
    return crop


def _paste_objects(crop: tf.Tensor, objects: Objects, pictures: tf.Tensor) -> tf.Tensor:
    size = crop.shape[0]

    def paste(index: tf.Tensor, crop: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        number = tf.cast(objects.choice[index] * float(len(pictures)), tf.int32)
        picture = tf.io.decode_png(pictures[number], channels=4)
        factor = objects.scale[index] * (size / _SCALED_CROP_PX)
        pasted = paste_picture(crop, picture, objects.center[index] * size, factor)
        return index + 1, pasted

    return tf.while_loop(
        lambda index, _: index < objects.count, paste, (0, crop), parallel_iterations=1
    )[1]


def paste_picture(
    crop: tf.Tensor, picture: tf.Tensor, center: tf.Tensor, factor: tf.Tensor
) -> tf.Tensor:
    """Lays a picture over a crop, by its alpha.

    Args:
        crop: `[size, size, 3]` float32 RGB in [0, 1].
        picture: `[height, width, 4]` uint8 RGBA.
        center: `[2]` float32 (x, y), crop px, where the picture's middle goes.
        factor: `[]` float32, of the picture's size.

    Returns:
        `[size, size, 3]` float32 RGB in [0, 1].
    """
    size = crop.shape[0]
    sides = tf.cast(tf.shape(picture)[:2], tf.float32)
    target = tf.maximum(tf.cast(tf.round(sides * factor), tf.int32), 1)
    picture = tf.cast(picture, tf.float32) / 255.0
    # Colours are averaged by how much of the object is in them.
    picture = tf.concat([picture[..., :3] * picture[..., 3:], picture[..., 3:]], axis=-1)
    picture = tf.clip_by_value(tf.image.resize(picture, target, antialias=True), 0.0, 1.0)
    start = tf.cast(tf.round(center[::-1]), tf.int32) - target // 2
    first, last = tf.clip_by_value(start, 0, size), tf.clip_by_value(start + target, 0, size)
    begin, end = first - start, last - start
    picture = picture[begin[0] : end[0], begin[1] : end[1]]
    around = tf.concat([tf.stack([first, size - last], axis=1), [[0, 0]]], axis=0)
    picture = tf.ensure_shape(tf.pad(picture, around), [size, size, 4])
    return crop * (1.0 - picture[..., 3:]) + picture[..., :3]


def _cut_out(crop: tf.Tensor, corners: tf.Tensor) -> tf.Tensor:
    return tf.where(noise_rectangles.inside(crop.shape[0], corners), _GREY, crop)
