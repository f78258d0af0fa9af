"""Two models in a real browser: what `bench compare` says of them, and the examples as pictures where they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import Visit, visiting
from paged import HOSTILE, board, site

from bench.board.comparison import compared
from bench.board.paired import tango
from bench.board.sides import Side
from bench.board.statistics import holm, mcnemar
from bench.report.comparison import called, pair_tables
from bench.table import visible

pytestmark = pytest.mark.browser

COMPARE = "compare/toy-suite.html"
CELLS = "rows => rows.map(row => Array.from(row.cells, cell => cell.innerText.trim()))"


def lines(visit: Visit, table: str) -> list[list[str]]:
    return visit.page.locator(f"{table} tbody tr").evaluate_all(CELLS)


def choose(visit: Visit, first: str, second: str) -> None:
    for field, place, name in (("a", 0, first), ("b", 1, second)):
        visit.page.locator(f"#{field}").select_option(label=visible(name))
        visit.says(f'#pairs [data-name="{place}"]', visible(name))


@pytest.mark.parametrize("names", [("steady", "brittle"), ("brittle", "middling"), ("middling", HOSTILE)])
def test_it_says_what_the_command_says(visit: Visit, names: tuple[str, str]) -> None:
    """Row by row: what was asked, both rates, the difference, its interval and p; the other tables likewise."""
    visit.go(COMPARE)
    choose(visit, *names)
    shown = board()
    first, second = (Side(shown.view, shown.by_model[name][0], name) for name in names)
    pair = compared(first, second)
    told = {table.title.partition(":")[0]: table for table in pair_tables(pair, None)}
    pairs = next(table for title, table in told.items() if title.startswith("toy-suite"))
    drawn = [[line[place].replace("\u2212", "-") for place in (0, 2, 3, 4, 6, 7)] for line in lines(visit, "#pairs")]
    assert drawn == [[visible(cell) for cell in row] for row in pairs.rows]
    equal = told.get("At equal clean accuracy")
    drawn = [[line[place].replace("\u2212", "-") for place in (0, 1, 2, 3, 4, 6)] for line in lines(visit, "#equal")]
    assert drawn == ([] if equal is None else [list(row) for row in equal.rows])
    asked = [each.question for each in pair.apart]
    apart: dict[str, list[str]] = {}
    for each in pair.apart:
        apart.setdefault(each.why, []).append(called(each.question, asked))
    expected = [[", ".join(dict.fromkeys(names)), why] for why, names in apart.items()]
    assert lines(visit, "#apart") == [[visible(cell) for cell in row] for row in expected]
    for button in visit.page.locator(".ways button").all():
        button.click()
    flips = [["lost", *line] for line in lines(visit, "#lost")] + [
        ["gained", *line] for line in lines(visit, "#gained")
    ]
    flipped = next((table for title, table in told.items() if title.startswith("Flipped")), None)
    assert flips == ([] if flipped is None else [list(row) for row in flipped.rows])


def test_the_tables_of_the_toy_are_those_worth_testing() -> None:
    shown = board()
    first, second = (Side(shown.view, shown.by_model[name][0], name) for name in ("steady", "brittle"))
    titles = [table.title for table in pair_tables(compared(first, second), None)]
    assert "At equal clean accuracy" in titles
    assert any(title.startswith("Flipped") for title in titles)
    first, second = (Side(shown.view, shown.by_model[name][0], name) for name in ("middling", HOSTILE))
    assert pair_tables(compared(first, second), None)[-1].title == "Not comparable"


def test_flipped_examples_are_shown_where_they_are_kept(visit: Visit) -> None:
    """Of 30, 100 and 230 the first two flip: right with the one, kept with the label that the other gives them."""
    visit.go(COMPARE)
    choose(visit, "steady", "brittle")
    figures = visit.page.locator("#lost figure")
    assert figures.evaluate_all("all => all.map(each => each.innerText.split(/\\s+/).join(' ').trim())") == [
        "0 no. 30 clean 0 99.1% change ±0.45 attacked 1 75.0% iterated-fgsm 0.2",
        "1 no. 100 clean 1 change ±0.45 attacked 2 iterated-fgsm 0.2",
    ]
    figures.first.scroll_into_view_if_needed()
    image = figures.first.locator("img")
    image.evaluate("each => each.decode()")
    assert image.evaluate("each => each.naturalWidth") == 16 * 3 * 8
    assert visit.page.locator("#gained figure").count() == 0
    visit.page.locator("#pairs button").first.click()
    assert visit.page.locator("#at").evaluate("each => each === document.activeElement")


def test_each_model_is_loaded_when_it_is_asked_for(visit: Visit) -> None:
    asked: list[str] = []
    visit.page.on("request", lambda one: asked.append(one.url))
    visit.go(COMPARE)
    visit.says("#said", "rows")
    assert len([url for url in asked if "/data/" in url]) == 3  # two models, and what all share
    choose(visit, "steady", "middling")
    assert len([url for url in asked if "/data/" in url]) == 4


def test_the_address_names_the_two_and_the_button_swaps_them(visit: Visit) -> None:
    visit.go(COMPARE)
    choose(visit, "steady", "middling")
    address = visit.page.url
    visit.start()
    visit.page.goto(address)
    visit.says("#said", "rows")
    assert visit.page.locator("#b option:checked").inner_text() == "middling"
    visit.page.locator("#swap").click()
    visit.says('#pairs [data-name="0"]', "middling")


def test_an_address_that_names_no_model_chooses_none(visit: Visit) -> None:
    visit.page.goto(f"{visit.root}{COMPARE}#../../etc/passwd,<script>")
    visit.says("#said", "rows")
    assert len(lines(visit, "#pairs")) > 3


def test_its_statistics_are_those_of_the_board(visit: Visit) -> None:
    visit.go(COMPARE)
    counts = [(0, 0), (1, 0), (3, 9), (100, 150), (500, 550), (0, 40), (4985, 33)]
    values = visit.page.evaluate("counts => counts.map(([a, b]) => potemkin.mcnemar(a, b))", counts)
    np.testing.assert_allclose(values, [mcnemar(a, b) for a, b in counts], rtol=1e-9)
    np.testing.assert_allclose(visit.page.evaluate("values => potemkin.holm(values)", values), holm(values))
    ends = visit.page.evaluate("counts => counts.map(([a, b]) => potemkin.tango(a, b, 10000))", counts)
    np.testing.assert_allclose(ends, [tango(a, b, 10_000) for a, b in counts], atol=1e-12)


def test_a_file_that_is_missing_is_told_of(chromium: Any, tmp_path: Path) -> None:
    folder = site(tmp_path / "torn")
    for data in (folder / "data/toy-suite").glob("steady-*.js"):
        data.unlink()
    with visiting(chromium, folder) as visit:
        visit.go(COMPARE)
        visit.says("#said", "lacks a file")
        assert visit.page.locator("#pairs").is_hidden()
        visit.complaints.clear()  # of the browser, about that file
