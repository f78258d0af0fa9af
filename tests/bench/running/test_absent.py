"""Models that did not start are on the board of the call, as errors with their reason: in Python and on screen."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}
  - {attack: sign-noise, norm: linf, eps: 0.2}
rank_by: {eps: 0.2}
"""
GOOD = """\
import adapters, numpy
adapters.register("good")(adapters.black_box(lambda x: numpy.zeros(len(x), int), version="1"))
"""


@pytest.fixture
def board(elsewhere: Path) -> bench.Board:
    """Of a model that can be made and of a file that cannot be imported."""
    Path("tiny.yaml").write_text(SUITE)
    Path("bad.py").write_text("1 / 0\n")
    Path("good.py").write_text(GOOD)
    return bench.run("tiny.yaml", models=["bad.py", "good.py"], limit=20, isolate=False)


def test_it_has_an_error_row_for_all_that_it_would_have_met(board: bench.Board) -> None:
    lost = board.of("bad.py")
    met = {(row.attack, row.eps) for row in board.of("good")} | {("worst-of-all", 0.2)}
    assert {(row.attack, row.eps) for row in lost} == met
    assert {row.status for row in lost} == {"error"}
    assert {row.rank for row in lost} == {None}
    assert {(row.family, row.gradient, row.fingerprint, *row.cells) for row in lost} == {("", "", "")}
    reasons = {row.reason for row in lost}
    assert all("did not start: " in (reason or "") and "ZeroDivisionError" in (reason or "") for reason in reasons)
    assert set(board.lost) == {"bad.py"}
    assert board.lost["bad.py"].startswith("bad.py did not start: exception: ")


def test_it_is_on_the_boards_that_people_read(board: bench.Board) -> None:
    lines = [line for line in str(board).splitlines() if line.startswith("| bad.py") or "| bad.py " in line]
    assert any(line.count("error") >= 4 for line in lines)
    assert any("clean, fgsm, sign-noise" in line and "ZeroDivisionError" in line for line in lines)


def test_the_others_rows_are_what_they_would_be_without_it(board: bench.Board) -> None:
    alone = bench.run("tiny.yaml", models=["good.py"], limit=20, isolate=False)
    assert [row.as_dict() for row in board.of("good")] == [row.as_dict() for row in alone.rows]


def test_it_is_no_record(board: bench.Board) -> None:
    """A later run finds nothing of it: what did not start may start then."""
    assert not list(Path("bench-out/results/failures").glob("*.json"))
    Path("bad.py").write_text(GOOD.replace('"good"', '"bad"'))
    mended = bench.run("tiny.yaml", models=["bad.py", "good.py"], limit=20, isolate=False)
    assert {row.status for row in mended.of("bad")} == {"ok", "unsupported"}
    assert mended.lost == {}
