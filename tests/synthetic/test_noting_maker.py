"""Notes of twins, shares of images, boxes."""

from __future__ import annotations

import numpy as np

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import noting_maker
from hmr_tf.synthetic.twins import TwinImage


class _Maker(noting_maker.NotingMaker):
    dataset = "d"

    def pieces(self):
        return ["a", "b"]

    def draw(self, index, piece):
        return []


def test_notes_come_back_in_order(tmp_path):
    maker = _Maker(tmp_path, SynthesisConfig(num_images=100, num_test=1))
    assert not maker.is_awkward
    maker.note(1, {"x": [1.5]})
    maker.note(0, "first")
    assert maker.notes() == ["first", {"x": [1.5]}]
    maker.write_json("labels/a.json", {"k": 1})
    assert (tmp_path / "labels" / "a.json").read_bytes() == b'{"k": 1}'
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    shot = TwinImage(image, (), (1.0, 1.0, 0.0, 0.0), np.eye(3), np.zeros(3))
    maker.write_image("a.jpg", shot)
    maker.write_image("b.jpg", shot, is_damaged=True)
    whole, half = (tmp_path / "a.jpg").read_bytes(), (tmp_path / "b.jpg").read_bytes()
    assert whole.endswith(b"\xff\xd9") and half == whole[: len(whole) // 2]


def test_shares():
    assert noting_maker.shares(7, ["a", "b", "c"], 3) == [("a", 3), ("b", 2), ("c", 2)]
    assert noting_maker.shares(2, ["a", "b"], 20) == [("a", 2)]
    assert noting_maker.shares(0, ["a"], 20) == []


def test_boxes_have_a_margin():
    box = noting_maker.box_around(np.array([[10.0, 20.0], [30.0, 25.0]]))
    assert box == [8.0, 19.5, 24.0, 6.0]
