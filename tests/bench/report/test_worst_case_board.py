"""Boards of certificates: the layout `worst-case`, the column beside the robust accuracy, published nets, pictures."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from boards import A, B, one
from handmade import result, suite_of, viewed
from PIL import Image

from bench.board.rows import BRACKET, Row, rows
from bench.planning.suite import Suite, load_suite
from bench.records.cell import Cell
from bench.records.packing import pack_floats, pack_integers
from bench.records.result import Result
from bench.report import anchors
from bench.report.boards import render, tables
from bench.screen import fitted
from bench.table import Table

ATTACKS = """\
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}
  - {attack: worst-case, norm: linf}"""
TRUE = (0, 1, 2, 0, 1, 2)


def certificate(asked: Cell, radius: list[float]) -> Result:
    made = result(asked, TRUE, TRUE, distance=[float("inf")] * 6)
    assert made.examples is not None
    columns = {"radius": pack_floats(np.asarray(radius, np.float32)), "exact": pack_integers(np.zeros(6, np.int64))}
    return made.model_copy(update={"examples": made.examples.model_copy(update=columns)})


def board(layout: str, radii: dict[str, list[float]], fallen: dict[str, int]) -> tuple[Suite, list[Row]]:
    """Of models whose FGSM fools the last so many, those certified that have radii."""
    suite = suite_of(ATTACKS, ["a", "b"], 0.1, board=layout)

    def answer(asked: Cell) -> Any:
        name, attack = asked.target.name, asked.craft.attack.name
        if attack == "worst-case":
            return certificate(asked, radii[name]) if name in radii else Result(status="unsupported", reason="no")
        count = 0 if attack == "clean" else fallen[name]
        return [true if place < 6 - count else (true + 1) % 3 for place, true in enumerate(TRUE)]

    return suite, rows(viewed(suite, answer, references=[A, B]))


def column(table: Table, header: str) -> list[str]:
    return [row[table.headers.index(header)] for row in table.rows]


def test_the_first_table_has_both_ends_and_fits_a_narrow_terminal() -> None:
    suite, found = board("worst-case", {"a": [0.3, 0.3, 0, 0, 0, 0]}, {"a": 2, "b": 1})
    first = tables(suite, found)[0]
    assert first.headers == ("rank", "model", "n", "clean", "attacked", "certified", "open")
    assert column(first, "model") == ["b", "a"]  # by attacked, though nothing certifies b
    assert column(first, "attacked") == ["83.3", "66.7"]
    assert column(first, "certified") == ["-", "33.3"]
    assert column(first, "open") == ["83.3", "33.3"]
    body = (("1", "softmax-regression", "10000", "100.0", "100.0", "100.0", "100.0"),)
    (_,), left_out = fitted(replace(first, rows=body), 80)
    assert left_out == ()


def test_every_size_has_its_bracket_and_costs() -> None:
    suite, found = board("worst-case", {"a": [0.3, 0.1001, 0, 0, 0, 0]}, {"a": 2, "b": 1})
    _, sizes, costs, *_ = tables(suite, found)
    assert list(zip(column(sizes, "model"), column(sizes, "eps"), column(sizes, "certified"), strict=True)) == [
        ("b", "0.1", "-"), ("b", "0.2", "-"), ("a", "0.1", "33.3"), ("a", "0.2", "16.7"),
    ]  # fmt: skip
    assert set(column(sizes, "decided by")) == {"fgsm"}
    assert costs.headers == ("model", "eps", "gradients", "queries", "forwards", "seconds")


def test_what_is_proved_by_sampling_has_its_error_probability_beside_it() -> None:
    suite, found = board("worst-case", {"a": [0.3, 0.3, 0, 0, 0, 0]}, {"a": 2, "b": 1})
    drawn = [replace(row, certified_risk=0.001) if row.certified is not None else row for row in found]
    for layout in ("worst-case", "robustness"):
        first = tables(suite.model_copy(update={"board": layout}), drawn)[0]
        header = next(header for header in first.headers if header.startswith("certified"))
        assert column(first, header) == ["-", "33.3 (0.001)"]
        assert "In brackets: the probability that the proof of an example is wrong" in first.terms
        assert first.right_aligned[first.headers.index(header)]
    assert "In brackets" not in tables(suite, found)[0].note


@pytest.mark.parametrize(("proved", "overlap"), [(4, True), (5, False), (6, False)])
def test_brackets_that_overlap_are_told_of(proved: int, overlap: bool) -> None:
    """Of a nothing falls, of b one: what is proved of a reaches b's attacked accuracy or not."""
    radii = {"a": [0.3] * proved + [0.0] * (6 - proved), "b": [0.3] * 5 + [0.0]}
    suite, found = board("worst-case", radii, {"a": 0, "b": 1})
    assert ("overlap, so that it is open which is the more robust: a and b" in tables(suite, found)[0].note) == overlap


