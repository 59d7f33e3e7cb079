"""Tests of hmr_tf/data/streams.py."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf

from hmr_tf.data import record_sets, streams


def _write(path, names):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name in names:
            writer.write(name)


def _record_set(folder, name="lsp", shard_sizes=(5, 3, 4), has_3d=False):
    shards = []
    for number, size in enumerate(shard_sizes):
        path = folder / name / f"train_{number:03d}.tfrecord"
        _write(path, [f"{name}/{number}/{index}".encode() for index in range(size)])
        shards.append(str(path))
    return record_sets.RecordSet(name, tuple(shards), sum(shard_sizes), has_3d)


def _take(stream, count):
    return list(itertools.islice(stream.as_numpy_iterator(), count))


@pytest.mark.parametrize("cache", [False, True])
def test_every_epoch_holds_every_record_once_in_an_order_of_its_own(tmp_path, cache):
    record_set = _record_set(tmp_path)
    stream = streams.record_stream(record_set, seed=1, stream=0, shuffle_buffer=4, cache=cache)
    taken = _take(stream, 60)
    epochs = [taken[begin : begin + 12] for begin in range(0, 60, 12)]
    everything = sorted(epochs[0])
    assert len(set(everything)) == 12
    assert all(sorted(epoch) == everything for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 5
    assert all(epoch != everything for epoch in epochs)


@pytest.mark.parametrize("cache", [False, True])
def test_order_follows_from_seed_and_stream(tmp_path, cache):
    record_set = _record_set(tmp_path)

    def first(seed, stream):
        made = streams.record_stream(record_set, seed, stream, shuffle_buffer=4, cache=cache)
        return tuple(_take(made, 24))

    assert first(1, 0) == first(1, 0)
    assert len({first(1, 0), first(2, 0), first(1, 1), first(0, 0)}) == 4


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("begin", [1, 11, 12, 13, 25, 1_200_005])
def test_a_stream_can_begin_anywhere(tmp_path, cache, begin):
    record_set = _record_set(tmp_path)

    def stream(first_record):
        return streams.record_stream(
            record_set, 3, 0, shuffle_buffer=4, first_record=first_record, cache=cache
        )

    if begin < 100:
        assert _take(stream(begin), 30) == _take(stream(0), begin + 30)[begin:]
    else:  # too far to walk: the two starts must agree with each other
        assert _take(stream(begin), 30) == _take(stream(begin - 17), 47)[17:]


def test_two_passes_over_one_stream_are_equal(tmp_path):
    stream = streams.record_stream(_record_set(tmp_path), 3, 0, shuffle_buffer=4)
    assert _take(stream, 40) == _take(stream, 40)


def _mixture(folder, weights=(1.0, 3.0, 2.0), pair_kinds=True, seed=5, begin=0, cache=False):
    sets = [
        _record_set(folder, "lsp", (5, 3)),
        _record_set(folder, "coco", (7,)),
        _record_set(folder, "h36m", (4, 4), has_3d=True),
    ]
    return streams.mixture_stream(
        sets[: len(weights)],
        list(weights),
        pair_kinds,
        seed,
        shuffle_buffer=4,
        first_example=begin,
        cache=cache,
    )


def _sources(taken):
    names = [record.decode().split("/")[0] for _, _, record in taken]
    assert names == [("lsp", "coco", "h36m")[number] for _, number, _ in taken]
    return names


def test_kinds_alternate_and_weights_hold_within_a_kind(tmp_path):
    taken = _take(_mixture(tmp_path), 4000)
    assert [position for position, _, _ in taken] == list(range(4000))
    sources = _sources(taken)
    assert set(sources[1::2]) == {"h36m"}
    counts = collections.Counter(sources[0::2])
    assert abs(counts["coco"] / 2000 - 0.75) < 0.03 and counts["lsp"] + counts["coco"] == 2000


def test_without_pairing_weights_hold_over_all(tmp_path):
    counts = collections.Counter(_sources(_take(_mixture(tmp_path, pair_kinds=False), 6000)))
    for name, share in (("lsp", 1 / 6), ("coco", 3 / 6), ("h36m", 2 / 6)):
        assert abs(counts[name] / 6000 - share) < 0.02


def test_one_kind_is_not_paired(tmp_path):
    counts = collections.Counter(_sources(_take(_mixture(tmp_path, weights=(1.0, 1.0)), 1000)))
    assert abs(counts["lsp"] - 500) < 60


@pytest.mark.parametrize("pair_kinds", [True, False])
@pytest.mark.parametrize("cache", [False, True])
def test_a_mixture_can_begin_anywhere(tmp_path, pair_kinds, cache):
    whole = _take(_mixture(tmp_path, pair_kinds=pair_kinds, cache=cache), 400)
    for begin in (1, 64, 333):
        rest = _mixture(tmp_path, pair_kinds=pair_kinds, cache=cache, begin=begin)
        assert _take(rest, 50) == whole[begin : begin + 50]


def test_a_mixture_can_begin_behind_its_first_block_of_choices(tmp_path):
    begin = streams._CHOICE_BLOCK * 2 + 777
    near = _take(_mixture(tmp_path, begin=begin - 800), 900)
    assert _take(_mixture(tmp_path, begin=begin), 100) == near[800:]


def test_seed_pairs_differ_by_purpose_stream_and_position():
    pairs = {
        tuple(streams.seed_pair(seed, purpose, position, stream).numpy())
        for seed, purpose, position, stream in itertools.product(
            range(3), range(4), range(3), (0, 1, 63)
        )
    }
    assert len(pairs) == 3 * 4 * 3 * 3


def test_shuffling_mixes_shards(tmp_path):
    sizes = (50, 50, 50, 50)
    record_set = _record_set(tmp_path, shard_sizes=sizes)
    taken = _take(streams.record_stream(record_set, 1, 0, shuffle_buffer=50), 200)
    first_half = collections.Counter(record.split(b"/")[1] for record in taken[:100])
    assert min(first_half.values()) >= 15
    numbers = [int(record.split(b"/")[2]) for record in taken if record.startswith(b"lsp/0/")]
    assert np.corrcoef(numbers, range(50))[0, 1] < 0.95


@pytest.fixture
def global_seed():
    """A function that sets TensorFlow's global seed for the test."""
    yield tf.random.set_seed
    tf.random.set_seed(None)


def test_the_global_seed_may_be_zero(tmp_path, global_seed):
    record_set = _record_set(tmp_path)

    def taken():
        return _take(streams.record_stream(record_set, 3, 0, shuffle_buffer=4), 40)

    unseeded = taken()
    global_seed(0)
    assert taken() == unseeded
    # The program's own random numbers still follow from its seed.
    first = tf.random.uniform([3]).numpy()
    global_seed(0)
    np.testing.assert_array_equal(tf.random.uniform([3]), first)


def test_plain_stream_keeps_the_order(tmp_path):
    sets = [_record_set(tmp_path, "lsp", (2, 1)), _record_set(tmp_path, "coco", (2,))]
    taken = [(number, record.decode()) for number, record in _take(streams.plain_stream(sets), 9)]
    assert taken == [
        (0, "lsp/0/0"),
        (0, "lsp/0/1"),
        (0, "lsp/1/0"),
        (1, "coco/0/0"),
        (1, "coco/0/1"),
    ]
