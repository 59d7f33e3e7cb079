"""Which files are pictures, told by their names alone; needs no TensorFlow."""

from __future__ import annotations

import os

from hmr_tf.errors import ImageError

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
# Common pictures that cannot be read: in a folder they are named, not passed over.
UNREADABLE_EXTENSIONS = (".heic", ".heif", ".avif", ".jp2", ".jxl", ".cr2", ".nef", ".dng", ".arw")
VIDEO_EXTENSIONS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")


def find_images(path: str) -> list[str]:
    """Returns the images that a path names: itself, or those directly in a folder, by name.

    Pictures of kinds that cannot be read are listed too, so that reading names them; other files
    of a folder, hidden ones and subfolders are not.

    Raises:
        ImageError: if there is no such file or folder, the folder holds no picture, or the file is
            a video.
    """
    if not os.path.exists(path):
        raise ImageError(f"there is no image file or folder {path}; check the path.")
    if not os.path.isdir(path):
        if path.lower().endswith(VIDEO_EXTENSIONS):
            raise ImageError(
                f"{path} is a video, and only images are read; extract its frames into a folder "
                "and give that."
            )
        return [path]
    wanted = IMAGE_EXTENSIONS + UNREADABLE_EXTENSIONS
    names = sorted(
        name
        for name in os.listdir(path)
        if name.lower().endswith(wanted)
        and not name.startswith(".")
        and not os.path.isdir(os.path.join(path, name))
    )
    if not names:
        raise ImageError(
            f"folder {path} holds no image; expected files ending in "
            f"{', '.join(IMAGE_EXTENSIONS)} directly in it."
        )
    return [os.path.join(path, name) for name in names]
