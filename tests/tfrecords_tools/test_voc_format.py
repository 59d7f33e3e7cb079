from __future__ import annotations

import io

import cv2
import numpy as np
import pytest

from hmr_tf.synthetic import label_png
from tfrecords_tools import voc_format
from tfrecords_tools.errors import ImageError


def test_the_palette_is_vocs():
    colors = voc_format.palette()
    # From VOC's development kit.
    for label, color in {
        0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 7: (128, 128, 128), 8: (64, 0, 0),
        15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192),
    }.items():  # fmt: skip
        assert tuple(colors[label]) == color
    assert len(np.unique(colors, axis=0)) == 256


def test_labels_are_read_from_colours_and_from_grey(tmp_path):
    labels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    (tmp_path / "a.png").write_bytes(label_png.encode(labels, voc_format.palette()))
    np.testing.assert_array_equal(voc_format.read_labels(str(tmp_path / "a.png")), labels)
    cv2.imwrite(str(tmp_path / "b.png"), labels)
    np.testing.assert_array_equal(voc_format.read_labels(str(tmp_path / "b.png")), labels)


def test_what_is_no_mask_is_told(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ImageError, match=r"^missing mask: "):
        voc_format.read_labels(str(path))
    labels = np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)
    content = label_png.encode(labels, voc_format.palette())
    for broken in (b"", b"no", content[:200], content[:-1]):
        path.write_bytes(broken)
        with pytest.raises(ImageError, match=r"^corrupt mask: "):
            voc_format.read_labels(str(path))
    cv2.imwrite(str(path), np.full((4, 4, 3), 17, np.uint8))
    with pytest.raises(ImageError, match=r"^corrupt mask: .* colours that are not VOC's"):
        voc_format.read_labels(str(path))


def annotation(*objects, segmented="1"):
    body = "".join(f"<object><name>{name}</name>{rest}</object>" for name, rest in objects)
    return f"<annotation><segmented>{segmented}</segmented>{body}</annotation>"


def test_annotations_are_read():
    text = annotation(
        ("dog", "<truncated>1</truncated><difficult>0</difficult>"),
        (" person ", "<part><name>head</name></part>"),
        ("cat", "<difficult>1</difficult>"),
    )
    is_segmented, objects = voc_format.read_annotation(io.StringIO(text))
    assert is_segmented
    assert objects == (
        voc_format.VOCObject(1, "dog", True, False),
        voc_format.VOCObject(2, "person", False, False),
        voc_format.VOCObject(3, "cat", False, True),
    )
    assert voc_format.read_annotation(io.StringIO(annotation(segmented="0"))) == (False, ())


def test_what_is_no_annotation_is_told():
    for text in ("", "<annotation>", "<other/>", annotation(("", ""))):
        with pytest.raises(ValueError, match=r"no XML|no annotation"):
            voc_format.read_annotation(io.StringIO(text))


def test_a_billion_laughs_are_refused():
    """Entities that grow without bounds end in an error, not in all memory."""
    entities = '<!ENTITY a "' + "ha" * 50 + '">'
    for before, name in zip("abcdefghi", "bcdefghij"):
        entities += f'<!ENTITY {name} "{f"&{before};" * 10}">'
    text = f"<!DOCTYPE annotation [{entities}]>" + annotation(("&j;", ""))
    with pytest.raises(ValueError, match="no XML"):
        voc_format.read_annotation(io.StringIO(text))


def test_the_release_is_found_at_or_below_a_folder(tmp_path):
    assert voc_format.find_root(str(tmp_path)) is None
    root = tmp_path / "VOCdevkit" / "VOC2012"
    (root / "Annotations").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "VOCdevkit", root):
        assert voc_format.find_root(str(folder)) == str(root)
