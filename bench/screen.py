"""How tables and lines fit a terminal: none is wider, and no word is cut that there is room for."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from bench.table import SIDES, Table, one_line, visible, visible_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

COMMAND = "  bench "
"""How a line begins that is to be copied: it goes on in the next with a backslash, as shells have it."""
GAP = 2
"""Blanks between columns."""
NARROWEST = 20
"""Columns of the narrowest terminal that is reckoned with."""
PROSE = 14
"""Columns of the narrowest prose."""
NAME = 24
"""Columns that a name has in any case, or a third of a narrower screen; a longer one goes on in the next line after a
mark such as a hyphen."""
MARKS = re.compile(r"[^-_.,:/@]*[-_.,:/@]?")
"""Pieces of a name."""


def draw(table: Table, console: Console, *, explain: bool = False) -> None:
    """A table on a terminal, as wide as that at most.

    Where it does not fit, headers are broken first, then prose; then the columns that matter least are left out, and a
    line says which; what is too wide even so is put below each other, with the key of the lines repeated.
    """
    from rich.text import Text

    console.print(Text("\n".join(["", *wrapped(visible(table.title), console.width)]), style="bold"))
    pieces, left_out = fitted(table, console.width) if table.headers else ([], ())
    for piece in pieces:
        console.print()
        console.print(piece if table.rows else "(none)")
    left = [f"Left out, as the terminal is narrow: {', '.join(left_out)}."] if left_out else []
    terms = table.terms if explain else ""
    lines = visible_lines(" ".join(filter(None, (terms, table.note))).splitlines()).splitlines()
    for line in ["", *left, *lines] if left or lines else []:
        console.print(Text("\n".join(wrapped(line, console.width)), style="dim"))


def fitted(table: Table, width: int) -> tuple[list[RichTable], tuple[str, ...]]:
    """What a table comes to in so many columns: one drawing or several, and the headers of what is left out."""
    for count in range(len(table.least) + 1):
        rest = table.without(table.least[:count])
        sides = _sides(rest, width)
        if sum(sides) + GAP * (len(sides) - 1) <= width:
            return [_rich(rest, sides)], tuple(header for header in table.headers if header not in rest.headers)
    return [_rich(piece, _sides(piece, width)) for piece in _blocks(table, width)], ()


def _blocks(table: Table, width: int) -> list[Table]:
    """Tables below each other, each of the key and as many columns as fit beside it, one at least."""
    blocks: list[list[int]] = []
    for place in range(table.key, len(table.headers)):
        wider = [*blocks[-1], place] if blocks else []
        if wider and sum(side := _sides(table.split(wider), width)) + GAP * (len(side) - 1) <= width:
            blocks[-1] = wider
        else:
            blocks.append([place])
    return [table.split(places) for places in blocks]


class _Column(NamedTuple):
    """How wide a column is."""

    least: int
    """With its header broken between words and, of prose, its cells."""
    most: int
    """With nothing broken."""
    prose: bool
    """Whether its cells may be broken between words."""


def _sides(table: Table, width: int) -> list[int]:
    """The width of each column, more than that in all where it cannot be had.

    Where not all of it fits, names and numbers are as wide as they are, and what there is besides goes to prose.
    """
    found = [_measured(table, place, min(NAME, width // 3)) for place in range(len(table.headers))]
    gaps = GAP * (len(found) - 1)
    if sum(column.most for column in found) + gaps <= width:
        return [column.most for column in found]
    sides = [column.least for column in found]
    for _ in range(width - gaps - sum(sides)):
        growing = [place for place, column in enumerate(found) if column.prose and sides[place] < column.most]
        if growing:  # the narrowest, so that all of prose come to the same width in the end
            sides[min(growing, key=lambda place: sides[place])] += 1
    return sides


def _measured(table: Table, place: int, name: int) -> _Column:
    from rich.cells import cell_len

    header, cells = visible(table.headers[place]), [one_line(row[place]) for row in table.rows]
    most = max(map(cell_len, [header, *cells]))
    if table.right_aligned[place]:
        return _Column(max(map(cell_len, [*header.split(), *cells])), most, False)
    words = max((_least(word, name) for word in " ".join([header, *cells]).split()), default=0)
    if any(" " in cell for cell in cells):
        return _Column(max(words, min(most, PROSE)), most, True)
    return _Column(words, most, words < max(map(cell_len, cells), default=0))


def _least(word: str, name: int) -> int:
    """The width that a word needs, if it is broken after marks where it is longer than a name has in any case."""
    from rich.cells import cell_len

    return min(cell_len(word), max([name, *map(cell_len, _pieces(word))]))


def _pieces(word: str) -> list[str]:
    """What a word may be broken into; an address stays whole."""
    return [word] if "://" in word else MARKS.findall(word)[:-1]


def broken(text: str, width: int) -> str:
    """Text with lines that end between words, and after the marks of a word that is wider than it may be."""
    from rich.cells import cell_len

    lines = [""]
    for word in text.split(" "):
        wide = cell_len(word) > width
        for number, piece in enumerate(_pieces(word) if wide else [word]):
            gap = " " if number == 0 and lines[-1] else ""
            if lines[-1] and cell_len(lines[-1] + gap + piece) > width:
                lines.append(piece)
            else:
                lines[-1] += gap + piece
    return "\n".join(lines)


def _rich(table: Table, sides: list[int]) -> RichTable:
    """A drawing with columns of these widths."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for header, side, right in zip(table.headers, sides, table.right_aligned, strict=True):
        drawn.add_column(Text(visible(header)), justify=SIDES[right], overflow="fold", width=side)
    for row in table.rows:
        drawn.add_row(*(Text(broken(one_line(cell), side)) for cell, side in zip(row, sides, strict=True)))
    return drawn


def wrapped(line: str, width: int) -> list[str]:
    """A line as lines of this width that end between words, the following ones indented by two more.

    A command to be copied goes on after a backslash. A word that is longer than the width stays whole.
    """
    if len(line) <= width:
        return [line]
    indent = re.match(" *", line)[0]  # type: ignore[index]  # which matches whatever there is
    room = max(width - 2, NARROWEST) if line.startswith(COMMAND) else width
    after = f"{indent}  " if indent or line.startswith("- ") else ""
    found = textwrap.wrap(
        line.strip(), room, initial_indent=indent, subsequent_indent=after, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [f"{each} \\" for each in found[:-1]] + found[-1:] if line.startswith(COMMAND) else found
