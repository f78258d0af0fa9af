"""Text of others in tables: shown as it is, and harmless in every format."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bench.screen import draw
from bench.table import Table, as_csv, as_json, markdown_safe, visible, visible_lines

EVIL = "\x1b]0;owned\x07\u202egpj.exe\u200b\x9b31m\r\nrank 1 | **best** <b> &#x202e; https://evil.example ` [x](y)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("maxout", "maxout"),
        ("Größe 0.25–0.3 ε", "Größe 0.25–0.3 ε"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\u202eevil", r"\u202eevil"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("a\r\nb\tc\x00", r"a\r\nb\tc\x00"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\U000e0041\ud800", r"\U000e0041\ud800"),
        ("\u3164\u2800\ufe0f", r"\u3164\u2800\ufe0f"),
    ],
)
def test_what_acts_or_hides_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@settings(max_examples=50, deadline=None)
@given(st.text())
@example(EVIL)
def test_what_is_visible_is_one_line_without_controls(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert visible(shown) == shown
    assert len(visible_lines([text, text]).splitlines()) in (0, 1, 2)


def test_a_table_shows_a_foreign_name_and_does_nothing_it_says() -> None:
    table = Table(f"T {EVIL}", ("model", f"n {EVIL}"), ((EVIL, "1"),), f"note {EVIL}")
    file = io.StringIO()
    draw(table, Console(file=file, width=2000, force_terminal=True, color_system=None))
    for text in (table.markdown(), table.text(), file.getvalue()):
        assert not {"\x1b]", "\x07", "\u202e", "\u200b", "\x9b", "\r"} & set(text)
        assert "\\u202e" in text.replace("\\\\", "\\")
    markdown = table.markdown()
    assert [line[:1] for line in markdown.splitlines()] == ["#", "", "|", "|", "|", "", "n", "r"]
    assert "https://" not in markdown.splitlines()[4]
    assert " &#x202e" not in markdown.splitlines()[4]


def test_text_that_is_no_markdown_says_what_the_cells_say() -> None:
    """Escapes are for Markdown files: a reader of a pipe meets none, and no character that acts either."""
    table = Table("T", ("what",), (("[0, 1] at https://x *now* \x1b[2J",),))
    assert "[0, 1] at https://x *now* \\x1b[2J" in table.text()
    assert "\\[0, 1\\] at https:&#47;&#47;x" in table.markdown()


def test_what_columns_mean_stands_before_what_is_true_of_these_rows() -> None:
    table = Table("T", ("a",), (("1",),), note="Of 5.", terms="%.")
    assert table.markdown().endswith("\n\n%. Of 5.")
    assert table.without(["a"]).headers == ()
    assert Table("T", ("a", "b", "c"), (("1", "2", "3"),), key=1).split([2]).rows == (("1", "3"),)


@pytest.mark.parametrize(("cells", "right"), [(("1.5", "n/a"), True), (("n/a", ""), False), (("1*", "error"), True)])
def test_a_column_of_numbers_and_words_for_none_stays_one(cells: tuple[str, ...], right: bool) -> None:
    assert Table("T", ("a",), tuple((cell,) for cell in cells)).right_aligned == (right,)


def test_markdown_is_escaped() -> None:
    assert markdown_safe("a|b [c] `d` *e* <f> &#x202e; &copy; a & b <0.1") == (
        r"a\|b \[c\] \`d\` \*e\* &lt;f> &amp;#x202e; &amp;copy; a & b <0.1"
    )
    assert markdown_safe("https://x") == "https:&#47;&#47;x"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        " =1+1",
        "\t=1+1",
        "\u00a0=1+1",
        "\u3000+1",
        "-1+1",
        "@SUM(A1)",
        "\r=1",
        "\n=1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
        "\ufe66x",
        "\u22121",
    ],
)
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    for value in (text, [text], [text, "b"]):
        (row,) = csv.DictReader(io.StringIO(as_csv([{"model": value}])))
        first = unicodedata.normalize("NFKC", row["model"].lstrip())[:1]
        assert first not in ("=", "+", "-", "@", "\t", "\r", "\u2212")


def test_csv_keeps_a_row_to_a_line() -> None:
    text = as_csv([{"model": EVIL, "n": 1, "parameters": {"a": EVIL}, "error": -0.5}])
    assert len(text.splitlines()) == 2
    assert text.isprintable() or not {"\x1b", "\u202e"} & set(text)
    assert text.endswith(",-0.5\n")


def test_json_says_what_it_is_and_acts_on_nothing() -> None:
    text = as_json([{"model": EVIL}])
    assert text.isascii()
    assert json.loads(text) == [{"model": EVIL}]
    assert "\x1b" not in text
