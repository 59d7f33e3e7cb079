import re

import cv2
import numpy as np
import pytest
from full_disk import full_beyond

from hmr_tf.training import journal
from tfrecords_tools.errors import OutputError

COLUMNS = ("loss", "adversarial", "adversarial_1", "learning_rate")


METRICS = ("pa_mpjpe_mm", "keypoints_2d_px")


def _journal(folder, first_step=0, is_terminal=False, metrics=()):
    return journal.Journal(
        str(folder), COLUMNS, num_steps=20, first_step=first_step, batch_size=8,
        is_terminal=is_terminal, metrics=metrics,
    )  # fmt: skip


def _values(loss):
    return {"loss": loss, "adversarial": 2.0, "adversarial_1": 3.0, "learning_rate": 0.5}


def test_rows_are_read_back(tmp_path):
    book = _journal(tmp_path)
    book.row(5, _values(1.25))
    book.row(10, _values(0.125))
    book.close()
    rows = journal.read_rows(tmp_path / journal.CURVE_FILE)
    assert [(row["step"], row["loss"]) for row in rows] == [("5", "1.25"), ("10", "0.125")]
    assert list(rows[0]) == ["step", *COLUMNS, journal.RATE]


def test_a_resumed_run_drops_the_rows_it_will_write_again(tmp_path):
    book = _journal(tmp_path)
    for step in (5, 10, 15):
        book.row(step, _values(step))
    book.close()
    with open(tmp_path / journal.CURVE_FILE, "a") as file:
        file.write("20,1.0,")  # A row that a kill cut short.
    book = _journal(tmp_path, first_step=10)
    book.row(15, _values(99.0))
    book.close()
    rows = journal.read_rows(tmp_path / journal.CURVE_FILE)
    assert [(row["step"], row["loss"]) for row in rows] == [("5", "5"), ("10", "10"), ("15", "99")]


def test_a_full_disk_is_one_line(tmp_path):
    book = _journal(tmp_path)
    book.row(5, _values(1.0))
    for write, name in (
        (lambda: book.say("more"), journal.LOG_FILE),
        (lambda: book.row(10, _values(1.0)), journal.CURVE_FILE),
    ):
        message = re.escape(f"{name} cannot be written: File too large.")
        with full_beyond(10), pytest.raises(OutputError, match=message):
            write()
    book.close()


def test_rate_leaves_out_the_first_step_and_pauses(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(journal.time, "perf_counter", lambda: now[0])
    book = _journal(tmp_path)
    now[0] += 50.0  # Compiling.
    book.tick(1, 1.0)
    now[0] += 9.0
    book.pause(5.0)
    assert book.row(11, _values(1.0)) == pytest.approx(10 * 8 / 4.0)
    now[0] += 2.0
    assert book.row(12, _values(1.0)) == pytest.approx(8 / 2.0)
    book.close()


def test_progress_line_is_short(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(journal.time, "perf_counter", lambda: now[0])
    book = _journal(tmp_path)
    book.tick(1, 1.0)
    now[0] += 10.0
    book.row(10, _values(0.5))
    book.close()
    line = (tmp_path / journal.LOG_FILE).read_text().strip()
    assert line.endswith("step 10/20  loss 0.5  adversarial 2  7.2 images/s  0:00:11 left")


def test_a_terminal_gets_a_bar(tmp_path, capsys):
    book = _journal(tmp_path, is_terminal=True)
    book.tick(7, 1.5)
    book.say("hello")
    book.row(8, _values(1.25))
    book.tick(8, 1.125)
    book.close()
    shown = capsys.readouterr().err
    assert "hello" in shown and "7/20" in shown and "loss=1.5" in shown
    # Rate, time left, the newest loss, and the others' last means.
    assert re.search(r"8/20 \[.*<.*(step/s|s/step), loss=1.125, adversarial=2\]", shown)


def test_validations_have_a_table_of_their_own(tmp_path):
    book = _journal(tmp_path, metrics=METRICS)
    book.validation(5, {"pa_mpjpe_mm": 81.25, "keypoints_2d_px": 4.0}, 30, "the best so far")
    book.validation(10, {"keypoints_2d_px": 3.5}, 30, "best keypoints_2d_px 3.5 at step 10")
    book.close()
    rows = journal.read_rows(tmp_path / journal.VALIDATION_FILE)
    assert rows == [
        {"step": "5", "pa_mpjpe_mm": "81.25", "keypoints_2d_px": "4", "num_people": "30"},
        {"step": "10", "pa_mpjpe_mm": "", "keypoints_2d_px": "3.5", "num_people": "30"},
    ]
    log = (tmp_path / journal.LOG_FILE).read_text()
    line = "validation at step 5: pa_mpjpe_mm 81.2  keypoints_2d_px 4.0  (30 people; the best"
    assert line in log
    _journal(tmp_path, first_step=7, metrics=METRICS).close()
    rows = journal.read_rows(tmp_path / journal.VALIDATION_FILE)
    assert [row["step"] for row in rows] == ["5"]


def test_summary(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(journal.time, "perf_counter", lambda: now[0])
    book = _journal(tmp_path, first_step=4, metrics=METRICS)
    for step, error in ((10, 70.0), (20, 75.0)):
        book.validation(step, {"pa_mpjpe_mm": error}, 30, "")
    now[0] += 64.0
    assert book.summary(20, best_step=10) == [
        "20 steps, 16 of them in this part, 0:01:04, 2.0 images/s overall",
        "last validation, step 20: pa_mpjpe_mm 75.0",
        "best validation, step 10: pa_mpjpe_mm 70.0",
    ]
    book.close()
    book = _journal(tmp_path)
    now[0] += 10.0
    assert book.summary(20, best_step=-1) == ["20 steps, 0:00:10, 16.0 images/s overall"]
    book.close()


def test_plot_shows_validations_below(tmp_path):
    book = _journal(tmp_path, metrics=METRICS)
    for step in (5, 10):
        book.row(step, _values(1.0 / step))
    book.plot()
    alone = cv2.imread(str(tmp_path / journal.PLOT_FILE))
    book.validation(10, {"pa_mpjpe_mm": 81.25}, 30, "")
    book.plot()
    book.close()
    both = cv2.imread(str(tmp_path / journal.PLOT_FILE))
    assert both.shape == (2 * alone.shape[0], alone.shape[1], 3)
    np.testing.assert_array_equal(both[: len(alone)], alone)


def test_plot(tmp_path):
    book = _journal(tmp_path)
    book.plot()  # Nothing to draw yet.
    assert not (tmp_path / journal.PLOT_FILE).exists()
    for step in (5, 10):
        book.row(step, _values(1.0 / step))
    book.plot()
    book.close()
    assert (tmp_path / journal.PLOT_FILE).stat().st_size > 1000


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (61.6, "0:01:02"), (3600 * 25 + 59, "25:00:59")]
)
def test_duration(seconds, text):
    assert journal.duration(seconds) == text
