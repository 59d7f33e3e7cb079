"""joints.mat in both layouts, and the images it belongs to."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io

from tfrecords_tools import lsp_format
from tfrecords_tools.errors import DatasetError


def _labels(num_images=3):
    """`[N, 14, 3]`, each number telling where it belongs."""
    labels = np.zeros((num_images, 14, 3))
    labels += 100 * np.arange(num_images)[:, None, None] + np.arange(14)[:, None]
    labels[..., 1] += 0.5
    labels[..., 2] = np.arange(14) % 2
    return labels


def _save(path, joints, **keywords):
    scipy.io.savemat(path, {"joints": joints}, **keywords)
    return str(path)


def _touch(folder, names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return str(folder)


@pytest.mark.parametrize("num_images", [1, 3, 14])
@pytest.mark.parametrize(("axis", "order"), [(0, (2, 1, 0)), (1, (1, 2, 0))])
def test_both_layouts_are_read(tmp_path, num_images, axis, order):
    path = _save(tmp_path / "joints.mat", np.transpose(_labels(num_images), order))
    labels = lsp_format.read_joints(path, "toy", coordinate_axis=axis)
    np.testing.assert_array_equal(labels, _labels(num_images))


def test_a_single_image_without_its_axis(tmp_path):
    path = _save(tmp_path / "joints.mat", _labels(1)[0].T)
    np.testing.assert_array_equal(lsp_format.read_joints(path, "toy", 0), _labels(1))


@pytest.mark.parametrize(
    ("axis", "order", "hint"),
    [
        (0, (1, 2, 0), r"must be \(3, 14, N\); it is \(14, 3, 5\), .* --dataset lsp_ext"),
        (1, (2, 1, 0), r"must be \(14, 3, N\); it is \(3, 14, 5\), .* --dataset lsp\."),
        (0, (0, 1, 2), r"must be \(3, 14, N\); it is \(5, 14, 3\)\.$"),
    ],
)
def test_swapped_layouts_name_the_right_dataset(tmp_path, axis, order, hint):
    path = _save(tmp_path / "joints.mat", np.transpose(_labels(5), order))
    with pytest.raises(DatasetError, match=hint):
        lsp_format.read_joints(path, "toy", coordinate_axis=axis)


def test_unusable_files_are_one_line(tmp_path):
    with pytest.raises(DatasetError, match=r"toy: .*none\.mat is not there"):
        lsp_format.read_joints(str(tmp_path / "none.mat"), "toy", 0)
    path = tmp_path / "joints.mat"
    scipy.io.savemat(path, {"points": _labels()})
    with pytest.raises(DatasetError, match="no numeric variable 'joints'"):
        lsp_format.read_joints(str(path), "toy", 0)
    flags = np.transpose(_labels(), (2, 1, 0)).copy()
    flags[2, 0, 0] = 3
    with pytest.raises(DatasetError, match=r"flags .* must be 0 or 1"):
        lsp_format.read_joints(_save(path, flags), "toy", 0)
    with pytest.raises(DatasetError, match="labels no image"):
        lsp_format.read_joints(_save(path, np.zeros((3, 14, 0))), "toy", 0)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kept", [0, 4, 60, 130, 300, 600])
def test_truncated_mat_files_are_one_line(tmp_path, kept, compressed):
    joints = np.random.default_rng(0).uniform(0, 1, (3, 14, 30))
    path = tmp_path / "joints.mat"
    _save(path, joints, do_compression=compressed)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DatasetError, match=r"toy: .*joints\.mat") as caught:
        lsp_format.read_joints(str(path), "toy", 0)
    assert "\n" not in str(caught.value)


def test_a_missing_image_does_not_shift_the_others(tmp_path):
    folder = _touch(tmp_path / "images", ["im0001.jpg", "im0003.jpg", "im0012.jpg"])
    paths = lsp_format.image_paths(folder, 12, "toy")
    names = [path.rsplit("/")[-1] for path in paths]
    assert names == [f"im{number:04d}.jpg" for number in range(1, 13)]


def test_renamed_images_go_by_their_order(tmp_path):
    folder = _touch(tmp_path / "images", ["b.jpg", "a.jpg", "c.jpg", "readme.txt"])
    names = [path[-5:] for path in lsp_format.image_paths(folder, 3, "toy")]
    assert names == ["a.jpg", "b.jpg", "c.jpg"]
    with pytest.raises(DatasetError, match=r"3 images, joints\.mat labels 4"):
        lsp_format.image_paths(folder, 4, "toy")


def test_unlabelled_and_absent_images_are_refused(tmp_path):
    folder = _touch(tmp_path / "images", ["im0001.jpg", "im0005.jpg"])
    with pytest.raises(DatasetError, match=r"im0005\.jpg has no label; .* labels 4"):
        lsp_format.image_paths(folder, 4, "toy")
    with pytest.raises(DatasetError, match=r"no \.jpg file"):
        lsp_format.image_paths(str(tmp_path), 4, "toy")
