"""Tests of hmr_tf/data/pipeline.py."""

import dataclasses
import itertools
import subprocess
import sys

import foreign_records
import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.config import AugmentConfig, DataConfig
from hmr_tf.data import crops, pipeline
from hmr_tf.errors import ConfigError, DataError
from tfrecords_tools import skeletons

_SIZE = 64
_WILD = AugmentConfig(rotation_deg=50.0, rotation_probability=0.6, color_jitter=0.3, shift_px=10.0)
# The two joints of a record that its image marks in red and blue.
_RED, _BLUE = 5, 0


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, write_records, write_mocap):
    """A dataset without 3D, one with SMPL, one with 3D only, and motion capture."""
    folder = tmp_path_factory.mktemp("records")
    write_records(folder, "lsp", (4, 3))
    write_records(folder, "h36m", (5, 4), with_3d=True, with_smpl=True)
    write_records(folder, "mpi_inf_3dhp", (4,), with_3d=True)
    write_mocap(folder, "CMU", (10, 7))
    return str(folder)


def _config(data_dir, **changes):
    settings = {
        "datasets": (("lsp", 1.0), ("h36m", 2.0), ("mpi_inf_3dhp", 1.0)),
        "window_px": 140.0,
        "shuffle_buffer": 5,
        "augment": _WILD,
    }
    return DataConfig(data_dir, **{**settings, **changes})


def _take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def _training(data_dir, first_step=0, count=3, seed=11, deterministic=True, **changes):
    dataset = pipeline.training_dataset(
        _config(data_dir, **changes),
        _SIZE,
        batch_size=6,
        mocap_batch_size=9,
        seed=seed,
        deterministic=deterministic,
        first_step=first_step,
    )
    return _take(dataset, count)


def _assert_equal(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right):
        for a, b in zip(one, other):
            assert a.keys() == b.keys()
            for key in a:
                np.testing.assert_array_equal(a[key], b[key], err_msg=key)


@pytest.fixture(scope="module")
def whole(data_dir):
    """The first batches of one run."""
    return _training(data_dir, count=10)


def test_shapes_are_fixed(data_dir):
    dataset = pipeline.training_dataset(_config(data_dir), _SIZE, 6, mocap_batch_size=9)

    def spec(*shape):
        return tf.TensorSpec([6, *shape], tf.float32)

    assert dataset.element_spec == (
        {
            "image": spec(_SIZE, _SIZE, 3),
            "keypoints_2d": spec(19, 2),
            "visibility": spec(19),
            "joints_3d": spec(14, 3),
            "has_3d": spec(),
            "pose_axis_angle": spec(72),
            "betas": spec(10),
            "has_smpl": spec(),
        },
        {
            "pose_axis_angle": tf.TensorSpec([9, 72], tf.float32),
            "betas": tf.TensorSpec([9, 10], tf.float32),
        },
    )


def test_restarted_run_sees_the_same_batches(data_dir, whole):
    _assert_equal(_training(data_dir, first_step=1, count=2), whole[1:3])
    _assert_equal(_training(data_dir, first_step=6, count=4), whole[6:])


def test_restarted_run_with_cached_records(data_dir, whole):
    cached = _training(data_dir, count=9, cache=True)
    _assert_equal(_training(data_dir, first_step=5, count=4, cache=True), cached[5:])
    # Other orders, the same examples.
    assert not np.array_equal(cached[0][0]["image"], whole[0][0]["image"])


_HIDDEN = dataclasses.replace(_WILD, occluder_probability=0.7, cutout_probability=0.5)


def test_restarted_run_sees_the_same_occluders_and_cutouts(data_dir, whole):
    hidden = _training(data_dir, count=6, augment=_HIDDEN)
    _assert_equal(_training(data_dir, first_step=4, count=2, augment=_HIDDEN), hidden[4:])
    same = 0
    for (batch, mocap), (plain, plain_mocap) in zip(hidden, whole):
        # Nothing but the pixels is another; labels of hidden joints stay.
        _assert_equal([({**batch, "image": 0}, mocap)], [({**plain, "image": 0}, plain_mocap)])
        same += sum(np.array_equal(a, b) for a, b in zip(batch["image"], plain["image"]))
        assert 0 <= batch["image"].min() and batch["image"].max() <= 1
    # 0.3 x 0.5 of them are not hidden at all.
    assert 1 <= same <= 12


