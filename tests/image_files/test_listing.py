"""Which files of a folder are taken for pictures."""

import pytest

from hmr_tf.errors import ImageError
from hmr_tf.image_files import listing


def test_a_folder_gives_its_pictures_only(tmp_path):
    for name in ("b.JPG", "a.png", "c.heic", "notes.txt", ".hidden.png", "points.json", "v.mp4"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    listed = [path.rsplit("/", 1)[1] for path in listing.find_images(str(tmp_path))]
    assert listed == ["a.png", "b.JPG", "c.heic"]


def test_a_file_gives_itself_whatever_its_name(tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(b"x")
    assert listing.find_images(str(path)) == [str(path)]


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.jpg", "there is no"), ("empty", "holds no image"), ("film.MP4", "is a video")],
)
def test_anything_else_is_one_line(tmp_path, name, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "film.MP4").write_bytes(b"x")
    with pytest.raises(ImageError, match=words) as error:
        listing.find_images(str(tmp_path / name))
    assert name in str(error.value) and "\n" not in str(error.value)
