"""Examples chosen from a stream are those chosen from the whole."""

import numpy as np

from hmr_tf.evaluation.examples import ExamplePicker


def _stream(errors, picker, batch_size=7):
    for start in range(0, len(errors), batch_size):
        part = np.asarray(errors[start : start + batch_size], np.float32)
        count = len(part)
        batch = {
            "image": np.repeat(part[:, None, None, None] % 1, 4, 1) * np.ones((1, 1, 4, 3)),
            "keypoints_2d": np.zeros((count, 19, 2), np.float32),
            "visibility": np.ones((count, 19), np.float32),
        }
        picker.add(part, batch, [f"im{start + k}" for k in range(count)])


def test_best_and_worst_of_the_whole_stream():
    errors = np.random.default_rng(0).permutation(300).astype(np.float32)
    errors[errors == 5] = np.nan
    picker = ExamplePicker(num_each=3, pool_size=40)
    _stream(errors, picker)
    picked = picker.pick()
    assert [example.error for example in picked["best"]] == [0, 1, 2]
    assert [example.error for example in picked["worst"]] == [297, 298, 299]
    for group in picked.values():
        for example in group:
            assert errors[int(example.name[2:])] == example.error
            assert example.name == f"im{example.index}"
    middling = [example.error for example in picked["median"]]
    assert len(middling) == 3 and all(90 < error < 210 for error in middling)


def test_nobody_appears_twice_in_a_short_stream():
    picker = ExamplePicker(num_each=4)
    _stream([3.0, 1.0, 2.0, 5.0, 4.0, 6.0], picker)
    names = [example.name for group in picker.pick().values() for example in group]
    assert sorted(names) == [f"im{k}" for k in range(6)]
    assert [example.error for example in picker.pick()["best"]] == [1, 2, 3]
    few = picker.pick(1)
    assert {sort: [one.error for one in group] for sort, group in few.items()} == {
        "best": [1],
        "median": [few["median"][0].error],
        "worst": [6],
    }
    assert ExamplePicker().pick() == {"best": [], "median": [], "worst": []}


def test_the_pool_is_drawn_evenly():
    picker = ExamplePicker(num_each=1, pool_size=50)
    _stream(np.arange(2000, dtype=np.float32), picker)
    kept = np.array([example.error for example in picker._pool])
    assert len(kept) == 50 and len(set(kept)) == 50
    assert 700 < kept.mean() < 1300 and kept.min() < 400 and kept.max() > 1600


def test_pixels_are_kept_as_bytes():
    picker = ExamplePicker()
    _stream([0.5], picker)
    image = picker.pick()["best"][0].image
    assert image.dtype == np.uint8 and image.shape == (4, 4, 3)
    np.testing.assert_array_equal(image, 128)