def test_workers_share_what_hides_a_batch(data_dir):
    whole = _training(data_dir, count=2, augment=_HIDDEN)
    for index in range(2):
        dataset = pipeline.training_dataset(
            _config(data_dir, augment=_HIDDEN),
            _SIZE,
            batch_size=6,
            seed=11,
            deterministic=True,
            share=(index, 2),
        )
        for (part, _), (batch, _) in zip(_take(dataset, 2), whole):
            np.testing.assert_array_equal(part["image"], batch["image"][3 * index : 3 * index + 3])


def test_seed_decides_order_and_changes(data_dir, whole):
    _assert_equal(_training(data_dir, count=2), whole[:2])
    other = _training(data_dir, count=1, seed=12)
    for key in ("image", "keypoints_2d"):
        assert not np.array_equal(whole[0][0][key], other[0][0][key])
    assert not np.array_equal(whole[0][1]["betas"], other[0][1]["betas"])


def test_out_of_order_batches_hold_the_same_examples(data_dir, whole):
    """Each example, with its changes, is one of the ordered run's, a batch or two away at most."""
    loose = _training(data_dir, count=4, deterministic=False)
    ordered = {points.tobytes() for batch, _ in whole for points in batch["keypoints_2d"]}
    found = [points.tobytes() for batch, _ in loose for points in batch["keypoints_2d"]]
    assert len(set(found)) == 24 and set(found) <= ordered


def _find_dots(image):
    """Returns where the red and the blue dot are, crop px, each as (x, y)."""
    grey = np.sort(image, axis=-1)[..., 1]
    places = []
    for channel in (0, 2):
        row, column = np.unravel_index(np.argmax(image[..., channel] - grey), grey.shape)
        places.append(np.array([column, row], np.float64))
    return places


def test_labels_stay_on_the_picture(data_dir):
    """The red dot is on joint 5, or in a mirrored picture on its mirror image, joint 0."""
    mirrored, inside = 0, 0
    quiet = dataclasses.replace(_WILD, color_jitter=0.1)
    for batch, _ in _training(data_dir, count=10, augment=quiet):
        for image, points, visible in zip(
            batch["image"], batch["keypoints_2d"], batch["visibility"]
        ):
            assert visible[[_RED, _BLUE]].all()
            pixels = (points + 1) * _SIZE / 2
            ends = pixels[[_RED, _BLUE]]
            if ends.min() < 4 or ends.max() > _SIZE - 5:
                continue
            red, blue = _find_dots(image)
            straight = np.hypot(*(red - ends[0])) + np.hypot(*(blue - ends[1]))
            crossed = np.hypot(*(red - ends[1])) + np.hypot(*(blue - ends[0]))
            assert min(straight, crossed) < 3.0
            # Hidden: joint 7, whose mirror image is joint 10.
            assert visible[10 if crossed < straight else 7] == 0
            mirrored += crossed < straight
            inside += 1
    assert inside > 20 and 0.25 < mirrored / inside < 0.75


def test_kinds_alternate_and_masks_hold(whole):
    batches = whole
    labels = {
        key: np.concatenate([batch[key] for batch, _ in batches])
        for key in batches[0][0]
        if key != "image"
    }
    np.testing.assert_array_equal(labels["has_3d"], np.tile([0.0, 1.0], 30))
    unknown = labels["has_3d"] == 0
    assert (labels["joints_3d"][unknown] == 0).all()
    assert (np.abs(labels["joints_3d"][~unknown]).max((1, 2)) > 0.1).all()
    has_smpl = labels["has_smpl"] == 1
    assert 0.4 < has_smpl[~unknown].mean() < 0.95 and not has_smpl[unknown].any()
    assert (labels["pose_axis_angle"][~has_smpl] == 0).all()
    assert (labels["betas"][~has_smpl] == 0).all()
    assert (np.abs(labels["pose_axis_angle"][has_smpl]).max(1) > 0.1).all()
    assert (labels["visibility"].sum(1) == 13).all()
    assert (labels["keypoints_2d"][labels["visibility"] == 0] == 0).all()


