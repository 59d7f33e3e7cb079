"""Manifests come back as they were, and say what differs."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tfrecords_tools.errors import DatasetError
from tfrecords_tools.manifest import Identity, Manifest, Shard, load_manifest, save_manifest

_IDENTITY = Identity("lsp", "train", 1, 500, {"seed": 0}, "abc")
_MANIFEST = Manifest(
    identity=_IDENTITY,
    shards=(Shard("train_000.tfrecord", 500, 9, "a1"), Shard("train_001.tfrecord", 7, 3, "b2")),
    num_with_3d=507,
    num_with_smpl=0,
    drops={"corrupt image": 2},
)


def test_round_trip(tmp_path):
    save_manifest(str(tmp_path), _MANIFEST)
    assert load_manifest(str(tmp_path), "lsp", "train") == _MANIFEST
    assert load_manifest(str(tmp_path), "lsp", "test") is None
    content = json.loads((tmp_path / "lsp" / "manifest_train.json").read_text())
    assert content["num_examples"] == 507
    assert content["has_3d"] is True
    assert content["has_smpl"] is False
    assert content["drops"] == {"corrupt image": 2}
    assert content["content_sha256"] == _MANIFEST.content_sha256
    assert _MANIFEST.shard_paths("r")[1] == "r/lsp/train_001.tfrecord"


def test_content_hash_depends_on_every_shard():
    other = dataclasses.replace(_MANIFEST, shards=_MANIFEST.shards[:1])
    assert other.content_sha256 != _MANIFEST.content_sha256


def test_differences_are_named():
    assert _IDENTITY.differences(_IDENTITY) == []
    other = dataclasses.replace(
        _IDENTITY, examples_per_shard=100, options={"seed": 1}, fingerprint="x"
    )
    assert _IDENTITY.differences(other) == [
        "examples_per_shard 500, now 100",
        "seed 0, now 1",
        "other source files",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"identity": {"odd": 1}}'])
def test_damaged_manifests_are_refused(tmp_path, text):
    (tmp_path / "lsp").mkdir()
    (tmp_path / "lsp" / "manifest_train.json").write_text(text)
    with pytest.raises(DatasetError, match=r"lsp: .*manifest_train\.json is not a manifest"):
        load_manifest(str(tmp_path), "lsp", "train")
