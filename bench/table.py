"""A table of text, its renderings, and how text of others is made harmless in each of them.

Names, notes and messages come out of files that anybody may have written. `visible` is what all of them go through on
their way to a person; `markdown_safe` and the cells of CSV add what those formats need.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Literal

NUMERIC = set("0123456789.%-+–, ()<*")
NO_NUMBER = {"", "n/a", "error"}
"""What stands in a column of numbers where there is none."""
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that act on the text around them, or show nothing: controls, directions, halves."""
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing either."""
_RUN = ("=", "+", "-", "@", "\u2212")
"""What a spreadsheet takes the beginning of a formula for, in whatever width it is written."""
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True)
class Table:
    """Headed columns of text, with a title and lines below; without headers these lines are all there is."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    """What is true of these rows alone; it always stands below them."""
    terms: str = ""
    """What the columns mean, whatever the rows: below the table in Markdown, and on a screen where it is asked for."""
    least: tuple[str, ...] = ()
    """Headers of what a narrow terminal leaves out, the least important first."""
    key: int = 1
    """So many columns at the left say which line it is: they stay where the others do not fit beside each other."""

    @property
    def right_aligned(self) -> tuple[bool, ...]:
        """Which columns hold nothing but numbers, and words for none."""
        columns = [{row[place] for row in self.rows} - NO_NUMBER for place in range(len(self.headers))]
        return tuple(bool(found) and all(set(cell) <= NUMERIC for cell in found) for found in columns)

    def markdown(self) -> str:
        """A pipe table under a heading of level three; nothing in a cell becomes markup."""
        return self._piped(markdown_safe)

    def text(self) -> str:
        """The same to be read as it is, such as through a pipe: cells say what they say."""
        return self._piped(one_line)

    def _piped(self, safe: Callable[[str], str]) -> str:
        from tabulate import tabulate

        align = [SIDES[right] for right in self.right_aligned]
        cells = [[safe(cell) for cell in row] for row in self.rows]
        headers = [safe(header) for header in self.headers]
        note = "\n".join(map(safe, self._below.splitlines()))
        body = tabulate(cells, headers, tablefmt="pipe", colalign=align, disable_numparse=True) if cells else ""
        body = body or ("(none)" if headers else "")
        title = safe(self.title).replace("\\|", "|")  # which divides no cells there
        return "\n".join(part for part in (f"### {title}\n", body, note and (f"\n{note}" if body else note)) if part)

    def html(self) -> str:
        """An HTML table; all text of it is escaped, whoever wrote it."""
        sides = [f' style="text-align: {SIDES[right]}"' for right in self.right_aligned]

        def line(tag: str, cells: Sequence[str]) -> str:
            texts = zip(cells, sides, strict=True)
            return f"<tr>{''.join(f'<{tag}{side}>{escape(one_line(cell))}</{tag}>' for cell, side in texts)}</tr>"

        if not self.headers:
            lines = "".join(f"<li>{escape(line.removeprefix('- '))}</li>" for line in self._below.splitlines())
            return f"<p>{escape(visible(self.title))}</p><ul>{lines}</ul>"
        note = "".join(f"<p>{escape(line)}</p>" for line in self._below.splitlines())
        body = "".join(line("td", row) for row in self.rows)
        head = f"<caption>{escape(visible(self.title))}</caption><thead>{line('th', self.headers)}</thead>"
        return f"<table>{head}<tbody>{body}</tbody></table>{note}"

    @property
    def _below(self) -> str:
        return visible_lines(" ".join(filter(None, (self.terms, self.note))).splitlines())

    def without(self, headers: Collection[str]) -> Table:
        """The table without the columns of these headers."""
        return self._of([place for place, header in enumerate(self.headers) if header not in headers])

    def split(self, places: Sequence[int]) -> Table:
        """The columns of the key, and those at these places."""
        return self._of([*range(self.key), *places])

    def _of(self, places: Sequence[int]) -> Table:
        headers = tuple(self.headers[place] for place in places)
        return replace(self, headers=headers, rows=tuple(tuple(row[place] for place in places) for row in self.rows))


def visible(text: str) -> str:
    """Text as one line of characters that all show, others written out, such as `\\x1b` and `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written_out(character) for character in text)


def visible_lines(lines: Iterable[str]) -> str:
    """Lines, each of them visible."""
    return "\n".join(map(visible, lines))


def one_line(text: str) -> str:
    """Text of several lines as one, visible."""
    return visible(" ".join(text.split()))


def _written_out(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN and not _BLANK.match(character):
        return character
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character) or _by_number(ord(character))


def _by_number(point: int) -> str:
    if 0xDC80 <= point <= 0xDCFF:  # of the name of a file that is no UTF-8, where Python puts these for its bytes
        point -= 0xDC00
    return f"\\x{point:02x}" if point < 256 else f"\\u{point:04x}" if point < 65_536 else f"\\U{point:08x}"


def markdown_safe(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    text = one_line(text)
    for mark in ("\\", "|", "[", "]", "`", "*"):
        text = text.replace(mark, f"\\{mark}")
    # A character that is not shown may come as its name, too.
    text = re.sub(r"&(?=#|[A-Za-z][A-Za-z0-9]*;)", "&amp;", text)
    text = re.sub(r"(?<=[A-Za-z])://", ":&#47;&#47;", text)  # no link that nobody made
    # A tag begins with a letter or one of these after the sign; "<0.1" is a number.
    return " ".join(re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text).split())


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    """A list of objects, one a row."""
    return json.dumps(rows, indent=1, allow_nan=False)


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """One line a row under a header; nested values as JSON, and no cell that a spreadsheet would run."""
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _csv_cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def _csv_cell(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(str(item) for item in value)
    elif isinstance(value, dict):
        value = json.dumps(value, sort_keys=True)
    if isinstance(value, str):
        value = visible(value)
        # Spreadsheets trim what they are given before they look at it.
        return "'" + value if unicodedata.normalize("NFKC", value.lstrip()).startswith(_RUN) else value
    return value