def test_a_robustness_board_has_a_column_of_what_is_certified_where_something_is() -> None:
    suite, found = board("robustness", {"a": [0.3, 0, 0, 0, 0, 0]}, {"a": 2, "b": 1})
    first = tables(suite, found)[0]
    assert column(first, "certified 0.1") == ["-", "16.7"]
    suite, found = board("robustness", {}, {"a": 2, "b": 1})
    assert "certified 0.1" not in tables(suite, found)[0].headers


def test_an_attack_without_a_size_is_one_column_of_the_ranking_size() -> None:
    suite, found = board("robustness", {"a": [0.3, 0, 0, 0, 0, 0]}, {"a": 2, "b": 1})
    headers = next(table for table in tables(suite, found) if "attack by attack" in table.title).headers
    assert [header for header in headers if "worst-case" in header] == ["worst-case 0.1"]


def test_a_board_says_where_less_is_left_of_the_same_model() -> None:
    weak, weakly = board("robustness", {}, {"a": 1, "b": 1})
    strong, strongly = board("worst-case", {}, {"a": 2, "b": 1})
    strong = strong.model_copy(update={"suite": "toy-worst-case"})
    text = render([(weak, weakly), (strong, strongly)])
    assert "See toy-worst-case, where the same size leaves less, %: a 66.7, here 83.3." in text
    assert text.count("See ") == 1


def test_a_suite_of_certificates_of_which_none_was_run_is_on_no_leaderboard() -> None:
    """Others share its attacks, so that their records alone would fill it with gaps."""
    suite = suite_of(ATTACKS, ["a"], 0.1, board="worst-case")
    answers = {"clean": list(TRUE), "fgsm": list(TRUE)}
    found = rows(viewed(suite, lambda asked: answers.get(asked.craft.attack.name), references=[A]))
    assert found
    assert "toy-suite" not in render([(suite, found)])


def test_published_numbers_stand_beside_ours() -> None:
    suite, found = board("anchors", {"a": [0.3] * 3 + [0.0] * 3}, {"a": 2, "b": 1})
    assert tables(suite, found)[0].headers[-1] == "open"  # none of the nets: the worst-case layout
    named = [Row(**vars(row) | {"model": "wong-kolter"}) for row in found if row.model == "a"]
    table = tables(suite, named)[0]
    assert list(zip(column(table, "what"), column(table, "published"), column(table, "ours"), strict=True)) == [
        ("clean", "1.80", "0.00"),
        ("FGSM", "3.90", "33.33"),
        ("PGD", "4.11", "-"),
        ("exact", "4.38", "33.33 to 50.00"),
        ("certificate (linear programming)", "5.82", "50.00"),
    ]


def test_every_published_number_is_of_a_net_in_the_suite_with_its_source() -> None:
    numbers = anchors._numbers()
    assert {each["model"] for each in numbers["anchors"]} == set(load_suite("mnist-anchors").models)
    for each in numbers["anchors"]:
        assert each["ours"] in anchors.OURS
        assert ("published" in each) == (each.get("source") in numbers["sources"])


def test_a_picture_of_a_model_has_the_ends_and_the_band() -> None:
    from bench.report.bracket_figure import bracket_figure, brackets_of
    from bench.report.figure_style import png, styled

    _, found = board("worst-case", {"a": [0.3, 0.1001, 0, 0, 0, 0]}, {"a": 2, "b": 1})
    with styled():
        (panel,) = (figure := bracket_figure(brackets_of(found, "a"))).axes
        image = png(figure)
    lines = {line.get_label(): line.get_ydata() for line in panel.get_lines()}
    assert lines["attacked"] == pytest.approx([100, 66.67, 66.67], abs=0.01)
    assert lines["certified"] == pytest.approx([100, 33.33, 16.67], abs=0.01)
    assert Image.open(io.BytesIO(image)).size[0] > 800
    with styled():
        (panel,) = bracket_figure(brackets_of(found, "b")).axes
    assert {line.get_label() for line in panel.get_lines()} == {"attacked"}
    assert one(found, model="b", attack=BRACKET, eps=0.1).certified is None
