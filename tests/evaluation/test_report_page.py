"""The page shows what was measured; how it is built is tested in test_html_page."""

import base64
import html.parser
import re

import cv2
import numpy as np
import pytest
from evaluation_checks import made_evaluation, made_summary

from hmr_tf.evaluation import report, report_page


class _Texts(html.parser.HTMLParser):
    """Collects the texts of each kind of element."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.images = [], {}, []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))
        elif tag != "meta":
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag][-1] += data


@pytest.fixture(scope="module")
def evaluation():
    return made_evaluation("h36m_p1")


@pytest.fixture(scope="module")
def page(evaluation):
    def draw(person):
        return [np.full((20, 20, 3), person.index, np.uint8)] * 3

    images = {"histogram_mpjpe_mm.png": cv2.imencode(".png", np.zeros((64, 96, 3)))[1].tobytes()}
    tables = report.break_down(evaluation)
    text = report_page.make_page(evaluation, made_summary(evaluation), tables, images, draw)
    reader = _Texts()
    reader.feed(text)
    assert not reader.open
    return reader


def test_the_numbers_are_there(evaluation, page):
    mean = evaluation.report()["metrics"]["mpjpe_mm"]
    tiles = [text for text in page.texts["div"] if text.startswith("MPJPE")]
    assert f"MPJPE{mean:.1f} mm" in tiles[0] and f"mean pose {2 * mean:.1f}" in tiles[0]
    rows = page.texts["tr"]
    assert any(row.startswith(f"this model{mean:.1f}") for row in rows)
    assert any(row.startswith("HMR87.9758.1Kanazawa") for row in rows)
    assert any(row.startswith("Walking30") for row in rows)
    assert page.texts["code"] == ["python -m hmr_tf.evaluate --checkpoint 'a folder'"]


def test_thirty_best_and_thirty_worst(evaluation, page):
    errors = np.sort(evaluation.errors["mpjpe_mm"])
    shown = [float(re.match(r"([\d.]+) mm", text).group(1)) for text in page.texts["figcaption"]]
    np.testing.assert_allclose(shown[:30], errors[:30], atol=0.06)
    np.testing.assert_allclose(shown[30:], errors[::-1][:30], atol=0.06)
    best = int(np.argmin(evaluation.errors["mpjpe_mm"]))
    data = base64.b64decode(page.images[1]["src"].split(",")[1])
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (20, 60, 3) and abs(float(pixels.mean()) - best) < 3


def test_headings_lead_through_the_page(page):
    assert page.texts["h1"] == ["Evaluation: h36m_p1"]
    assert page.texts["h2"] == page.texts["a"]
    assert {"Numbers", "Best people", "Worst people", "By part"} <= set(page.texts["h2"])
