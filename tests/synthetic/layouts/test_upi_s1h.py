"""The labels fit the images that `lsp` writes with the same settings."""

import cv2
import numpy as np
import pytest

from hmr_tf.body import posing
from hmr_tf.body.model_file import load_body
from hmr_tf.body.parts import PARTS
from hmr_tf.config import SynthesisConfig
from hmr_tf.errors import DataError
from hmr_tf.synthetic.layouts import lsp, upi_s1h

_CONFIG = SynthesisConfig(num_images=5, num_test=3, image_size=96, seed=2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("upi_s1h")
    lsp.write(str(root / "lsp"), _CONFIG)
    text = upi_s1h.write(str(root / "labels"), _CONFIG)
    assert "3 images" in text
    return root


def _read(folders, number, kind):
    path = folders / "labels" / "data" / "lsp" / f"im{number:04d}_{kind}.png"
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_only_test_images_have_labels(folders):
    names = sorted(path.name for path in (folders / "labels" / "data" / "lsp").iterdir())
    kinds = ("part_segmentation", "segmentation")
    assert names == [f"im{number:04d}_{kind}.png" for number in (3, 4, 5) for kind in kinds]


def test_labels_are_the_true_body_in_the_picture(folders):
    with np.load(folders / "lsp" / "smpl_truth.npz", allow_pickle=False) as file:
        truth = dict(file)
    body = load_body("free_body")
    for row, number in ((2, 3), (3, 4), (4, 5)):
        mask, parts = (
            _read(folders, number, kind) for kind in ("segmentation", "part_segmentation")
        )
        assert mask.shape == parts.shape == (96, 96) and mask.dtype == parts.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert set(np.unique(parts)) <= {*range(len(PARTS)), 255}
        assert ((parts > 0) == (mask > 0))[parts != 255].all()
        vertices, _ = posing.pose_body(body, truth["pose_axis_angle"][row], truth["betas"][row])
        points = vertices + truth["translation"][row]
        fx, fy, cx, cy = truth["intrinsics"][row]
        x, y = fx * points[:, 0] / points[:, 2] + cx, fy * points[:, 1] / points[:, 2] + cy
        inside = (x > 0) & (y > 0) & (x < 95) & (y < 95)
        grown = cv2.dilate(mask, np.ones((3, 3), np.uint8))
        hit = grown[y[inside].round().astype(int), x[inside].round().astype(int)] > 0
        assert hit.mean() > 0.99  # Fingers are thinner than a pixel.
        rows, columns = np.nonzero(mask)
        assert (
            abs(columns.min() - max(x.min(), 0)) < 1.5 and abs(rows.max() - min(y.max(), 95)) < 1.5
        )


def test_some_pixels_are_nobodys(folders):
    unlabelled = [
        (_read(folders, number, "part_segmentation") == 255).any() for number in (3, 4, 5)
    ]
    assert unlabelled == [False, False, True]


def test_other_settings_are_refused(folders):
    with pytest.raises(DataError, match="seed=2"):
        upi_s1h.write(str(folders / "labels"), SynthesisConfig(num_images=5, num_test=3, seed=9))
    with pytest.raises(DataError, match="num_test"):
        upi_s1h.write(str(folders / "more"), SynthesisConfig(num_images=2, num_test=3))
