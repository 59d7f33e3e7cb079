from __future__ import annotations

import cv2
import numpy as np

from hmr_tf.synthetic import label_png


def test_other_programs_read_the_file():
    random = np.random.default_rng(0)
    palette = random.integers(0, 256, (256, 3)).astype(np.uint8)
    for shape in ((1, 1), (7, 13), (64, 3)):
        labels = random.integers(0, 256, shape).astype(np.uint8)
        content = label_png.encode(labels, palette)
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        np.testing.assert_array_equal(image, palette[labels])
