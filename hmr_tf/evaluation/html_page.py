"""Pieces of one self-contained HTML page: no script, no font, no image from anywhere else.

Every text is escaped. The page's own policy forbids loading anything, so it looks the same without
a network; it reads at the width of a phone as well as on a desk.
"""

from __future__ import annotations

import base64
import dataclasses
import html
from collections.abc import Mapping, Sequence

_STYLE = """
:root { --ink: #1f2933; --soft: #5b6773; --line: #e3e8ed; --tint: #f1f6fa; --accent: #0068a3; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; color-scheme: light; scroll-behavior: smooth; }
body { margin: 0 auto; max-width: 1200px; padding: 28px 20px 64px; background: #fff;
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0 0 4px; font-size: 1.8rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 44px 0 8px; font-size: 1.25rem; }
h3 { margin: 24px 0 8px; font-size: 1rem; }
p { margin: 0 0 12px; max-width: 90ch; }
.soft { color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 14px 0 20px; padding: 8px 0;
  border-block: 1px solid var(--line); }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
nav a { padding: 4px 0; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(164px, 1fr)); }
.tile { padding: 12px 14px; border-radius: 8px; background: var(--tint); }
.tile b { display: block; font-size: 1.7rem; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.tile b small { font-size: .95rem; font-weight: 400; }
.tile span { display: block; font-size: .85rem; color: var(--soft); }
.scroll { overflow-x: auto; margin-bottom: 12px; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px 6px 0; text-align: right; white-space: nowrap; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); vertical-align: bottom; white-space: normal; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
.text { text-align: left; white-space: normal; min-width: 13em; color: var(--soft); }
tr.strong td { font-weight: 650; background: var(--tint); }
.pictures { display: grid; gap: 18px; }
.charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 370px), 1fr)); }
.people { grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
figure { margin: 0; min-width: 0; }
img { display: block; width: 100%; height: auto; }
.people img { border: 1px solid var(--line); border-radius: 6px; }
figcaption { margin-top: 4px; font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
figcaption b { color: var(--ink); }
details { margin: 8px 0; }
summary { cursor: pointer; padding: 4px 0; color: var(--accent); }
dl { display: grid; grid-template-columns: minmax(9em, max-content) 1fr; gap: 6px 18px; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
code { font: .88rem ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
@media (max-width: 560px) {
  body { padding: 18px 14px 48px; }
  h1 { font-size: 1.4rem; }
  h2 { margin-top: 34px; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .tile b { font-size: 1.4rem; }
  td:first-child, th:first-child { min-width: 7.5em; max-width: 11em; white-space: normal;
    overflow-wrap: break-word; }
  .text { min-width: 22em; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 10px; }
}
@media print { nav { display: none; } figure, tr { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclasses.dataclass(frozen=True)
class Tile:
    """One number, large.

    Attributes:
        label: what it is.
        value: the number, as text.
        unit: behind it.
        notes: lines below it.
    """

    label: str
    value: str
    unit: str = ""
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image, with what is written below it.

    Attributes:
        content: of a PNG or JPEG file.
        width, height: px of the image.
        alt: what it shows, for those who cannot see it.
        title: below it, strong.
        caption: behind the title.
    """

    content: bytes
    width: int
    height: int
    alt: str
    title: str = ""
    caption: str = ""


