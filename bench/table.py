"""A table of text, and its renderings."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.table import Table as RichTable

NUMERIC = set("0123456789.%-+–, ()<")
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
        body = tabulate(cells, headers, tablefmt="pipe", colalign=align, disable_numparse=True) if cells else "(none)"
        return "\n".join(part for part in (f"### {self.title}\n", body, self.note and f"\n{self.note}") if part)

    def rich(self, *, narrow: bool = False) -> RichTable:
        """The same for a terminal; a narrow one has the words of its headers below each other."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(
            title=Text("\n" + self.title, style="bold"),
            caption=Text(self.note, style="dim") if self.note else None,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            caption_justify="left",
            pad_edge=False,
            collapse_padding=True,
        )
        for place, (header, right) in enumerate(zip(self.headers, self.right_aligned, strict=True)):
            # Numbers and names stay whole; what gives way on a narrow terminal is headers and prose.
            cells = [row[place] for row in self.rows]
            whole = right or not any(" " in cell for cell in cells)
            lines = header.split() if narrow else [header]
            longest = max(len(part) for part in [*lines, *(cells if whole else " ".join(cells).split())])
            head, side = Text("\n".join(lines)), SIDES[right]
            table.add_column(head, justify=side, overflow="fold", no_wrap=whole, min_width=longest)
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        return table


def markdown_safe(text: str) -> str:
    """Text that cannot leave its table cell or become markup."""
    for mark in ("\\", "|", "[", "]", "`", "*"):
        text = text.replace(mark, f"\\{mark}")
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
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value
