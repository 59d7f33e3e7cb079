"""Conversions on Beam's local runner give what conversions without Beam give."""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

from tfrecords_tools import beam_driver, driver
from tfrecords_tools.errors import DatasetError

# Workers import the converter by its module's name, so it cannot stand in a test file.
_TOY = """
import os
import numpy as np
from tfrecords_tools.converter import Converter, Drop
from tfrecords_tools.samples import MocapSample

class Toy(Converter):
    name = "toy"
    option_defaults = {"fail_at": -1, "drop_at": 5}
    examples_per_shard = 4
    def fingerprint(self, part):
        return ""
    def items(self, part):
        self.offset = 100.0
        return list(range(30))
    def item_name(self, item):
        return f"item {item}"
    def convert(self, item):
        with open(os.path.join(self.data_dir, f"pid_{os.getpid()}"), "a") as file:
            file.write(f"{item} ")
        if item == self.options["drop_at"]:
            return [Drop("corrupt image", is_error=True)]
        value = np.nan if item == self.options["fail_at"] else self.offset + item
        pose = np.full(72, value)
        return [MocapSample(pose + i, np.zeros(10), f"item {item}") for i in range(item % 4)]
"""


@pytest.fixture
def toy_class(tmp_path, monkeypatch):
    (tmp_path / "toy_beam_converter.py").write_text(_TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    # Beam's worker processes are started with this environment.
    paths = [str(tmp_path), os.getcwd(), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setattr(beam_driver, "_ITEMS_PER_CHUNK", 2)
    (tmp_path / "source").mkdir()
    from toy_beam_converter import Toy

    yield Toy
    sys.modules.pop("toy_beam_converter")


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def _convert(toy_class, tmp_path, out_dir, options=(), **converter_options):
    write_shards = beam_driver.BeamDriver("DirectRunner", options).write_shards
    toy = toy_class(tmp_path / "source", options=converter_options)
    out_dir = str(tmp_path / out_dir)
    return driver.convert_part(toy, "train", out_dir, write_shards=write_shards)


def test_beam_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(DatasetError, match=r"pip install 'hmr_tf\[beam\]'"):
        beam_driver.BeamDriver("DirectRunner")


needs_beam = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None, reason="apache-beam is not installed"
)


@needs_beam
@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_everything_is_as_without_beam(toy_class, tmp_path, mode):
    options = ("direct_num_workers=2", f"direct_running_mode={mode}")
    outcome = _convert(toy_class, tmp_path, "beam", options)
    pids = {path.name for path in (tmp_path / "source").iterdir()}
    assert (f"pid_{os.getpid()}" in pids) == (mode == "in_memory")
    toy = toy_class(tmp_path / "source")
    expected = driver.convert_part(toy, "train", str(tmp_path / "plain"))
    assert outcome == expected
    assert _contents(tmp_path / "beam" / "toy") == _contents(tmp_path / "plain" / "toy")
    assert len(outcome.manifest.shards) == 11
    assert outcome.manifest.drops == {"corrupt image": 1}
    assert _convert(toy_class, tmp_path, "beam").was_done


@needs_beam
def test_a_failed_conversion_is_one_line_and_goes_on_where_it_stopped(toy_class, tmp_path):
    _convert(toy_class, tmp_path, "whole")
    with pytest.raises(DatasetError, match="item 21: pose_axis_angle holds") as caught:
        _convert(toy_class, tmp_path, "out", fail_at="21")
    assert "\n" not in str(caught.value)
    staging = tmp_path / "out" / "toy" / ".partial_train"
    assert os.listdir(tmp_path / "out" / "toy") == [".partial_train"]
    assert not [name for name in os.listdir(staging) if name.startswith("errors")]
    # The same conversion again, as if the item had been mended: one chunk is left to do.
    log = tmp_path / "source" / f"pid_{os.getpid()}"
    log.write_text("")
    mended = toy_class.convert
    toy_class.convert = lambda self, item: mended(toy_class(self.data_dir), item)
    toy_class.offset = 100.0
    _convert(toy_class, tmp_path, "out", fail_at="21")
    assert log.read_text().split() == ["20", "21"]
    shards = {name: data for name, data in _contents(tmp_path / "whole" / "toy").items()}
    shards.pop("manifest_train.json")  # It tells of the option.
    result = _contents(tmp_path / "out" / "toy")
    assert result.pop("manifest_train.json")
    assert result == shards


@needs_beam
def test_too_much_damage_leaves_nothing(toy_class, tmp_path):
    toy = toy_class(tmp_path / "source")
    write_shards = beam_driver.BeamDriver("DirectRunner").write_shards
    with pytest.raises(
        DatasetError, match=r"1 of 43 samples are damaged \(1 corrupt image; e\.g\."
    ):
        driver.convert_part(
            toy, "train", str(tmp_path / "out"), max_error_fraction=0.0, write_shards=write_shards
        )
    assert _contents(tmp_path / "out" / "toy") == {}


@needs_beam
def test_unknown_runners_are_refused():
    with pytest.raises(DatasetError, match="--runner=Tractor: Unexpected pipeline runner"):
        beam_driver.BeamDriver("Tractor")
