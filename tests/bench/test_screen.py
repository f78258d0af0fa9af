"""Tables and lines on a terminal: as wide as it, no word cut that has room, and nothing left out in silence."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from bench.screen import COMMAND, broken, draw, fitted, wrapped
from bench.table import Table

PROSE = st.lists(st.integers(1, 12).map(lambda length: "abcdefghijkl"[:length]), min_size=1, max_size=6).map(" ".join)
TABLES = st.lists(st.tuples(PROSE, PROSE, PROSE), min_size=1, max_size=9).map(
    lambda columns: Table(
        "Title of words",
        tuple(header for header, *_ in columns),
        tuple(zip(*(cells for _, *cells in columns), strict=True)),
        "A note of some words.",
    )
)


def screen(table: Table, width: int, **options: bool) -> list[str]:
    file = io.StringIO()
    draw(table, Console(file=file, width=width, force_terminal=True, color_system=None), **options)
    return file.getvalue().splitlines()


@given(TABLES, st.integers(40, 100))
def test_no_line_is_wider_and_no_word_is_cut(table: Table, width: int) -> None:
    """Of words that have room in a column beside that of the key."""
    lines = screen(table, width)
    assert max(map(cell_len, lines)) <= width
    shown = {word for line in lines for word in line.split()}
    assert {word for row in table.rows for cell in row for word in cell.split()} <= shown
    assert {word for header in table.headers for word in header.split()} <= shown


def board(names: int = 12) -> Table:
    row = ("1", "softmax-regression", "surrogate", *("88.8",) * names, "ok, 1 flag")
    heads = tuple(f"FGSM 0.{place:02}" for place in range(names))
    least = ("gradient", *heads[1:])
    return Table("board", ("rank", "model", "gradient", *heads, "status"), (row,), least=least, key=2)


def test_a_wide_terminal_shows_all_in_one_piece() -> None:
    (_,), left_out = fitted(board(), 200)
    assert left_out == ()
    assert not any("Left out" in line for line in screen(board(), 200))


def test_a_narrow_terminal_leaves_out_what_matters_least_and_says_what() -> None:
    (_,), left_out = fitted(board(), 80)
    assert left_out[0] == "gradient"
    assert "FGSM 0.00" not in left_out
    lines = screen(board(), 80)
    assert " ".join(lines).count("Left out, as the terminal is narrow: gradient, FGSM 0.01") == 1
    assert any("softmax-regression" in line and "ok, 1 flag" in line for line in lines)


def test_what_cannot_be_left_out_stands_below_with_its_key() -> None:
    table = Table("T", ("model", *(f"column{place}" for place in range(20))), (("mine", *("1.00",) * 20),))
    pieces, left_out = fitted(table, 80)
    assert (len(pieces) > 1, left_out) == (True, ())
    lines = screen(table, 80)
    assert sum(line.startswith("mine") for line in lines) == len(pieces)
    assert {word for line in lines for word in line.split()} >= set(table.headers)


def test_headers_give_way_before_cells_and_then_prose() -> None:
    table = Table("T", ("name", "a header of words"), (("one-name", "1.0"), ("another-name", "2.0")))
    assert [line.split() for line in screen(table, 22)[3:7]] == [["a"], ["header"], ["of"], ["name", "words"]]
    prose = Table("T", ("name", "why"), (("one-name", "a reason of many words that go on"),))
    assert sum(line.startswith("one-name") for line in screen(prose, 30)) == 1


LONG = "a-rather-long-model-name-of-a-careful-person-with-version-2026-11"


def test_a_long_name_goes_on_in_the_next_line_after_a_hyphen() -> None:
    """Before columns are put below each other; no other word is cut for it, and a short name is never broken."""
    row = ("4", LONG, "surrogate", *("88.8",) * 2, "ok, 1 flag")
    table = board(2)
    drawn = screen(replace(table, rows=(*table.rows, row), least=()), 80)
    words = [word for line in drawn for word in line.split()]
    assert "".join(word for word in words if word in LONG and len(word) > 5 and word != "model") == LONG
    assert words.count("softmax-regression") == words.count("rank") == 1
    assert words.count("surrogate") == 2
    assert max(map(len, drawn)) <= 80


@given(st.text("ab-_. ", max_size=60).map(lambda text: " ".join(text.split())), st.integers(4, 30))
def test_text_is_broken_between_words_and_after_marks(text: str, width: int) -> None:
    lines = broken(text, width).split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert broken("see https://a-b.org/c-d_e", 8).split("\n") == ["see", "https://a-b.org/c-d_e"]
    assert all(len(line) <= width or not re.search(r"[-_. ].", line[:-1]) for line in lines)


def test_what_columns_mean_is_told_where_it_is_asked_for() -> None:
    table = Table("T", ("a",), (("1",),), note="Of five examples.", terms="In percent.")
    assert not any("percent" in line for line in screen(table, 80))
    assert any("In percent. Of five examples." in line for line in screen(table, 80, explain=True))
    assert any("Of five examples." in line for line in screen(table, 80))


def test_a_table_without_rows_says_so() -> None:
    assert "(none)" in screen(Table("T", ("a",), ()), 80)


@given(PROSE.map(lambda text: f"  {text}"), st.integers(20, 60))
def test_lines_end_between_words(line: str, width: int) -> None:
    lines = wrapped(line, width)
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == line.split()
    assert all(each.startswith("  ") for each in lines)


@pytest.mark.parametrize("width", [30, 50, 80])
def test_a_command_that_goes_on_can_be_copied(width: int) -> None:
    words = "bench suite mnist-fgsm --model mine.py --limit 500 --out somewhere --data photos"
    lines = wrapped(f"  {words}", width)
    assert max(map(len, lines)) <= width
    assert lines[0].startswith(COMMAND)
    assert [line.endswith(" \\") for line in lines] == [True] * (len(lines) - 1) + [False]
    assert " ".join(line.removesuffix(" \\").strip() for line in lines) == words
