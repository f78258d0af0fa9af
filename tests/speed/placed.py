"""What was measured, put into a page between two marks of its own: the rest of the page is written by hand."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "worst-case.md"


def placed(text: str, command: str, body: str) -> str:
    """The page with what a command measured between its marks.

    Raises:
        ValueError: the page has no such marks, or several.
    """
    begin, end = f"<!-- written by {command} -->", f"<!-- end of {command} -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"the page has to have one pair of lines {begin} and {end}")
    return pattern.sub(lambda found: f"{begin}\n\n{body.strip()}\n\n{end}", text)


def place(command: str, body: str) -> None:
    """Rewrite that part of docs/worst-case.md."""
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), command, body), encoding="utf-8")
