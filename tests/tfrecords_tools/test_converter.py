"""Settings of converters are checked; fingerprints notice what matters."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tfrecords_tools.converter import Converter, Drop, fingerprint_files
from tfrecords_tools.errors import DatasetError


class _Toy(Converter):
    name = "toy"
    splits = ("train", "val")
    option_defaults = {"seed": 3, "is_clean": True, "scale": 1.5}  # noqa: RUF012

    def fingerprint(self, part):
        return part

    def items(self, part):
        return []

    def convert(self, item):
        return [Drop("never")]


def test_settings(tmp_path):
    toy = _Toy(tmp_path)
    assert (toy.split, list(toy.parts())) == ("train", ["train"])
    assert toy.options == {"seed": 3, "is_clean": True, "scale": 1.5}
    toy = _Toy(tmp_path, "val", options={"seed": "7", "is_clean": "False", "scale": "2"})
    assert list(toy.parts()) == ["val"]
    assert toy.options == {"seed": 7, "is_clean": False, "scale": 2.0}
    assert _Toy.option_defaults["seed"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "test"}, "toy has no split 'test'; expected train or val"),
        ({"options": {"sed": "1"}}, "no option 'sed'; it has: seed, is_clean, scale"),
        ({"options": {"seed": "x"}}, "option seed must be int; received 'x'"),
        ({"options": {"seed": "-1"}}, "option seed must be 0 or more; received '-1'"),
        ({"options": {"scale": "nan"}}, "option scale must be 0 or more; received 'nan'"),
        ({"options": {"scale": "inf"}}, "option scale must be 0 or more"),
        ({"options": {"is_clean": "maybe"}}, "is_clean must be bool"),
        ({"data_dir": "/nowhere"}, "toy: /nowhere is not a folder"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, arguments, message):
    with pytest.raises(DatasetError, match=message):
        _Toy(**{"data_dir": tmp_path, **arguments})


def test_unwanted_subsets_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="toy has no subsets"):
        _Toy(tmp_path, subsets=["CMU"]).parts()


def test_fingerprint(tmp_path):
    def write(folder, labels="labels", image="image"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "labels").write_text(labels)
        (tmp_path / folder / "image").write_text(image)
        root = tmp_path / folder
        return fingerprint_files(root, [root / "labels"], [root / "image", root / "missing"])

    first = write("a")
    assert write("b") == first  # The tree may lie elsewhere.
    assert write("c", labels="LABELS") != first
    assert write("d", image="longer image") != first


def test_items_are_named_by_their_file(tmp_path, monkeypatch):
    toy = _Toy(tmp_path)
    assert toy.item_name(SimpleNamespace(path=str(tmp_path / "images" / "a.jpg"))) == "images/a.jpg"
    assert toy.item_name(SimpleNamespace(file_name="train2014/a.jpg")) == "train2014/a.jpg"
    assert toy.item_name(7) == ""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    toy = _Toy("raw")
    assert toy.item_name(SimpleNamespace(path="raw/images/a.jpg")) == "images/a.jpg"
    assert toy.item_name(SimpleNamespace(path="rawer/a.jpg")) == "rawer/a.jpg"
