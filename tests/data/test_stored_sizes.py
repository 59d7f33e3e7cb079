"""How large people are stored does not change what models are trained on and scored by."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hmr_tf.config import AugmentConfig, DataConfig, SynthesisConfig
from hmr_tf.data import pipeline
from hmr_tf.synthetic.layouts import coco
from tfrecords_tools.driver import convert_part
from tfrecords_tools.registry import get_converter

_SIZE = 96
_CHANGES = AugmentConfig(shift_px=20.0, rotation_deg=30.0, rotation_probability=0.5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Returns size of the people -> records of the same ones."""
    folder = tmp_path_factory.mktemp("sizes")
    settings = SynthesisConfig(num_images=8, num_test=0, image_size=256)
    coco.write(str(folder / "source"), settings)
    found = {}
    for size in ("150", "0", "300"):
        converter = get_converter("coco")(
            str(folder / "source"), "train", options={"person_px": size}
        )
        found[size] = str(folder / size)
        convert_part(converter, "train", found[size])
    return found


def _config(folder):
    # 224 px hold a person of 150 px, and no crop that is drawn here leaves the stored ones.
    return DataConfig(folder, (("coco", 1.0),), (), window_px=224.0, augment=_CHANGES)


def _training(folder):
    batches = pipeline.training_dataset(_config(folder), _SIZE, 4, seed=3, deterministic=True)
    return [batch for batch, _ in itertools.islice(batches.as_numpy_iterator(), 4)]


def _evaluation(folder):
    return list(pipeline.evaluation_dataset(_config(folder), _SIZE, 4).as_numpy_iterator())


@pytest.mark.parametrize("read", [_training, _evaluation])
@pytest.mark.parametrize("size", ["0", "300"])
def test_crops_and_labels_are_the_same(folders, read, size):
    differences = []
    batches, others = read(folders["150"]), read(folders[size])
    assert len(batches) == len(others) >= 2
    for usual, other in zip(batches, others):
        np.testing.assert_array_equal(usual["visibility"], other["visibility"])
        # An image of whole pixels is not exactly as large as it should be.
        gaps = np.abs(usual["keypoints_2d"] - other["keypoints_2d"]) * _SIZE / 2
        assert gaps.max() < 1.0
        differences += list(np.abs(usual["image"] - other["image"]).mean((1, 2, 3)))
    assert np.median(differences) < 0.02
