"""Models that did not start are on the board of the call, as errors with their reason: in Python and on screen."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.running.shelf import Shelf, leaderboard

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


# -- older records of it ----------------------------------------------------------------------------------------------

MADE = """\
import adapters, numpy, torch
from bench.datasets import open_dataset


@adapters.register("mine")
def mine():
    return adapters.black_box(lambda x: x.reshape(len(x), -1).sum(1).astype(int) % 10, version="1")
"""


@pytest.fixture(scope="module")
def rerun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a model was judged; then it was asked for again, and its file raised."""
    folder = tmp_path_factory.mktemp("rerun")
    (folder / "tiny.yaml").write_text(SUITE.replace("  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}\n", ""))
    (folder / "mine.py").write_text(MADE)
    for out in ("before", "after"):
        bench.run(str(folder / "tiny.yaml"), models=[str(folder / "mine.py")], out=folder / out, isolate=False)
    (folder / "mine.py").write_text("1 / 0\n")
    with pytest.raises(bench.UsageError, match="ZeroDivisionError"):
        bench.run(str(folder / "tiny.yaml"), models=[str(folder / "mine.py")], out=folder / "after", isolate=False)
    return folder


def _compared(folder: Path, baseline: str = "before", candidate: str = "after") -> bench.api.Compared:
    return bench.compare(folder / baseline, folder / candidate, suite=str(folder / "tiny.yaml"))


def test_its_older_records_are_shown_as_such(rerun: Path) -> None:
    found = _compared(rerun)
    (head,) = {(*pair["candidate"]["flags"],) for pair in found.as_dict()["pairs"]}
    assert "not-started" in head
    assert f"The records of {rerun / 'after'}:mine are older than its last run: mine.py did not start on " in str(found)
    for folder, flagged in (("after", True), ("before", False)):
        boards, _, _ = leaderboard(Shelf(rerun / folder, with_published=False)).partition("## Definitions")
        assert ("not-started" in boards) == flagged
    assert "not-started" not in str(_compared(rerun, "before", "before"))


def test_the_gate_does_not_pass_it(rerun: Path) -> None:
    """Fast, and with the reason; as a baseline it is what was accepted then, and holds."""
    (reason,) = _compared(rerun).regressions(points=100).values()
    assert reason.startswith("its records are older than its last run: mine.py did not start on ")
    assert "ZeroDivisionError" in reason
    assert "older than its last run" not in str(_compared(rerun, "after", "before").regressions(points=100))


def test_once_it_starts_again_nothing_is_said(rerun: Path) -> None:
    """With nothing left to do; a merge keeps what was known last."""
    from bench.progress import quiet
    from bench.records.store import Store
    from bench.running.merging import merge

    store = Store(rerun / "united/results")
    store.prepare()
    merge(store, [Store(rerun / "after/results"), Store(rerun / "before/results")], quiet)
    assert "not-started" in str(_compared(rerun, "before", "united"))
    (rerun / "mine.py").write_text(MADE)
    bench.run(str(rerun / "tiny.yaml"), models=[str(rerun / "mine.py")], out=rerun / "after", isolate=False)
    assert "not-started" not in str(_compared(rerun))
    merge(store, [Store(rerun / "after/results")], quiet)
    assert "not-started" not in str(_compared(rerun, "before", "united"))


def test_without_a_folder_of_results_nothing_is_written(elsewhere: Path) -> None:
    Path("tiny.yaml").write_text(SUITE)
    Path("bad.py").write_text("1 / 0\n")
    with pytest.raises(bench.UsageError):
        bench.run("tiny.yaml", models=["bad.py"], isolate=False)
    assert not Path("bench-out").exists()
