"""What a page is on the site: the Markdown file with links that hold there, and generated parts in their places."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import generated

HERE = Path(__file__).parent
ROOT = HERE.parent
ELSEWHERE = {"leaderboard": "leaderboard.md", "contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
"""Pages whose text is a file of the folder above: where they lie, they are a link to it."""
PLACE = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]\[]+)\]\(([^)\s]+)\)")
FILE = re.compile(r"^(```+)(\w+) file=(\S+)\n", re.MULTILINE)
FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def on_site(name: str, text: str) -> str:
    """The Markdown of a page, from its name and the text of its file."""
    folder = (HERE / name).parent
    if name in ELSEWHERE:
        folder, text = ROOT, (ROOT / ELSEWHERE[name]).read_text(encoding="utf-8")
    text = outside_code(text, lambda part: LINK.sub(lambda link: _link(link, folder, (HERE / name).parent), part))
    text = FILE.sub(r"\1{code-block} \2\n:caption: \3\n\n", text)
    return PLACE.sub(lambda place: str(getattr(generated, place[1])()), text)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """A text changed everywhere but in its fenced blocks."""
    return "".join(part if is_code else change(part) for is_code, part in parts(text))


def parts(text: str) -> Iterator[tuple[bool, str]]:
    """The text in turns, with whether each part is a fenced block."""
    start = 0
    for fence in FENCE.finditer(text):
        yield False, text[start : fence.start()]
        yield True, fence[0]
        start = fence.end()
    yield False, text[start:]


def _link(link: re.Match[str], folder: Path, page: Path) -> str:
    """A link of a file in one folder, for a page in another; that to a file that is no page becomes its label."""
    label, target = link.groups()
    path, mark, anchor = target.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link[0]
    place = Path(os.path.normpath(folder / path))
    for name, source in ELSEWHERE.items():
        if place == ROOT / source:
            place = HERE / f"{name}.md"
    if place == ROOT / "README.md":
        place, mark, anchor = HERE / "index.md", "", ""
    if not place.is_relative_to(HERE):
        return label
    return f"[{label}]({os.path.relpath(place, page)}{mark}{anchor})"


def literal_blocks(lines: list[str]) -> list[str]:
    """A docstring whose indented paragraphs after plain ones are examples of code, in the form that Sphinx reads."""
    found: list[str] = []
    plain = False  # whether the last paragraph began at the margin, and is no field
    for before, line in zip(["", *lines], lines, strict=False):
        begins = not before.strip()
        if begins and line.startswith("    ") and plain:
            found += ["::", ""]
            plain = False
        elif begins and line.strip():
            plain = not line.startswith((" ", ":", ".."))
        found.append(line)
    return found
