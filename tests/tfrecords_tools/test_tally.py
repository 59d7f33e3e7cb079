"""Counts, and the point at which a source is clearly wrong."""

from __future__ import annotations

import pytest

from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DamagedSourceError
from tfrecords_tools.journal import Progress
from tfrecords_tools.tally import Tally, count_words
from tfrecords_tools.workers import Encoded

_DAMAGED = Drop("corrupt image", is_error=True, name="a.jpg")


def _add(tally, output, count):
    for _ in range(count):
        tally.add(output)


def test_counts_go_on_from_an_earlier_run():
    tally = Tally(Progress(num_examples=10, num_with_3d=4, drops={"small": 1}), 0.05)
    _add(tally, Encoded(b"", has_3d=True, has_smpl=False), 2)
    _add(tally, Drop("small"), 3)
    tally.add(_DAMAGED)
    progress = tally.progress(7, 1)
    assert (progress.next_item, progress.next_output) == (7, 1)
    assert (progress.num_examples, progress.num_with_3d, progress.num_with_smpl) == (12, 6, 0)
    assert progress.drops == {"small": 4, "corrupt image": 1}
    assert progress.num_errors == 1
    assert count_words(progress.drops) == "1 corrupt image, 4 small"


@pytest.mark.parametrize(("damaged", "is_refused"), [(5, False), (6, True)])
def test_the_limit_at_the_end(damaged, is_refused):
    tally = Tally(Progress(num_examples=100 - damaged), 0.05)
    _add(tally, _DAMAGED, damaged)
    if not is_refused:
        tally.check("toy train")
        return
    with pytest.raises(DamagedSourceError, match=r"toy train: 6 of 100 .*e\.g\. a\.jpg, a\.jpg"):
        tally.check("toy train")


def test_filtered_samples_are_not_damage():
    tally = Tally(Progress(num_examples=1), 0.0)
    _add(tally, Drop("small"), 1000)
    tally.check_on_the_way("toy train", 1001, 2000)
    tally.check("toy train")


@pytest.mark.parametrize(
    ("damaged", "good", "num_items", "is_refused"),
    [
        (19, 0, 19, False),  # Too few to be sure.
        (30, 0, 1000, False),  # 3 %, even if all the rest is good.
        (100, 0, 1000, False),  # Already too many, but samples per item may still rise.
        (101, 0, 1000, True),
        (101, 899, 10_000, False),
    ],
)
def test_only_a_clear_case_ends_early(damaged, good, num_items, is_refused):
    tally = Tally(Progress(num_examples=good), 0.05)
    _add(tally, _DAMAGED, damaged)
    if is_refused:
        with pytest.raises(DamagedSourceError, match="after 101 of 1000 items"):
            tally.check_on_the_way("toy train", damaged + good, num_items)
    else:
        tally.check_on_the_way("toy train", damaged + good, num_items)


def test_nothing_left():
    with pytest.raises(DamagedSourceError, match="no sample is left of 0"):
        Tally(Progress(), 0.05).check("toy train")
