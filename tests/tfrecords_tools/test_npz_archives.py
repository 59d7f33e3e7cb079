"""Names, parts and checks of archives of labels."""

from __future__ import annotations

import numpy as np
import pytest

from tfrecords_tools import npz_archives
from tfrecords_tools.errors import DatasetError


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("mpii_train", ("mpii", "train")),
        ("coco_2014_train", ("coco_2014", "train")),
        ("h36m_valid_protocol2", ("h36m", "valid_protocol2")),
        ("mpi_inf_3dhp_valid", ("mpi_inf_3dhp", "valid")),
        ("up3d_trainval", ("up3d", "trainval")),
        ("3dpw_test", ("3dpw", "test")),
        ("cmu_mosh", ("cmu_mosh", "train")),
    ],
)
def test_names_speak_of_dataset_and_split(stem, expected):
    assert npz_archives.split_stem(stem) == expected


def test_the_first_folder_with_files_counts(tmp_path):
    for folder, name in (("a", "x.txt"), ("b", "mpii_train.npz"), ("c", "lsp_train.npz")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).touch()
    folders = [str(tmp_path / name) for name in ("nowhere", "a", "b", "c")]
    found = npz_archives.find_archives(folders)
    assert found == {"mpii_train": str(tmp_path / "b" / "mpii_train.npz")}
    assert npz_archives.find_archives(folders[:2]) == {}


def test_parts_are_chosen_by_split_and_dataset():
    there = ["mpii_train", "lsp_train", "lsp_test", "h36m_valid_protocol1"]
    assert npz_archives.choose_parts(there, "train", (), "x") == ["lsp_train", "mpii_train"]
    assert npz_archives.choose_parts(there, "train", ("mpii",), "x") == ["mpii_train"]
    with pytest.raises(DatasetError, match="no file of coco for the split 'train'; there are h36m"):
        npz_archives.choose_parts(there, "train", ("lsp", "coco"), "x")
    with pytest.raises(DatasetError, match="no file of any dataset for the split 'val'"):
        npz_archives.choose_parts(there, "val", (), "x")


def test_numbers_are_checked():
    def read(value, shape=(2, None)):
        return npz_archives.numbers({"a": value}, "a", shape, "f.npz", "x")

    assert read(None) is None
    np.testing.assert_array_equal(read([[1, 2], [3, 4]]), [[1.0, 2.0], [3.0, 4.0]])
    assert read(np.array([[1, 2], [3, 4]], object)).dtype == np.float64
    with pytest.raises(DatasetError, match=r"x: a in f.npz must be \(2, any\); it is \(3, 1\)"):
        read(np.zeros((3, 1)))
    for wrong in (np.array(["1", "2"]), np.array([{}, {}])):
        with pytest.raises(DatasetError, match="it is no array of numbers"):
            read(wrong, (2,))


def test_archives_are_read_in_part(tmp_path):
    np.savez(tmp_path / "a.npz", wanted=np.arange(3), other=np.zeros(5))
    found = npz_archives.read_archive(str(tmp_path / "a.npz"), ("wanted", "absent"), "x")
    assert list(found) == ["wanted"]
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nothing else")
    with pytest.raises(DatasetError, match=r"^x: .*a\.npz"):
        npz_archives.read_archive(str(tmp_path / "a.npz"), ("wanted",), "x")


def test_test_images_in_a_training_file_are_noticed():
    def check(part, path):
        npz_archives.check_split([path], part, "f.npz", "x")

    check("h36m_train", "images/S1_Posing.1_000001.jpg")
    check("h36m_mosh_train", "S11a/x.jpg")  # no subject of the test split
    check("h36m_valid_protocol2", "S9/images/a.jpg")
    check("spin_mpi_inf_3dhp_train", "S1/Seq1/video_0/1.jpg")
    check("mpi_inf_3dhp_test", "mpi_inf_3dhp_test_set/TS1/imageSequence/img_000001.jpg")
    check("lsp_train", "images/im1500.jpg")
    for part, path, kind in (
        ("h36m_train", "S11/images/a.jpg", "test"),
        ("h36m_valid_protocol1", "images/S5_a.jpg", "training"),
        ("mpi_inf_3dhp_train", "a/TS3/b.jpg", "test"),
        ("mpi_inf_3dhp_valid", "S2/Seq1/a.jpg", "training"),
    ):
        with pytest.raises(DatasetError, match=f"is a {kind} image"):
            check(part, path)


def test_the_image_folder_is_searched(tmp_path):
    folders = npz_archives.image_folders(str(tmp_path), "", ("mpii", "MPII"))
    assert folders[0] == str(tmp_path / "mpii") and str(tmp_path / "datasets" / "MPII") in folders
    names = [f"images/{number}.jpg" for number in range(100)]
    with pytest.raises(DatasetError, match=r"\(images/0.jpg, ...\) are in none of"):
        npz_archives.find_image_folder(names, folders, "f.npz", "x")
    (tmp_path / "datasets" / "MPII" / "images").mkdir(parents=True)
    (tmp_path / "datasets" / "MPII" / "images" / "50.jpg").touch()  # Some may be missing.
    found = npz_archives.find_image_folder(names, folders, "f.npz", "x")
    assert found == str(tmp_path / "datasets" / "MPII")
    assert npz_archives.image_folders("a", "b", ("c",)) == ["b/c", "b"]
