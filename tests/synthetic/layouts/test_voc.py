from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic.layouts import voc
from tfrecords_tools import voc_format


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voc")
    config = SynthesisConfig(num_images=10, num_test=3, image_size=96)
    assert "7 train and 3 val images" in voc.write(str(folder), config)
    assert (folder / "smpl_truth.npz").exists()
    return folder / "VOCdevkit" / "VOC2012"


def read_list(root, name):
    return (root / "ImageSets" / name).read_text().splitlines()


def test_lists_name_the_images(root):
    images = sorted(path.stem for path in (root / "JPEGImages").iterdir())
    assert len(images) == 10
    assert read_list(root, "Main/trainval.txt") == images
    assert read_list(root, "Main/train.txt") == images[:7]
    assert read_list(root, "Main/val.txt") == images[7:]
    segmented = read_list(root, "Segmentation/trainval.txt")
    assert len(segmented) == 8
    for folder in ("SegmentationObject", "SegmentationClass"):
        assert sorted(path.stem for path in (root / folder).iterdir()) == segmented
    flags = dict(line.split() for line in read_list(root, "Main/person_trainval.txt"))
    people = {
        name: "person" in (root / "Annotations" / f"{name}.xml").read_text() for name in flags
    }
    assert {name: flag == "1" for name, flag in flags.items()} == people
    assert set(flags.values()) == {"1", "-1"}


def test_masks_and_boxes_agree(root):
    classes = set()
    for name in read_list(root, "Segmentation/trainval.txt"):
        labels = voc_format.read_labels(str(root / "SegmentationObject" / f"{name}.png"))
        kinds = voc_format.read_labels(str(root / "SegmentationClass" / f"{name}.png"))
        image = cv2.imread(str(root / "JPEGImages" / f"{name}.jpg"))
        assert labels.shape == kinds.shape == image.shape[:2] == (96, 128)
        np.testing.assert_array_equal(labels == 255, kinds == 255)
        tree = ElementTree.parse(root / "Annotations" / f"{name}.xml").getroot()
        assert tree.findtext("segmented") == "1"
        for number, one in enumerate(tree.findall("object"), start=1):
            rows, columns = np.nonzero(labels == number)
            if not rows.size:
                continue
            left, top, right, bottom = (
                int(one.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
            )
            # Boxes count pixels from 1 and hold the band of void as well.
            assert left - 1 <= columns.min() and columns.max() <= right - 1
            assert top - 1 <= rows.min() and rows.max() <= bottom - 1
            (kind,) = set(kinds[rows, columns].tolist())
            classes.add((kind, one.findtext("name")))
    assert (15, "person") in classes and len(classes) > 4
