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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.table import Table as RichTable

NUMERIC = set("0123456789.%-+–, ()<")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that act on the text around them, or show nothing: controls, directions, halves."""
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing either."""
_RUN = ("=", "+", "-", "@", "\u2212")
"""What a spreadsheet takes the beginning of a formula for, in whatever width it is written."""
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True)
class Table:
    """Headed columns of text, with a title and a line below."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @property
    def right_aligned(self) -> tuple[bool, ...]:
        """Which columns hold nothing but numbers."""
        return tuple(
            all(set(row[place]) <= NUMERIC for row in self.rows) and any(row[place] for row in self.rows)
            for place in range(len(self.headers))
        )

    def markdown(self) -> str:
        """A pipe table under a heading of level three."""
        from tabulate import tabulate

        align = [SIDES[right] for right in self.right_aligned]
        cells = [[markdown_safe(cell) for cell in row] for row in self.rows]
        headers = [markdown_safe(header) for header in self.headers]
        note = "\n".join(map(markdown_safe, self.note.splitlines()))
        body = tabulate(cells, headers, tablefmt="pipe", colalign=align, disable_numparse=True) if cells else "(none)"
        title = markdown_safe(self.title).replace("\\|", "|")  # which divides no cells there
        return "\n".join(part for part in (f"### {title}\n", body, note and f"\n{note}") if part)

    def html(self) -> str:
        """An HTML table; all text of it is escaped, whoever wrote it."""
        sides = [f' style="text-align: {SIDES[right]}"' for right in self.right_aligned]

        def line(tag: str, cells: Sequence[str]) -> str:
            texts = zip(cells, sides, strict=True)
            return f"<tr>{''.join(f'<{tag}{side}>{escape(one_line(cell))}</{tag}>' for cell, side in texts)}</tr>"

        note = f"<p>{escape(visible_lines(self.note.splitlines()))}</p>" if self.note else ""
        body = "".join(line("td", row) for row in self.rows)
        head = f"<caption>{escape(visible(self.title))}</caption><thead>{line('th', self.headers)}</thead>"
        return f"<table>{head}<tbody>{body}</tbody></table>{note}"

    def rich(self, *, narrow: bool = False) -> RichTable:
        """The same for a terminal; a narrow one has the words of its headers below each other."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(
            title=Text("\n" + visible(self.title), style="bold"),
            caption=Text(visible_lines(self.note.splitlines()), style="dim") if self.note else None,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            caption_justify="left",
            pad_edge=False,
            collapse_padding=True,
        )
        for place, (header, right) in enumerate(zip(self.headers, self.right_aligned, strict=True)):
            # Numbers and names stay whole; what gives way on a narrow terminal is headers and prose.
            cells = [one_line(row[place]) for row in self.rows]
            whole = right or not any(" " in cell for cell in cells)
            lines = visible(header).split() if narrow else [visible(header)]
            longest = max(len(part) for part in [*lines, *(cells if whole else " ".join(cells).split())])
            head, side = Text("\n".join(lines)), SIDES[right]
            table.add_column(head, justify=side, overflow="fold", no_wrap=whole, min_width=longest)
        for row in self.rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        return table


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
