from __future__ import annotations

import cv2
import numpy as np

from hmr_tf.synthetic import video_files


def test_videos_come_back_frame_by_frame_and_repeat(tmp_path):
    images = [np.full((32, 48, 3), (200, 40 * frame, 10), np.uint8) for frame in range(4)]
    for name in ("a.avi", "b.avi"):
        video_files.write_jpeg_video(tmp_path / name, images)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.avi", "b.avi"]
    capture = cv2.VideoCapture(str(tmp_path / "a.avi"))
    for image in images:
        is_read, found = capture.read()
        assert is_read
        np.testing.assert_allclose(found[..., ::-1], image, atol=6)
    assert not capture.read()[0]
