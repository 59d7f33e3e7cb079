"""Mixtures of datasets that were written in their true formats and converted."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest

from hmr_tf.config import AugmentConfig, DataConfig, SynthesisConfig
from hmr_tf.data import pipeline, record_sets, streams
from hmr_tf.synthetic.layouts import LAYOUTS
from tfrecords_tools.driver import convert_part
from tfrecords_tools.registry import get_converter

_SIZE, _BATCH, _SEED = 48, 8, 5
# Source -> images of its twin, and the parts that are converted.
_SOURCES = {
    "coco": (6, ()),
    "lsp_ext": (3, ()),
    "mpi_inf_3dhp": (8, ()),
    "spin_npz": (8, ("h36m",)),
    "human_data": (12, ("pw3d", "coco_2014")),
}
# What a mixture may say of each: (weight, 3D joints, SMPL); None: of some only.
_LABELS = {
    "coco": (1.0, False, False),
    "lsp_ext": (3.0, False, False),
    "human_data/coco_2014": (1.0, False, False),
    "mpi_inf_3dhp": (2.0, True, False),
    "spin_npz/h36m": (1.0, True, True),
    "human_data/pw3d": (1.0, False, True),
}
_2D = ("coco", "lsp_ext", "human_data/coco_2014")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Records of five sources, and motion capture."""
    folder = tmp_path_factory.mktemp("mixture")
    for name, (count, subsets) in _SOURCES.items():
        source = folder / name
        size = 144 if name == "coco" else 64  # COCO's people of less than 60 px are left out.
        settings = SynthesisConfig(num_images=count, num_test=0, image_size=size, seed=1)
        LAYOUTS.get(name)(str(source), settings, 0)
        converter = get_converter(name)(source, "train", subsets)
        for part in converter.parts():
            convert_part(converter, part, str(folder / "records"), examples_per_shard=2)
    source = folder / "mosh"
    LAYOUTS.get("mosh")(str(source), SynthesisConfig(num_frames=40), 0)
    converter = get_converter("mosh")(source)
    for part in converter.parts():
        convert_part(converter, part, str(folder / "records"))
    return str(folder / "records")


def _config(data_dir, **changes):
    weights = tuple((name, weight) for name, (weight, _, _) in _LABELS.items())
    settings = {"datasets": weights, "shuffle_buffer": 4, "window_px": 224.0, **changes}
    return DataConfig(data_dir, **settings)


def _batches(config, count, first_step=0):
    dataset = pipeline.training_dataset(
        config, _SIZE, _BATCH, 12, seed=_SEED, deterministic=True, first_step=first_step
    )
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def _numbers(config, count):
    """Returns which dataset each example of a run is of, and the names."""
    found = [
        record_sets.find_records(config.data_dir, name, "train") for name, _ in config.datasets
    ]
    stream = streams.mixture_stream(
        found,
        [weight for _, weight in config.datasets],
        config.pair_2d_with_3d,
        _SEED,
        config.shuffle_buffer,
    )
    numbers = [number for _, number, _ in itertools.islice(stream.as_numpy_iterator(), count)]
    return [found[number].name for number in numbers]