def test_without_pairing_the_mixture_is_free(data_dir):
    batches = _training(data_dir, count=12, pair_2d_with_3d=False)
    share = np.mean([batch["has_3d"].mean() for batch, _ in batches])
    assert 0.55 < share < 0.92  # weights 1 against 2 + 1
    assert not all((batch["has_3d"] == np.tile([0, 1], 3)).all() for batch, _ in batches)


def test_without_mocap(data_dir):
    dataset = pipeline.training_dataset(_config(data_dir), _SIZE, batch_size=2, mocap_batch_size=0)
    batch, mocap = _take(dataset, 1)[0]
    assert mocap == {} and batch["image"].shape == (2, _SIZE, _SIZE, 3)


def test_original_releases_records_are_read(tmp_path, sample_maker):
    """A record with only the original's keys, as its writer makes it."""
    sample = sample_maker(3)
    points = sample.keypoints_2d[:14]
    record = foreign_records.hmr_image(sample.image, (150, 130), (65, 74), points)
    foreign_records.write(tmp_path / "lsp" / "train_000.tfrecord", [record])
    still = AugmentConfig(scale_min=1, scale_max=1, shift_px=0, flip_probability=0)
    config = _config(str(tmp_path), datasets=(("lsp", 1.0),), augment=still)
    batch, _ = _take(pipeline.training_dataset(config, _SIZE, batch_size=2), 1)[0]
    # By the sheet: x' = k (x - centre) + 32 with k = 64 / 140, then 2 x' / 64 - 1.
    expected = 2 * (64 / 140 * (points[:, :2] - [65, 74]) + 32) / 64 - 1
    seen = points[:, 2] > 0
    np.testing.assert_allclose(batch["keypoints_2d"][0, :14][seen], expected[seen], atol=1e-5)
    assert batch["has_3d"].sum() == 0 and batch["has_smpl"].sum() == 0


def _foreign_data(folder, sample_maker):
    """Writes the original release's records, hmr2.0's beside them, and motion capture."""
    made = {}

    def write(name, path, numbers, encode):
        made[name] = [sample_maker(number, with_3d=True, with_smpl=True) for number in numbers]
        foreign_records.write(folder / path, [encode(sample) for sample in made[name]])

    def picture(sample):
        return sample.image, (150, 130), (65, 74), sample.keypoints_2d[:14]

    write(
        "coco",
        "coco/train_0000_wmeta.tfrecord",
        range(5),
        lambda s: foreign_records.hmr_image(
            *picture(s), face=np.add(s.keypoints_2d[14:], [50, 60, 2])
        ),
    )
    write(
        "h36m",
        "tf_records_human36m_wjoints/train/S1_Directions_0.tfrecord",
        range(10, 14),
        lambda s: foreign_records.hmr_image_3d(
            *picture(s), s.joints_3d, s.pose_axis_angle, s.betas
        ),
    )
    write(
        "mpi_inf_3dhp",
        "mpi_inf_3dhp/train/train_0000.tfrecord",
        range(20, 23),
        lambda s: foreign_records.hmr_image_3d(
            *picture(s), np.add(s.joints_3d, [0, 0, 3]), flag=False
        ),
    )
    write(
        "mpii_3d",
        "mpii_3d/000_train.tfrecord",
        range(30, 33),
        lambda s: foreign_records.hmr2_image(s.image, s.keypoints_2d, s.joints_3d),
    )
    bodies = [foreign_records.mosh(np.full(72, n), np.full(10, -n)) for n in range(6)]
    foreign_records.write(folder / "mocap_neutrMosh" / "neutrSMPL_H3.6_000.tfrecord", bodies)
    return made


