"""Tests of hmr_tf/data/occluders.py."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.config import AugmentConfig
from hmr_tf.data import occluders
from hmr_tf.errors import DataError
from tfrecords_tools import occluder_format, samples, schema

_SIZE = 64
_BOTH = AugmentConfig(occluder_probability=0.6, cutout_probability=0.3)
_SEED = tf.constant([3, 7], tf.int64)


def _picture(height=30, width=20, color=(200, 100, 0), alpha=255):
    return np.full((height, width, 4), (*color, alpha), np.uint8)


def _crop():
    return tf.constant(np.random.default_rng(0).random((_SIZE, _SIZE, 3)), tf.float32)


def _objects(count, choice=0.0, scale=1.0, center=(0.5, 0.5)):
    many = occluders.MAX_OBJECTS
    return occluders.Objects(
        tf.constant(count),
        tf.fill([many], tf.constant(choice)),
        tf.fill([many], tf.constant(scale)),
        tf.tile(tf.constant([center]), [many, 1]),
    )


def test_a_picture_covers_what_it_lies_on_and_nothing_else():
    crop = _crop()
    found = occluders.paste_picture(crop, _picture(), tf.constant([40.0, 20.0]), 0.5).numpy()
    expected = crop.numpy().copy()
    # 15 x 10 px about (40, 20).
    expected[20 - 7 : 20 + 8, 40 - 5 : 40 + 5] = np.array([200, 100, 0]) / 255
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("center", [(0.0, 0.0), (63.9, 30.0), (10.0, 63.9), (32.0, 32.0)])
def test_pictures_reach_out_of_the_crop(center):
    """Against a paste onto a larger canvas."""
    crop, pad = _crop(), 80
    picture = _picture(120, 100, alpha=128)
    found = occluders.paste_picture(crop, picture, tf.constant(center), 1.0).numpy()
    canvas = np.pad(crop.numpy(), [(pad, pad), (pad, pad), (0, 0)])
    left, top = round(center[0]) + pad - 50, round(center[1]) + pad - 60
    region = canvas[top : top + 120, left : left + 100]
    region[...] = region * (1 - 128 / 255) + np.array([200, 100, 0]) / 255 * (128 / 255)
    np.testing.assert_allclose(found, canvas[pad : pad + _SIZE, pad : pad + _SIZE], atol=1e-6)


def test_colour_outside_of_an_object_does_not_bleed_into_it():
    picture = _picture(40, 40, (255, 0, 0))
    picture[:, :20] = (0, 255, 0, 0)  # transparent green
    crop = tf.zeros([_SIZE, _SIZE, 3])
    found = occluders.paste_picture(crop, picture, tf.constant([32.0, 32.0]), 0.4).numpy()
    assert found[..., 1].max() == 0
    assert found[..., 0].max() == pytest.approx(1.0)


def test_small_pictures_stay_a_pixel():
    crop = tf.zeros([_SIZE, _SIZE, 3])
    found = occluders.paste_picture(crop, _picture(3, 3), tf.constant([32.0, 32.0]), 0.01).numpy()
    assert (found[..., 0] > 0).sum() == 1


def test_objects_are_chosen_by_their_draws():
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = tf.constant(
        [occluder_format.encode_patch(_picture(color=color)) for color in colors]
    )
    crop = tf.zeros([_SIZE, _SIZE, 3])
    for choice, channel in ((0.0, 0), (0.34, 1), (0.99999, 2)):
        occlusion = occluders.Occlusion(_objects(1, choice), ())
        found = tf.function(occluders.hide)(crop, occlusion, pictures).numpy()
        assert found[32, 32, channel] == 1 and found[32, 32].sum() == 1
    none = occluders.Occlusion(_objects(0), ())
    np.testing.assert_array_equal(occluders.hide(crop, none, pictures), crop)


def test_size_in_the_crop_does_not_depend_on_its_resolution():
    pictures = tf.constant([occluder_format.encode_patch(_picture(100, 100))])
    shares = []
    for size in (64, 256):
        crop = tf.zeros([size, size, 3])
        found = occluders.hide(crop, occluders.Occlusion(_objects(1, scale=0.8), ()), pictures)
        shares.append(np.mean(found.numpy()[..., 0] > 0.4))
    assert shares == pytest.approx([(80 / 256) ** 2] * 2, rel=0.05)


def test_draws_follow_from_the_seed_alone():
    first, again = (occluders.draw_occlusion(_SEED, 8, _BOTH) for _ in range(2))
    other = occluders.draw_occlusion(tf.constant([3, 8], tf.int64), 8, _BOTH)
    for a, b, c in zip(*(tf.nest.flatten(one) for one in (first, again, other))):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_draws_fill_their_ranges():
    count = 20_000
    drawn = occluders.draw_occlusion(_SEED, count, _BOTH)
    numbers = np.bincount(drawn.objects.count.numpy(), minlength=8) / count
    np.testing.assert_allclose(numbers, [0.4] + [0.6 / 7] * 7, atol=0.01)
    scale, center = drawn.objects.scale.numpy(), drawn.objects.center.numpy()
    assert 0.2 <= scale.min() < 0.201 and 0.999 < scale.max() <= 1.0
    assert 0.0 <= center.min() < 0.001 and 0.999 < center.max() <= 1.0
    cutout = drawn.cutout.numpy()
    is_cut = cutout.any(axis=1)
    assert abs(is_cut.mean() - 0.3) < 0.01
    sides = (cutout[:, 2:] - cutout[:, :2])[is_cut]
    assert 0.1 - 1e-6 <= sides.min() < 0.102 and 0.398 < sides.max() <= 0.4 + 1e-6
    middle = (cutout[:, 2:] + cutout[:, :2])[is_cut] / 2
    assert abs(middle.mean() - 0.5) < 0.01 and middle.min() < 0.01 and middle.max() > 0.99
    # Whether a crop has objects says nothing about its rectangle.
    has_objects = drawn.objects.count.numpy() > 0
    assert abs(np.corrcoef(has_objects, is_cut)[0, 1]) < 0.03
    assert abs(np.corrcoef(*sides.T)[0, 1]) < 0.04


def test_switching_one_off_leaves_the_other():
    both = occluders.draw_occlusion(_SEED, 50, _BOTH)
    objects = occluders.draw_occlusion(_SEED, 50, AugmentConfig(occluder_probability=0.6))
    cutout = occluders.draw_occlusion(_SEED, 50, AugmentConfig(cutout_probability=0.3))
    for a, b in zip(objects.objects, both.objects):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(cutout.cutout, both.cutout)
    assert cutout.objects == () and objects.cutout == ()


def test_switched_off_it_adds_no_operation():
    graph = tf.Graph()
    with graph.as_default():
        occlusion = occluders.draw_occlusion(_SEED, 8, AugmentConfig())
        crop = tf.compat.v1.placeholder(tf.float32, [_SIZE, _SIZE, 3])
        assert occluders.hide(crop, occlusion, None) is crop
        assert len(graph.get_operations()) == 1
    assert occluders.load_objects("nowhere", AugmentConfig(occluders="voc")) is None


def test_cutout_is_a_grey_rectangle():
    crop = _crop()
    corners = tf.constant([0.25, 0.5, 0.5, 1.2])
    found = occluders.hide(crop, occluders.Occlusion((), corners), None).numpy()
    expected = crop.numpy().copy()
    expected[32:, 16:32] = 0.5
    np.testing.assert_array_equal(found, expected)
    nothing = occluders.hide(crop, occluders.Occlusion((), tf.zeros([4])), None)
    np.testing.assert_array_equal(nothing, crop)


def _write_voc(folder, split="trainval"):
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / f"{split}_000.tfrecord")) as writer:
        for number in range(5):
            picture = occluder_format.encode_patch(_picture(10 + number, 20))
            sample = samples.OccluderSample(picture, 10 + number, 20, "sofa", f"{number}.jpg")
            writer.write(schema.encode_sample(sample))


@pytest.mark.parametrize("split", ["trainval", "val"])
def test_objects_come_from_records(tmp_path, split):
    _write_voc(tmp_path / "voc", split)
    config = AugmentConfig(occluder_probability=0.5, occluders="voc")
    pictures = occluders.load_objects(str(tmp_path), config).numpy()
    heights = [
        cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_UNCHANGED).shape for one in pictures
    ]
    assert heights == [(10 + number, 20, 4) for number in range(5)]


def test_missing_objects(tmp_path):
    config = AugmentConfig(occluder_probability=0.5, occluders="voc")
    with pytest.raises(DataError, match=r"No records of voc.*--dataset voc --split trainval"):
        occluders.load_objects(str(tmp_path), config)


def test_drawn_objects_need_no_records():
    pictures = occluders.load_objects("nowhere", AugmentConfig(occluder_probability=0.5))
    assert pictures.dtype == tf.string and len(pictures) == 256