def page(title: str, subtitle: str, sections: Mapping[str, str]) -> str:
    """Returns a whole page.

    Args:
        title: of the page.
        subtitle: below it.
        sections: heading -> HTML of the functions below; empty ones are left out.
    """
    sections = {heading: body for heading, body in sections.items() if body}
    numbers = {heading: f"part-{number}" for number, heading in enumerate(sections, 1)}
    links = "".join(f'<a href="#{numbers[h]}">{_escape(h)}</a>\n' for h in sections)
    parts = "".join(
        f'<section id="{numbers[heading]}">\n<h2>{_escape(heading)}</h2>\n{body}</section>\n'
        for heading, body in sections.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{_escape(title)}</h1>\n<p class="soft">{_escape(subtitle)}</p>\n</header>\n'
        f"<nav>\n{links}</nav>\n<main>\n{parts}</main>\n</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """Returns a paragraph."""
    return f'<p class="soft">{_escape(text)}</p>\n' if text else ""


def tiles(entries: Sequence[Tile]) -> str:
    """Returns large numbers side by side."""
    cells = []
    for entry in entries:
        unit = f" <small>{_escape(entry.unit)}</small>" if entry.unit else ""
        notes = "".join(f"<span>{_escape(note)}</span>" for note in entry.notes)
        cells.append(
            f'<div class="tile"><span>{_escape(entry.label)}</span>'
            f"<b>{_escape(entry.value)}{unit}</b>{notes}</div>\n"
        )
    return f'<div class="tiles">\n{"".join(cells)}</div>\n' if cells else ""


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    strong: Sequence[int] = (),
    num_text: int = 0,
) -> str:
    """Returns a table that scrolls sideways where it is too wide.

    Args:
        header: of the columns.
        rows: of as many cells as the header.
        strong: numbers of the rows that stand out.
        num_text: how many of the last columns are text, not numbers.
    """
    first_text = len(header) - num_text

    def cells(kind: str, row: Sequence[str]) -> str:
        texts = []
        for column, text in enumerate(row):
            mark = ' class="text"' if column >= first_text else ""
            texts.append(f"<{kind}{mark}>{_escape(text)}</{kind}>")
        return "".join(texts)

    lines = []
    for number, row in enumerate(rows):
        mark = ' class="strong"' if number in strong else ""
        lines.append(f"<tr{mark}>{cells('td', row)}</tr>\n")
    return (
        f'<div class="scroll">\n<table>\n<thead><tr>{cells("th", header)}</tr></thead>\n'
        f"<tbody>\n{''.join(lines)}</tbody>\n</table>\n</div>\n"
    )


def pictures(entries: Sequence[Picture], kind: str) -> str:
    """Returns images side by side, as many as the width has room for.

    Args:
        entries: the images.
        kind: `charts`, or the smaller `people`.
    """
    figures = []
    for entry in entries:
        is_png = entry.content.startswith(b"\x89PNG")
        data = base64.b64encode(entry.content).decode()
        title = f"<b>{_escape(entry.title)}</b> " if entry.title else ""
        text = f"<figcaption>{title}{_escape(entry.caption)}</figcaption>"
        figures.append(
            f'<figure><img width="{entry.width}" height="{entry.height}" '
            f'alt="{_escape(entry.alt)}" src="data:image/{"png" if is_png else "jpeg"};base64,'
            f'{data}">{text if title or entry.caption else ""}</figure>\n'
        )
    return f'<div class="pictures {kind}">\n{"".join(figures)}</div>\n' if figures else ""


def folded(summary: str, body: str) -> str:
    """Returns what opens only when it is asked for."""
    return f"<details>\n<summary>{_escape(summary)}</summary>\n{body}</details>\n"


def facts(entries: Mapping[str, str], code: Sequence[str] = ()) -> str:
    """Returns names and what they stand for.

    Args:
        entries: name -> text.
        code: names whose texts are commands.
    """
    lines = []
    for name, text in entries.items():
        shown = f"<code>{_escape(text)}</code>" if name in code else _escape(text)
        lines.append(f"<dt>{_escape(name)}</dt><dd>{shown}</dd>\n")
    return f"<dl>\n{''.join(lines)}</dl>\n"


def subheading(text: str) -> str:
    """Returns a heading within a section."""
    return f"<h3>{_escape(text)}</h3>\n"


def _escape(text: object) -> str:
    # A lone surrogate, from a file name that is no text, cannot be written.
    clean = str(text).encode("utf-8", "replace").decode()
    return html.escape(clean, quote=True)
