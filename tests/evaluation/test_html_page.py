"""The page parses, stands alone and shows texts as they are."""

import base64
import html.parser

import cv2
import numpy as np
import pytest

from hmr_tf.evaluation import html_page

_VOID = {"meta", "img", "br", "hr", "link", "input"}


class _Reader(html.parser.HTMLParser):
    """Notes tags, attributes and texts; fails if a tag is not closed."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


@pytest.fixture(scope="module")
def page():
    image = np.full((20, 30, 3), 200, np.uint8)
    png = cv2.imencode(".png", image)[1].tobytes()
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    people = [
        html_page.Picture(jpeg, 30, 20, 'an "odd" name', "12.5 mm", "<script>alert(1)</script>.jpg")
    ]
    sections = {
        "Numbers & more": html_page.tiles([html_page.Tile("MPJPE", "12.5", "mm", ("median 3",))]),
        "Left out": "",
        "Table": html_page.table(["a", "b"], [["1", "2"], ["<3>", "4"]], strong=(1,), num_text=1),
        "Pictures": html_page.pictures([html_page.Picture(png, 30, 20, "x")], "charts")
        + html_page.pictures(people, "people"),
        "Facts": html_page.facts({"command": "python -m x 'a b'"}, code=("command",))
        + html_page.folded("more", html_page.subheading("deep") + html_page.paragraph("text")),
    }
    return html_page.page("Evaluation \ud800 <b>", "über 1,000 people", sections)


@pytest.fixture(scope="module")
def reader(page):
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


def test_nothing_comes_from_elsewhere(page, reader):
    for tag, attributes in reader.tags:
        assert tag not in ("script", "link", "iframe", "object")
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    assert "url(" not in page and "@import" not in page and "http://" not in page
    (policy,) = [a["content"] for t, a in reader.tags if a.get("http-equiv")]
    assert policy.startswith("default-src 'none'")


def test_it_is_made_for_phones_too(reader):
    (viewport,) = [a["content"] for t, a in reader.tags if a.get("name") == "viewport"]
    assert "width=device-width" in viewport
    classes = [attributes.get("class") for tag, attributes in reader.tags]
    assert classes.count("scroll") == sum(tag == "table" for tag, _ in reader.tags) == 1


def test_texts_are_shown_as_they_are(page, reader):
    text = "".join(reader.texts)
    for shown in ("Numbers & more", "<script>alert(1)</script>.jpg", "<3>", "über", "<b>"):
        assert shown in text
    assert "Left out" not in text and "<script" not in page
    assert page.encode()  # A file name that is no text does not stop the report.


def test_links_lead_to_the_sections(reader):
    targets = [a["href"][1:] for tag, a in reader.tags if tag == "a"]
    assert targets == [a["id"] for tag, a in reader.tags if tag == "section"]
    assert len(targets) == 4


def test_images_are_whole_and_have_their_size_and_text(reader):
    images = [attributes for tag, attributes in reader.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["x", 'an "odd" name']
    for image, kind in zip(images, ("png", "jpeg")):
        head, data = image["src"].split(",")
        assert head == f"data:image/{kind};base64"
        pixels = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        assert pixels.shape == (int(image["height"]), int(image["width"]), 3)


def test_nothing_gives_nothing():
    assert html_page.tiles([]) == html_page.pictures([], "people") == html_page.paragraph("") == ""
