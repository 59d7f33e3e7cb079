"""Worker processes: order, failures, and no process left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from tfrecords_tools import workers
from tfrecords_tools.converter import Drop
from tfrecords_tools.errors import DatasetError, RecordError
from tfrecords_tools.example_proto import decode_example

# Workers import the converter by its module's name, so it cannot stand in a test file.
_TOY = """
import os, signal, sys, time
import numpy as np
from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.samples import MocapSample

class Toy(Converter):
    name = "toy"
    def fingerprint(self, part):
        return ""
    def items(self, part):
        return list(range(40))
    def item_name(self, item):
        return f"item {item}"
    def convert(self, item):
        if item == self.options.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        if item == self.options.get("fail_at"):
            return [MocapSample(np.full(72, np.nan), np.zeros(10), f"item {item}")]
        if "sleep" in self.options:
            time.sleep(self.options["sleep"])
        knows_tensorflow = float("tensorflow" in sys.modules)
        pose = np.full(72, float(item))
        pose[:2] = os.getpid(), knows_tensorflow
        name = "person 2" if item == 9 else ""
        return [Drop("third", name=name)] * (item % 3 == 0) + [MocapSample(pose, np.zeros(10))]
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy_converter.py").write_text(_TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(workers, "_ITEMS_PER_TASK", 3)
    monkeypatch.setattr(workers, "_WORTHWHILE_SECONDS", 0.0)
    monkeypatch.setattr(workers, "_START_SECONDS", 0.0)
    from toy_converter import Toy

    yield Toy(tmp_path)
    sys.modules.pop("toy_converter")


def _pose(encoded):
    return decode_example(encoded.framed[12:-4])["pose"]


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize("start", [0, 7, 40])
def test_outputs_come_in_order(toy, num_workers, start):
    converted = list(workers.convert_items(toy, toy.items(""), start, num_workers))
    assert [index for index, _ in converted] == list(range(start, 40))
    processes = set()
    for index, outputs in converted:
        assert len(outputs) == 1 + (index % 3 == 0)
        name = "item 9 person 2" if index == 9 else f"item {index}"
        assert outputs[:-1] == [Drop("third", name=name)] * (index % 3 == 0)
        pose = _pose(outputs[-1])
        assert pose[2] == index
        if index >= start + 3:  # What comes first tells how long the rest will take.
            processes.add(pose[0])
            if num_workers > 1:
                assert pose[1] == 0, "a worker imported TensorFlow"
    if start < 40:
        assert (os.getpid() in processes) == (num_workers == 1)


def test_quick_work_stays_in_this_process(toy, monkeypatch):
    monkeypatch.setattr(workers, "_WORTHWHILE_SECONDS", 4.0)
    converted = workers.convert_items(toy, toy.items(""), 0, 2)
    assert {_pose(outputs[-1])[0] for _, outputs in converted} == {os.getpid()}


def test_this_process_converts_until_workers_can_be_ready(toy, monkeypatch):
    monkeypatch.setattr(workers, "_START_SECONDS", 0.1)
    toy.options["sleep"] = 0.02
    converted = list(workers.convert_items(toy, toy.items(""), 0, 2))
    assert [index for index, _ in converted] == list(range(40))
    here = [_pose(outputs[-1])[0] == os.getpid() for _, outputs in converted]
    assert here == sorted(here, reverse=True)
    assert 3 < sum(here) < 40


def test_a_dead_worker_is_one_line(toy):
    toy.options["die_at"] = 20
    with pytest.raises(DatasetError, match="toy: a worker process died"):
        list(workers.convert_items(toy, toy.items(""), 0, 2))


def test_errors_of_workers_arrive(toy):
    toy.options["fail_at"] = 20
    with pytest.raises(RecordError, match="item 20: pose_axis_angle holds"):
        list(workers.convert_items(toy, toy.items(""), 0, 2))
    assert not multiprocessing.active_children()


def _is_running(process_id):
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_end_with_a_killed_parent(toy, tmp_path):
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
if __name__ == "__main__":
    from toy_converter import Toy
    from tfrecords_tools import workers
    workers._ITEMS_PER_TASK, workers._WORTHWHILE_SECONDS, workers._START_SECONDS = 1, 0.0, 0.0
    toy = Toy({str(tmp_path)!r})
    toy.options["sleep"] = 0.2
    for index, outputs in workers.convert_items(toy, toy.items(""), 0, 2):
        print(outputs[-1].framed[12:-4].hex(), flush=True)
"""
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    lines = [parent.stdout.readline() for _ in range(4)]
    pids = {int(decode_example(bytes.fromhex(line))["pose"][0]) for line in lines} - {parent.pid}
    assert pids
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 20
    while any(map(_is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_running, pids))