def test_records_of_other_programs_mix_with_ours(tmp_path, sample_maker, write_records):
    made = _foreign_data(tmp_path, sample_maker)
    write_records(tmp_path, "lsp", (4, 3))
    weights = (("lsp", 1.0), *((name, 1.0) for name in made))
    still = AugmentConfig(scale_min=1, scale_max=1, shift_px=0, flip_probability=0)
    config = _config(
        str(tmp_path), datasets=weights, augment=still, mocap_datasets=("H3.6",), window_px=140.0
    )
    dataset = pipeline.training_dataset(config, _SIZE, 8, 12, seed=1, deterministic=True)
    batches = _take(dataset, 12)
    whole = {key: np.concatenate([batch[key] for batch, _ in batches]) for key in batches[0][0]}
    np.testing.assert_array_equal(whole["has_3d"], np.tile([0.0, 1.0], 48))
    smpl = whole["has_smpl"] == 1
    assert 0.1 < smpl.mean() < 0.3  # h36m alone, a third of the half with 3D
    poses = {tuple(np.float32(sample.pose_axis_angle)) for sample in made["h36m"]}
    assert {tuple(pose) for pose in whole["pose_axis_angle"][smpl]} == poses
    assert not whole["pose_axis_angle"][~smpl].any()
    joints = {
        tuple(np.float32(sample.joints_3d + offset)[0])
        for name, offset in (("h36m", [0, 0, 0]), ("mpi_inf_3dhp", [0, 0, 3]), ("mpii_3d", [0] * 3))
        for sample in made[name]
    }
    assert {tuple(joint[0]) for joint in whole["joints_3d"][whole["has_3d"] == 1]} == joints
    assert {mocap["betas"].shape for _, mocap in batches} == {(12, 10)}
    # Only COCO's records have a face.
    assert 0.1 < whole["visibility"][:, 14:].max(1).mean() < 0.4
    restarted = pipeline.training_dataset(
        config, _SIZE, 8, 12, seed=1, deterministic=True, first_step=9
    )
    _assert_equal(_take(restarted, 3), batches[9:])


def test_records_of_other_programs_are_evaluated_in_order(tmp_path, sample_maker):
    made = _foreign_data(tmp_path, sample_maker)
    config = _config(str(tmp_path), datasets=tuple((name, 1.0) for name in made))
    batches = _take(pipeline.evaluation_dataset(config, _SIZE, batch_size=4), 99)
    whole = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
    expected = [(name, sample) for name, samples in made.items() for sample in samples]
    assert [name.decode() for name in whole["dataset"]] == [name for name, _ in expected]
    for row, (name, sample) in enumerate(expected):
        center = [65, 74]
        if name == "mpii_3d":  # Not stored: the middle of what is visible.
            seen = sample.keypoints_2d[sample.keypoints_2d[:, 2] > 0, :2]
            center = (seen.min(0) + seen.max(0)) / 2
        np.testing.assert_allclose(whole["center"][row], center, rtol=1e-6)
        points = 2 * (64 / 140 * (sample.keypoints_2d[:14, :2] - center) + 32) / 64 - 1
        points *= sample.keypoints_2d[:14, 2:]
        np.testing.assert_allclose(whole["keypoints_2d"][row, :14], points, atol=1e-5)


