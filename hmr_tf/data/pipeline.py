"""Records to batches, for training and evaluation.

All work on samples runs inside the graph, in parallel. Which records a batch holds and how they are
augmented follow from (seed, position in the run) alone. So a run that is restarted at step N sees
from there on exactly the batches it would have seen, and gets there without decoding an image.

=====================  ==================  =========================================================
key                    shape, dtype        meaning
=====================  ==================  =========================================================
image                  [B, S, S, 3]        RGB in [0, 1]
keypoints_2d           [B, 19, 2]          cocoplus, crop units; (0, 0) where not visible
visibility             [B, 19]             0 or 1
joints_3d              [B, 14, 3]          LSP-14, m, camera frame; zeros where unknown
has_3d                 [B]                 1 where joints_3d are known
pose_axis_angle        [B, 72]             rad, global rotation in the camera frame
betas                  [B, 10]             SMPL shape
has_smpl               [B]                 1 where pose and shape are known
=====================  ==================  =========================================================

All are float32. A task may add targets of its own. Batches for evaluation add:

=====================  ==================  =========================================================
filename, dataset,     [B] string          where the sample comes from
subject, sequence
frame                  [B] int64           index in the sequence, -1 unknown
gender                 [B] int32           -1 unknown, 0 neutral, 1 male, 2 female
center                 [B, 2]              px of the stored image, the middle of the crop
window                 [B]                 px of the stored image, side of the crop
joints_24_3d           [B, 24, 4]          J24, m, camera frame, and confidence
height, width          [B] int32           size of the stored image, px
translation            [B, 3]              m; has_translation [B] says where it is known
intrinsics             [B, 4]              fx, fy, cx, cy px; has_intrinsics [B] likewise
pose_2d                [B, 30, 3]          SGRE30 of the labels: x, y in crop units and visibility
=====================  ==================  =========================================================
"""

from __future__ import annotations

from typing import Callable

import tensorflow as tf

from hmr_tf.config import DataConfig
from hmr_tf.data import (
    augment,
    crops,
    images,
    labelled_pose,
    occluders,
    record_parsing,
    record_sets,
    streams,
)
from hmr_tf.data.mocap import mocap_dataset
from hmr_tf.errors import ConfigError

Batch = dict[str, tf.Tensor]
# From records to the squares that unchanged crops show: middles `[B, 2]` and sides `[B]`, px.
Squares = Callable[[Batch], tuple[tf.Tensor, tf.Tensor]]
# From records, how their crops are taken, the labels of these, their side, px, and a seed `[2]` to
# more labels.
Targets = Callable[[Batch, augment.CropParameters, Batch, int, tf.Tensor], Batch]

_EVALUATION_KEYS = (
    *("filename", "dataset", "subject", "sequence", "frame", "gender", "height", "width"),
    *("joints_24_3d", "translation", "has_translation", "intrinsics", "has_intrinsics"),
)


