"""Files appear whole, under their own name only."""

import cv2
import numpy as np

from hmr_tf.image_files import writing


def test_a_png_keeps_its_pixels_and_its_channels_order(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    writing.write_png(path, image)
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], image)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