def test_evaluation_is_one_plain_pass_in_order(data_dir, sample_maker):
    config = _config(data_dir, datasets=(("lsp", 1.0), ("h36m", 1.0)))
    batches = _take(pipeline.evaluation_dataset(config, _SIZE, batch_size=5), 99)
    assert [len(batch["image"]) for batch in batches] == [5, 5, 5, 1]
    whole = {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
    expected = [("lsp", n) for n in range(7)] + [("h36m", n) for n in range(9)]
    assert [(name.decode(), n) for name, n in zip(whole["dataset"], whole["frame"])] == expected
    assert whole["filename"][8] == b"h36m_0001.jpg"
    sample = sample_maker(1, "h36m", with_3d=True, with_smpl=True)
    np.testing.assert_allclose(whole["joints_3d"][8], sample.joints_3d, atol=1e-6)
    np.testing.assert_allclose(whole["joints_24_3d"][8, :14, :3], sample.joints_3d, atol=1e-6)
    np.testing.assert_allclose(whole["pose_axis_angle"][8], sample.pose_axis_angle, atol=1e-6)
    np.testing.assert_allclose(whole["center"][8], [65.5, 74.25])
    assert whole["window"][8] == 140 and whole["gender"][8] == -1
    crop = crops.crop_image(crops.decode_image(sample.image), sample.center, 140.0, _SIZE)
    np.testing.assert_allclose(whole["image"][8], crop, atol=1e-6)
    points = 2 * (64 / 140 * (sample.keypoints_2d[:, :2] - [65.5, 74.25]) + 32) / 64 - 1
    points *= sample.keypoints_2d[:, 2:]
    np.testing.assert_allclose(whole["keypoints_2d"][8], points, atol=1e-5)


def test_crops_show_the_squares_of_their_records(data_dir, sample_maker):
    """Given squares replace those of `window_px` around the centre."""

    def squares(parsed):
        return parsed["center"] + 3.0, 60.0 + tf.cast(parsed["frame"], tf.float32)

    config = _config(data_dir, datasets=(("h36m", 1.0),))
    batch = _take(pipeline.evaluation_dataset(config, _SIZE, 9, squares=squares), 1)[0]
    np.testing.assert_allclose(batch["window"], 60.0 + np.arange(9))
    np.testing.assert_allclose(batch["center"], np.tile([68.5, 77.25], (9, 1)))
    sample = sample_maker(2, "h36m", with_3d=True, with_smpl=True)
    crop = crops.crop_image(crops.decode_image(sample.image), [68.5, 77.25], 62.0, _SIZE)
    np.testing.assert_allclose(batch["image"][2], crop, atol=1e-6)
    still = AugmentConfig(scale_min=1, scale_max=1, shift_px=0, flip_probability=0)
    config = dataclasses.replace(config, augment=still)
    dataset = pipeline.training_dataset(config, _SIZE, 9, deterministic=True, squares=squares)
    trained, _ = _take(dataset, 1)[0]
    for image in trained["image"]:
        assert np.abs(batch["image"] - image).max((1, 2, 3)).min() < 1e-6


def test_batches_train_nothing_twice_within_an_epoch(data_dir):
    still = AugmentConfig(scale_min=1, scale_max=1, shift_px=0, flip_probability=0)
    config = _config(data_dir, datasets=(("h36m", 1.0),), augment=still)
    dataset = pipeline.training_dataset(config, _SIZE, batch_size=3, deterministic=True)
    betas = np.concatenate([batch["betas"][:, 0] for batch, _ in _take(dataset, 6)])
    assert len(set(betas[:9])) == 9 and set(betas[:9]) == set(betas[9:])
    assert not np.array_equal(betas[:9], betas[9:])


@pytest.mark.parametrize("datasets", [(), (("lsp", 0.0),), (("lsp", 1.0), ("coco", -1.0))])
def test_weights_must_be_positive(data_dir, datasets):
    with pytest.raises(ConfigError, match="positive weight"):
        pipeline.training_dataset(_config(data_dir, datasets=datasets), _SIZE, 2)


def test_missing_records(data_dir):
    with pytest.raises(DataError, match="--dataset mpii"):
        pipeline.training_dataset(_config(data_dir, datasets=(("mpii", 1.0),)), _SIZE, 2)
    with pytest.raises(DataError, match="--split val"):
        pipeline.evaluation_dataset(_config(data_dir, split="val"), _SIZE, 2)
    with pytest.raises(DataError, match="jointLim"):
        pipeline.training_dataset(_config(data_dir, mocap_datasets=("jointLim",)), _SIZE, 2, 4)


_TWO_REPLICAS = """
import sys
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from hmr_tf.config import DataConfig
from hmr_tf.data import pipeline
config = DataConfig(sys.argv[1], (("lsp", 1.0), ("h36m", 1.0)), shuffle_buffer=5)
def dataset():
    return pipeline.training_dataset(config, 32, 4, 12, seed=1, deterministic=True)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
plain = iter(dataset())
for step, (batch, mocap) in enumerate(strategy.experimental_distribute_dataset(dataset())):
    expected = next(plain)
    for values, whole in zip((batch, mocap), expected):
        for key in whole:
            parts = strategy.experimental_local_results(values[key])
            assert len(parts) == 2 and len(parts[0]) == len(parts[1]), key
            np.testing.assert_array_equal(np.concatenate(parts), whole[key], err_msg=key)
    if step == 3:
        break
"""


def test_two_replicas_share_the_global_batch(data_dir):
    subprocess.run([sys.executable, "-c", _TWO_REPLICAS, data_dir], check=True)


@pytest.mark.parametrize("deterministic", [False, True])
def test_workers_share_the_global_batch(data_dir, deterministic):
    def batches(share):
        config = _config(data_dir)
        return _take(
            pipeline.training_dataset(*(config, _SIZE, 6, 9, 11, deterministic, 2), share=share),
            2,
        )

    shares = [batches((worker, 3)) for worker in range(3)]
    for step, (batch, mocap) in enumerate(batches((0, 1))):
        for part, whole in enumerate((batch, mocap)):
            for key, value in whole.items():
                rows = np.concatenate([share[step][part][key] for share in shares])
                # Without determinism something may come a little later, in its own worker's share.
                if deterministic:
                    np.testing.assert_array_equal(rows, value, err_msg=key)
                assert rows.shape == value.shape


def test_flip_tables_are_those_of_the_ground_floor():
    # By the sheet; a second copy of the table would be free to differ.
    assert skeletons.COCOPLUS19.flip[_RED] == _BLUE and skeletons.COCOPLUS19.flip[7] == 10


def test_noise_hides_parts_of_the_named_datasets_alone(data_dir, whole):
    noisy = dataclasses.replace(_WILD, noise_areas=(("h36m", 0.7),))
    hidden = _training(data_dir, count=6, augment=noisy)
    _assert_equal(_training(data_dir, first_step=4, count=2, augment=noisy), hidden[4:])
    changed, same = 0, 0
    for (batch, _), (plain, _) in zip(hidden, whole):
        differs = (batch["image"] != plain["image"]).any(axis=(1, 2, 3))
        is_h36m = plain["has_smpl"] > 0  # Of these three datasets.
        assert not differs[~is_h36m].any()
        changed += differs[is_h36m].sum()
        same += (~differs[is_h36m]).sum()
        for key in set(plain) - {"image"}:
            np.testing.assert_array_equal(batch[key], plain[key])
    assert changed > 5 * same
    with pytest.raises(ConfigError, match="noise_areas names coco, which datasets does not"):
        _training(data_dir, augment=dataclasses.replace(_WILD, noise_areas=(("coco", 0.3),)))


def test_targets_of_a_task_join_the_labels(data_dir, whole):
    def targets(parsed, parameters, labels, image_size, *_):
        assert image_size == _SIZE and parsed["betas"].shape == [6, 10]
        return {"window": parameters.window, "twice": 2.0 * labels["betas"]}

    dataset = pipeline.training_dataset(
        _config(data_dir), _SIZE, 6, seed=11, deterministic=True, targets=targets
    )
    (batch, mocap) = _take(dataset, 1)[0]
    plain = whole[0][0]
    assert mocap == {} and set(batch) == {*plain, "window", "twice"}
    np.testing.assert_array_equal(batch["twice"], 2.0 * plain["betas"])
    np.testing.assert_array_equal(batch["image"], plain["image"])
    assert len(np.unique(batch["window"])) == 6


def test_without_images_there_are_the_same_labels(data_dir, whole):
    dataset = pipeline.training_dataset(
        _config(data_dir), _SIZE, 6, seed=11, deterministic=True, with_images=False
    )
    (batch, _) = _take(dataset, 1)[0]
    plain = whole[0][0]
    assert set(batch) == set(plain) - {"image"}
    for key, values in batch.items():
        np.testing.assert_array_equal(values, plain[key], err_msg=key)
