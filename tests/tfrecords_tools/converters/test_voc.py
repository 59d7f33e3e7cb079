"""PASCAL VOC in its true format: lists, masks, which objects become patches and what they show."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from hmr_tf.config import SynthesisConfig
from hmr_tf.synthetic import label_png
from hmr_tf.synthetic.layouts import voc as layout
from tfrecords_tools import occluder_format, voc_format
from tfrecords_tools.converters.voc import VOCConverter, cut_out
from tfrecords_tools.driver import convert_part
from tfrecords_tools.errors import DatasetError
from tfrecords_tools.example_proto import decode_example
from tfrecords_tools.reader import read_records

_ROOT = "VOCdevkit/VOC2012"


def write_source(folder):
    """Writes a tiny VOC tree; also used by the test of all converters."""
    layout.write(str(folder), SynthesisConfig(num_images=12, num_test=3, image_size=200))


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voc")
    write_source(folder)
    return folder


def _convert(folder, out_dir, split="", options=None, **arguments):
    converter = VOCConverter(folder, split, (), options)
    part = converter.parts()[0]
    manifest = convert_part(converter, part, str(out_dir), **arguments).manifest
    records = [r for path in manifest.shard_paths(str(out_dir)) for r in read_records(path)]
    return manifest, [decode_example(record) for record in records]


def _objects(twin, name):
    """Reads an annotation by hand: category, truncated, difficult."""
    root = ElementTree.parse(twin / _ROOT / "Annotations" / f"{name}.xml").getroot()
    return [
        tuple(one.find(tag).text for tag in ("name", "truncated", "difficult"))
        for one in root.findall("object")
    ]


def _labels(twin, name):
    """Reads a mask by hand, colour by colour."""
    image = cv2.imread(str(twin / _ROOT / "SegmentationObject" / f"{name}.png"))[..., ::-1]
    # VOC's first colours, from its development kit.
    colors = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
    labels = np.full(image.shape[:2], 255)
    for label, color in enumerate(colors):
        labels[(image == color).all(axis=-1)] = label
    return labels


def _names(twin, split):
    return (twin / _ROOT / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()


def _expected(twin, split="trainval", min_pixels=500):
    """Tells by hand which objects are to become patches."""
    return [
        (name, category, labels == number)
        for name in _names(twin, split)
        for labels in [_labels(twin, name)]
        for number, (category, *flags) in enumerate(_objects(twin, name), start=1)
        if category != "person" and flags == ["0", "0"] and (labels == number).sum() >= min_pixels
    ]


def test_good_objects_become_patches(twin, tmp_path):
    manifest, records = _convert(twin, tmp_path, options={"min_pixels": "100"})
    expected = _expected(twin, min_pixels=100)
    assert len(records) == manifest.num_examples == len(expected) > 6
    for features, (name, category, mask) in zip(records, expected):
        assert features["occluder/filename"] == [f"{name}.jpg".encode()]
        assert features["occluder/category"] == [category.encode()]
        patch = occluder_format.decode_patch(features)
        rows, columns = np.nonzero(mask)
        size = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert np.abs(np.array(patch.shape[:2]) - np.array(size) / 2).max() <= 0.5
        # The patch has the object's colours and covers its area.
        image = cv2.imread(str(twin / _ROOT / "JPEGImages" / f"{name}.jpg"))[..., ::-1]
        inner = cv2.erode(mask.astype(np.uint8), np.ones((9, 9))) > 0
        if inner.sum() > 50:
            mean = patch[patch[..., 3] == 255][:, :3].mean(axis=0)
            np.testing.assert_allclose(mean, image[inner].mean(axis=0), atol=6)
        assert (patch[..., 3] > 96).sum() * 4 == pytest.approx(mask.sum(), rel=0.15)


def test_the_others_are_counted(twin, tmp_path):
    manifest, _ = _convert(twin, tmp_path)
    objects = [one for name in _names(twin, "trainval") for one in _objects(twin, name)]
    people = [one for one in objects if one[0] == "person"]
    rest = [one for one in objects if one[0] != "person"]
    difficult = [one for one in rest if one[2] == "1"]
    assert manifest.drops["person"] == len(people) > 4
    assert manifest.drops.get("difficult object", 0) == len(difficult)
    assert manifest.drops["truncated object"] == len(
        [one for one in rest if one[1] == "1" and one[2] == "0"]
    )
    assert manifest.num_examples == len(_expected(twin))
    assert manifest.num_examples + sum(manifest.drops.values()) == len(objects)


def test_splits_and_rules_may_be_chosen(twin, tmp_path):
    small = {"min_pixels": "50"}
    _, train = _convert(twin, tmp_path, "train", small)
    _, val = _convert(twin, tmp_path, "val", small)
    assert len(train) == len(_expected(twin, "train", 50)) > 0
    assert len(val) == len(_expected(twin, "val", 50)) > 0
    manifest, records = _convert(twin, tmp_path / "people", options={**small, "people": "true"})
    kinds = [features["occluder/category"][0] for features in records]
    assert b"person" in kinds and "person" not in manifest.drops
    _, alone = _convert(twin, tmp_path / "alone", options={**small, "people_in_image": "false"})
    images = {features["occluder/filename"][0].decode()[:-4] for features in alone}
    assert images
    assert not any(one[0] == "person" for name in images for one in _objects(twin, name))
    _, large = _convert(twin, tmp_path / "large", options={**small, "scale": "1"})
    first = occluder_format.decode_patch(large[0])
    mask = _expected(twin, min_pixels=50)[0][2]
    rows, columns = np.nonzero(mask)
    assert first.shape == (np.ptp(rows) + 1, np.ptp(columns) + 1, 4)
    np.testing.assert_array_equal(first[..., 3] > 0, mask[rows.min() :, columns.min() :][
        : first.shape[0], : first.shape[1]
    ])  # fmt: skip


def test_a_patch_by_hand():
    """A blue square of 20 px in a red picture: no red in it, softer where the ellipse reaches."""
    image = np.zeros((40, 40, 3), np.uint8)
    image[..., 0] = 200
    mask = np.zeros((40, 40), bool)
    mask[5:25, 10:30] = True
    image[mask] = [0, 0, 240]
    patch = cut_out(image, mask, 1.0)
    assert patch.shape == (20, 20, 4)
    assert (patch[..., :3] == [0, 0, 240]).all()
    assert patch[10, 10, 3] == 255 and patch[0, 0, 3] == patch[0, 10, 3] == patch[10, 19, 3] == 192
    half = cut_out(image, mask, 0.5)
    assert half.shape == (10, 10, 4) and (half[..., 0] == 0).all()
    mask[5, 10:28] = False
    assert (cut_out(image, mask, 1.0)[0, :18] == 0).all()


def test_the_inner_folder_may_be_given(twin, tmp_path):
    whole = [_convert(folder, tmp_path / str(number))[1] for number, folder in enumerate(
        (twin, twin / "VOCdevkit", twin / _ROOT)
    )]  # fmt: skip
    assert all(
        [one["occluder/encoded"] for one in records]
        == [one["occluder/encoded"] for one in whole[0]]
        for records in whole[1:]
    )


def test_damaged_files_are_counted(twin, tmp_path):
    shutil.copytree(twin / _ROOT, tmp_path / "raw")
    names = list(dict.fromkeys(name for name, _, _ in _expected(twin, min_pixels=50)))
    first, second, third, fourth, fifth = names[:5]
    root = tmp_path / "raw"
    (root / "JPEGImages" / f"{first}.jpg").write_bytes(b"\xff\xd8\xff")
    (root / "SegmentationObject" / f"{second}.png").unlink()
    content = (root / "SegmentationObject" / f"{third}.png").read_bytes()
    (root / "SegmentationObject" / f"{third}.png").write_bytes(content[:-30])
    (root / "Annotations" / f"{fourth}.xml").write_text("<annotation><object>")
    png = label_png.encode(np.ones((5, 5), np.uint8), voc_format.palette())
    (root / "SegmentationObject" / f"{fifth}.png").write_bytes(png)
    manifest, _ = _convert(
        root, tmp_path / "out", options={"min_pixels": "50"}, max_error_fraction=0.9
    )
    for reason in (
        *("corrupt image", "missing mask", "corrupt mask", "malformed annotation"),
        "mask of another size than the image",
    ):
        assert manifest.drops[reason] >= 1, reason


def test_wrong_sources_are_told_in_one_line(twin, tmp_path):
    def refusal(folder, split=""):
        with pytest.raises(DatasetError) as caught:
            converter = VOCConverter(folder, split)
            converter.items(converter.split)
        assert "\n" not in str(caught.value) and str(caught.value).startswith("voc")
        return str(caught.value)

    assert "holds no Annotations; expected VOCdevkit/VOC2012" in refusal(tmp_path)
    (tmp_path / "Annotations").mkdir()
    assert "trainval.txt is not there; expected the trainval archive" in refusal(tmp_path)
    path = tmp_path / "ImageSets" / "Segmentation" / "trainval.txt"
    path.parent.mkdir(parents=True)
    for content in ("", "../../etc/passwd\n"):
        path.write_text(content)
        assert "must list one image on a line" in refusal(tmp_path)
    assert "voc has no split 'test'; expected trainval or train or val" in refusal(twin, "test")
