import pytest

from hmr_tf.training import journal

COLUMNS = ("loss", "adversarial", "adversarial_1", "learning_rate")


def _journal(folder, first_step=0, is_terminal=False):
    return journal.Journal(
        str(folder), COLUMNS, num_steps=20, first_step=first_step, batch_size=8,
        is_terminal=is_terminal,
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
    book.close()
    shown = capsys.readouterr().err
    assert "hello" in shown and "7/20" in shown and "loss=1.5" in shown


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