@tf.autograph.experimental.do_not_convert  # It takes seconds, and nothing here needs it.
def training_dataset(
    config: DataConfig,
    image_size: int,
    batch_size: int,
    mocap_batch_size: int = 0,
    seed: int = 0,
    deterministic: bool = False,
    first_step: int = 0,
    share: tuple[int, int] = (0, 1),
    targets: Targets | None = None,
    with_images: bool = True,
    squares: Squares | None = None,
) -> tf.data.Dataset:
    """Returns endless augmented batches, each beside a batch of motion-capture bodies.

    Args:
        config: which records, how they are mixed and changed.
        image_size: side of the crops, px.
        batch_size: global batch over all replicas.
        mocap_batch_size: real bodies a step (the original: three for each image); 0 for none.
        seed: of order, mixture and augmentation.
        deterministic: whether examples keep their order whatever the timing. If not, an image that
            takes long to decode may come a little later.
        first_step: number of batches that a restarted run has already seen.
        share: (index, number) of this worker. Each of several workers gets its own consecutive
            rows of the same batches, and decodes those only; sizes are multiples of the number.
        targets: what adds to the labels.
        with_images: whether images are decoded and cropped; without, batches are labels alone.
        squares: what crops show, if not `window_px` around the records' centres.

    Returns:
        Dataset of (batch, mocap): the dict of this module's first table, and a dict of
        `pose_axis_angle` `[mocap_batch_size, 72]` and `betas` `[mocap_batch_size, 10]` (an empty
        dict for none).

    Raises:
        ConfigError: if no dataset is named or a weight is not positive.
        DataError: if records are missing; the message says how to make them.
    """
    found = _find_mixture(config)
    examples = streams.mixture_stream(
        found,
        weights=[weight for _, weight in config.datasets],
        pair_kinds=config.pair_2d_with_3d,
        seed=seed,
        shuffle_buffer=config.shuffle_buffer,
        first_example=first_step * batch_size,
        cache=config.cache,
    )

    parse = record_parsing.batch_parser(found)
    noise_areas = _noise_areas(config)

    def prepare(
        positions: tf.Tensor, numbers: tf.Tensor, serialized: tf.Tensor
    ) -> tuple[Batch, tf.Tensor, tuple]:
        parsed = parse(numbers, serialized)
        parameters = augment.draw_parameters(
            streams.seed_pair(seed, streams.SEED_AUGMENT, positions[0]),
            *_squares(config, squares, parsed),
            config.augment,
            record_parsing.enlargement(parsed),
        )
        labels = _labels(parsed, parameters, image_size)
        if targets is not None:
            drawn_with = streams.seed_pair(seed, streams.SEED_TARGETS, positions[0])
            labels.update(targets(parsed, parameters, labels, image_size, drawn_with))
        occlusion = occluders.draw_occlusion(
            streams.seed_pair(seed, streams.SEED_OCCLUSION, positions[0]),
            batch_size,
            config.augment,
            None if noise_areas is None else tf.gather(noise_areas, numbers),
        )
        plan = augment.plan_crops(parameters, image_size)
        sample = (labels, parsed["image_encoded"], plan, parameters.color_gain, occlusion)
        return streams.own_rows(sample, share)

    prepared = examples.batch(batch_size, drop_remainder=True).map(
        prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    if with_images:
        batches = _with_crops(
            prepared.unbatch(),
            image_size,
            deterministic,
            change_colors=config.augment.color_jitter > 0,
            objects=occluders.load_objects(config.data_dir, config.augment),
        ).batch(batch_size // share[1], drop_remainder=True)
    else:
        batches = prepared.map(lambda labels, *_: labels)
    if mocap_batch_size:
        mocap = mocap_dataset(
            config.data_dir,
            config.mocap_datasets,
            mocap_batch_size,
            seed=seed,
            first_step=first_step,
            cache=config.cache,
            share=share,
        )
        pairs = tf.data.Dataset.zip((batches, mocap))
    else:
        pairs = batches.map(lambda batch: (batch, {}))
    return pairs.prefetch(tf.data.AUTOTUNE).with_options(_options(deterministic))


@tf.autograph.experimental.do_not_convert  # It takes seconds, and nothing here needs it.
def evaluation_dataset(
    config: DataConfig,
    image_size: int,
    batch_size: int,
    keep: Callable[[Batch], tf.Tensor] | None = None,
    squares: Squares | None = None,
) -> tf.data.Dataset:
    """Returns one pass over the records, in their order, without random changes.

    Args:
        config: which records; mixture weights and augmentation are not used.
        image_size: side of the crops, px.
        batch_size: images a batch; the last batch holds what is left.
        keep: from a sample's labels, the dict below without the image, to whether it is wanted;
            by default all are.
        squares: what crops show, if not `window_px` around the records' centres.

    Returns:
        Dataset of batches: the dict of both of this module's tables.

    Raises:
        ConfigError: if no dataset is named or a weight is not positive.
        DataError: if records are missing; the message says how to make them.
    """
    found = _find_mixture(config)
    parse = record_parsing.batch_parser(found)

    def prepare(numbers: tf.Tensor, serialized: tf.Tensor) -> tuple[Batch, tf.Tensor, tuple]:
        parsed = parse(numbers, serialized)
        parameters = augment.plain_parameters(*_squares(config, squares, parsed))
        labels = _labels(parsed, parameters, image_size)
        labels.update({key: parsed[key] for key in _EVALUATION_KEYS})
        labels.update(center=parameters.center, window=parameters.window)
        labels["pose_2d"] = labelled_pose.pose_in_crop(parsed, parameters, image_size)
        plan = augment.plan_crops(parameters, image_size)
        return labels, parsed["image_encoded"], plan, parameters.color_gain

    samples = streams.plain_stream(found).batch(batch_size).map(prepare).unbatch()
    if keep is not None:
        samples = samples.filter(lambda labels, *_: keep(labels))
    batches = _with_crops(samples, image_size, deterministic=True).batch(batch_size)
    return batches.prefetch(tf.data.AUTOTUNE).with_options(_options(deterministic=True))


def _noise_areas(config: DataConfig) -> tf.Tensor | None:
    """Returns the greatest share of the crop that noise takes, by dataset; None for no noise."""
    areas = dict(config.augment.noise_areas)
    unknown = sorted(set(areas) - {name for name, _ in config.datasets})
    if unknown:
        raise ConfigError(f"noise_areas names {', '.join(unknown)}, which datasets does not.")
    if not areas:
        return None
    return tf.constant([areas.get(name, 0.0) for name, _ in config.datasets])


def _find_mixture(config: DataConfig) -> list[record_sets.RecordSet]:
    """Finds the records of all datasets; refuses weights that mean nothing."""
    if not config.datasets or any(weight <= 0 for _, weight in config.datasets):
        raise ConfigError(
            "datasets must name at least one dataset, each with a positive weight; received "
            f"{', '.join(f'{name}:{weight:g}' for name, weight in config.datasets) or 'none'}."
        )
    return [
        record_sets.find_records(config.data_dir, name, config.split) for name, _ in config.datasets
    ]


def _squares(
    config: DataConfig, squares: Squares | None, parsed: Batch
) -> tuple[tf.Tensor, tf.Tensor]:
    if squares is not None:
        return squares(parsed)
    return parsed["center"], config.window_px * record_parsing.enlargement(parsed)


def _labels(parsed: Batch, parameters: augment.CropParameters, image_size: int) -> Batch:
    """Takes the labels of a batch of records to the crops."""
    keypoints_2d, visibility = augment.transform_keypoints_2d(
        parsed["keypoints_2d"], parameters, image_size
    )
    has_3d, has_smpl = parsed["has_3d"], parsed["has_smpl"]
    joints_3d = augment.transform_joints_3d(parsed["joints_3d"], parameters)
    pose = augment.transform_pose(parsed["pose_axis_angle"], parameters)
    return {
        "keypoints_2d": keypoints_2d,
        "visibility": visibility,
        "joints_3d": joints_3d * has_3d[:, None, None],
        "has_3d": has_3d,
        # Turning an unknown pose, zeros, would give it a global rotation.
        "pose_axis_angle": pose * has_smpl[:, None],
        "betas": parsed["betas"],
        "has_smpl": has_smpl,
    }


def _with_crops(
    samples: tf.data.Dataset,
    image_size: int,
    deterministic: bool,
    change_colors: bool = False,
    objects: tf.Tensor | None = None,
) -> tf.data.Dataset:
    """Decodes and crops the image of each sample: the heavy part, sample by sample in parallel."""

    def add_crop(
        labels: Batch,
        encoded: tf.Tensor,
        plan: crops.CropPlan,
        color_gain: tf.Tensor,
        occlusion: occluders.Occlusion = occluders.NOTHING,
    ) -> Batch:
        image = images.decode_image(encoded)
        crop = augment.augment_image(
            image,
            plan,
            color_gain,
            image_size,
            change_colors,
            hide=lambda crop: occluders.hide(crop, occlusion, objects),
        )
        return {"image": crop, **labels}

    return samples.map(add_crop, num_parallel_calls=tf.data.AUTOTUNE, deterministic=deterministic)


def _options(deterministic: bool) -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = deterministic
    # Every worker reads all shards with the seed of the run; replicas share one stream.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options
