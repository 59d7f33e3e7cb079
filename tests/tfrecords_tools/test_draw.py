"""The tool writes a picture of the records that it is told."""

from __future__ import annotations

import cv2
import pytest
import record_folder


@pytest.fixture
def folder(tmp_path):
    record_folder.write(tmp_path, [record_folder.sample(i) for i in range(6)])
    record_folder.write(tmp_path, [record_folder.mocap_sample(0)], "mosh", "CMU")
    return tmp_path


def _draw(folder, *more):
    out = folder / "sheet.png"
    arguments = (f"--data_dir={folder}", f"--out={out}", "--size=96", *more)
    return (*record_folder.run_tool("draw", *arguments), out)


@pytest.mark.parametrize(
    ("more", "count", "columns", "rows"),
    [
        (("--columns=3",), 6, 3, 2),
        (("--count=2",), 2, 2, 1),
        (("--count=3", "--random", "--columns=2"), 3, 2, 2),
        (("--index=5,0",), 2, 2, 1),
        (("--dataset=toy,mosh", "--count=1"), 1, 1, 1),  # Motion capture is left out.
    ],
)
def test_sheets(folder, more, count, columns, rows):
    code, output, errors, out = _draw(folder, "--dataset=toy", *more)
    assert (code, errors) == (0, "")
    assert output == f"{count} of 6 records in {out}\n"
    picture = cv2.imread(str(out))
    assert picture.shape[1] == columns * (96 + 6) + 6
    assert picture.shape[0] == rows * (96 + 2 * 17 + 6) + 17 + 2 * 6
    assert picture.std() > 20


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--dataset=mosh",), "hold no image to draw on"),
        (("--dataset=toy", "--index=6"), "--index must be below 6"),
        (("--dataset=toy", "--index=x"), "--index must be numbers"),
        (("--dataset=toy", "--out=sheet.gif"), "must end in .png or .jpg"),
        (("--dataset=toy", "--out=/proc/sheet.png"), "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(folder, more, message):
    code, output, errors, out = _draw(folder, *more)
    assert (code, output) == (1, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert not out.exists()