def test_kinds_are_told_by_their_labels(data_dir):
    for name, (_, has_joints, has_smpl) in _LABELS.items():
        found = record_sets.find_records(data_dir, name, "train")
        assert found.has_3d == (has_joints or has_smpl), name
        assert found.num_records >= 2 and len(found.shards) == -(-found.num_records // 2)


@pytest.mark.parametrize("pair_kinds", [True, False])
def test_weights_hold(data_dir, pair_kinds):
    config = _config(data_dir, pair_2d_with_3d=pair_kinds)
    names = _numbers(config, 3000)
    if pair_kinds:
        assert {name in _2D for name in names[0::2]} == {True}
        assert {name in _2D for name in names[1::2]} == {False}
    counts = collections.Counter(names)
    for name, (weight, _, _) in _LABELS.items():
        total = sum(w for n, (w, _, _) in _LABELS.items() if (n in _2D) == (name in _2D))
        share = 0.5 * weight / total if pair_kinds else weight / 9.0
        assert abs(counts[name] / len(names) - share) < 0.035, name


@pytest.fixture(scope="module")
def batches(data_dir):
    """The first batches of a run."""
    return _batches(_config(data_dir), 8)


def test_every_example_has_the_labels_of_its_dataset(data_dir, batches):
    names = _numbers(_config(data_dir), 8 * _BATCH)
    whole = {key: np.concatenate([batch[key] for batch, _ in batches]) for key in batches[0][0]}
    assert len(set(names)) == len(_LABELS)
    for row, name in enumerate(names):
        _, has_joints, has_smpl = _LABELS[name]
        assert whole["has_3d"][row] == has_joints, name
        assert whole["has_smpl"][row] == has_smpl, name
        assert whole["joints_3d"][row].any() == has_joints, name
        assert whole["pose_axis_angle"][row].any() == has_smpl, name
        # HumanData has no 2D joints of 3DPW; LSP has no face, COCO no crown.
        visible = whole["visibility"][row]
        assert visible.any() == (name != "human_data/pw3d")
        assert not (name == "lsp_ext" and visible[14:].any())
        assert not ("coco" in name and visible[12:14].any())
        # Somebody is in the picture, about as large as records hold people.
        points = whole["keypoints_2d"][row, visible > 0]
        if len(points):
            assert np.abs(np.median(points, axis=0)).max() < 1.0
            assert 0.15 < np.linalg.norm(np.ptp(points, axis=0)) < 4.0
        assert whole["image"][row].std() > 0.01
    for values in whole.values():
        assert np.isfinite(values).all()
    assert {mocap["pose_axis_angle"].shape for _, mocap in batches} == {(12, 72)}


def test_a_mixture_restarts_where_it_stopped(data_dir, batches):
    rest = _batches(_config(data_dir), 2, first_step=6)
    for (batch, mocap), (expected, expected_mocap) in zip(rest, batches[6:]):
        for key in expected:
            np.testing.assert_array_equal(batch[key], expected[key], key)
        np.testing.assert_array_equal(mocap["betas"], expected_mocap["betas"])


def test_3d_and_2d_agree_after_augmentation(data_dir):
    """Weak perspective fits the 2D joints of a picture to its 3D joints, mirrored or not."""
    augment = AugmentConfig(rotation_deg=40.0, rotation_probability=0.7, scale_min=0.9)
    datasets = (("spin_npz/h36m", 1.0), ("mpi_inf_3dhp", 1.0))
    batches = _batches(_config(data_dir, datasets=datasets, augment=augment), 3)
    for batch, _ in batches:
        joints, points, seen = batch["joints_3d"], batch["keypoints_2d"], batch["visibility"]
        for row in range(_BATCH):
            known = np.flatnonzero(seen[row, :14])
            if len(known) < 10:
                continue
            source = joints[row, known, :2] - joints[row, known, :2].mean(axis=0)
            target = points[row, known] - points[row, known].mean(axis=0)
            scale = (source * target).sum() / (source**2).sum()
            # A camera at a few metres departs from weak perspective by some per cent.
            error = np.linalg.norm(scale * source - target) / np.linalg.norm(target)
            assert scale > 0 and error < 0.25


def test_all_are_evaluated_in_order(data_dir):
    config = _config(data_dir)
    found = [record_sets.find_records(data_dir, name, "train") for name in _LABELS]
    batches = list(pipeline.evaluation_dataset(config, _SIZE, 5).as_numpy_iterator())
    names = np.concatenate([batch["dataset"] for batch in batches]).tolist()
    expected = [one.name.encode() for one in found for _ in range(one.num_records)]
    assert names == expected
