from __future__ import annotations

import os
import pathlib

import pytest

from hmr_tf.errors import DataError
from hmr_tf.synthetic import work_folder

_prepared = None


def prepare(folder):
    global _prepared
    _prepared = pathlib.Path(folder)


def write_number(number):
    (_prepared / f"{number}.txt").write_text(str(os.getpid()))
    return 2


def die(number):
    os._exit(3)


def fail(number):
    raise DataError(f"task {number} failed")


def test_claiming_once_twice_and_with_other_settings(tmp_path):
    file = tmp_path / "new" / "settings.json"
    settings = {"seed": 1, "sizes": (2, 3)}
    work_folder.claim(file, settings, [])
    text = file.read_text()
    work_folder.claim(file, settings, [])
    assert file.read_text() == text
    with pytest.raises(DataError, match=r"made with seed=1; these settings have seed=2\. Give an"):
        work_folder.claim(file, {**settings, "seed": 2}, [])
    file.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        work_folder.claim(file, settings, [])


def test_foreign_data_is_not_touched(tmp_path):
    (tmp_path / "joints.mat").write_text("real")
    with pytest.raises(DataError, match=r"already holds 'joints\.mat'"):
        work_folder.claim(tmp_path / "s.json", {}, [tmp_path / "joints.mat"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["joints.mat"]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_all_tasks_are_done(tmp_path, num_workers):
    work_folder.run(write_number, range(5), num_workers, prepare, (tmp_path,), "file", 10)
    assert len(list(tmp_path.glob("*.txt"))) == 5
    ids = {path.read_text() for path in tmp_path.glob("*.txt")}
    assert (str(os.getpid()) in ids) == (num_workers == 0)
    work_folder.run(die, [], num_workers, prepare, (tmp_path,), "file", 0)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_errors_of_tasks_come_through(tmp_path, num_workers):
    with pytest.raises(DataError, match="task 7 failed"):
        work_folder.run(fail, [7, 7, 7], num_workers, prepare, (tmp_path,), "file", 3)


def test_a_dead_worker_is_told(tmp_path):
    with pytest.raises(DataError, match="A worker process died"):
        work_folder.run(die, [1], 1, prepare, (tmp_path,), "file", 1)
