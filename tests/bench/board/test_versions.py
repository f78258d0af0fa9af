"""Which version of a model a board shows: the published one, what was asked for last, else what was judged last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from boards import GRID, GUEST, NOISE, TRANSFER, A, B, answers, one
from handmade import CHECKSUM, model, shelved, suite_of, toy

from bench.board.rows import WORST, Row, rows
from bench.board.versions import REFITTED
from bench.board.view import View
from bench.records.asked import Asked
from bench.records.record import ModelInfo, Record
from bench.report.boards import tables

SUITE = suite_of("\n".join([GRID, TRANSFER, NOISE]), ["a", "b"], 0.2)
REFIT = model("a", fingerprint="f" * 64)
"""The model `a` as another machine fits it."""
OWN = "a" + REFITTED


def recorded(references: Iterable[ModelInfo], guests: Iterable[ModelInfo] = (), only: Any = None) -> dict[str, Record]:
    """What a run of these models keeps; `only` names those whose rows were asked for."""

    def answer(asked: Any) -> Any:
        source, target = asked.craft.source, asked.target
        met = only is None or target.name in only or (source is not None and source.name in only)
        white = source is not None and source.fingerprint == target.fingerprint and asked.threat.eps == 0.1
        clean = asked.craft.attack.name == "clean"
        return answers({})(asked) if met or white or clean else None

    records, _ = shelved(SUITE, answer, references=list(references), guests=list(guests))
    return records


def board(own: Mapping[str, Record], **more: Any) -> list[Row]:
    """The board of a folder beside one that publishes the suite's own models."""
    published = recorded([A, B])
    return rows(View(SUITE, toy(), {**published, **own}, {}, published=published, **more))


def of_references(found: Iterable[Row]) -> list[dict[str, Any]]:
    """All that is said of the suite's own models, but for what guests did to them."""
    return [row.as_dict() for row in found if row.model in ("a", "b") and row.source in (None, "a", "b")]


PUBLISHED = of_references(board({}))


def test_published_rows_have_ranks() -> None:
    assert {(row["rank"], row["status"]) for row in PUBLISHED} == {(1, "ok")}


@pytest.mark.parametrize(
    ("own", "more"),
    [
        (recorded([REFIT, B]), {}),
        (recorded([REFIT, B]), {"current": {"a": REFIT, "b": B}}),
        (recorded([REFIT, B], [GUEST], only={"guest"}), {}),
        (recorded([REFIT, B], [GUEST], only={"guest"}), {"current": {"guest": GUEST}, "met": {"a": REFIT, "b": B}}),
        (dict(list(recorded([REFIT, B]).items())[:1]), {}),
        ({}, {"current": {"a": REFIT, "b": B}}),
    ],
    ids=["all run", "all run now", "met by a guest", "met by a guest now", "one record", "none yet"],
)
def test_a_refitted_model_leaves_the_published_rows_as_they_are(own: Any, more: Any) -> None:
    assert of_references(board(own, **more)) == PUBLISHED


def test_what_a_guest_met_on_this_machine_counts_for_it() -> None:
    """Though one of the suite's own models is another here; and nothing of it is missing."""
    found = board(recorded([REFIT, B], [GUEST], only={"guest"}))
    worst = one(found, model="guest", attack=WORST)
    assert (worst.status, worst.place) == ("ok", "level with 1")
    assert {row.source for row in found if row.model == "guest" and row.attack == "fgsm"} == {"guest", "b", OWN}
    assert {row.status for row in found} == {"ok"}
    assert OWN not in {row.model for row in found}  # it was only met


def test_transfer_from_a_refitted_model_can_fool_a_guest() -> None:
    records, _ = shelved(
        SUITE, answers({("guest", "a", 0.1): [1, 2, 0, 1, 2, 0]}), references=[REFIT, B], guests=[GUEST]
    )
    assert one(board(records), model="guest", attack=WORST).robust_accuracy == 0


def test_a_refitted_model_that_was_run_stands_beside_the_published_one() -> None:
    """As a guest does, with a place."""
    found = board(recorded([REFIT, B]), current={"a": REFIT, "b": B})
    assert {(row.fingerprint, row.rank, row.place) for row in found if row.model == OWN} == {
        (REFIT.fingerprint, None, "level with 1")
    }
    assert [line[1] for line in tables(SUITE, found)[0].rows] == ["a", "b", OWN]
    assert {row.older_versions for row in found} == {0}


def test_a_board_of_another_suite_is_no_published_board_of_this() -> None:
    """Where one cell is not published, as of a new version of a suite, what was run here is shown."""
    published = recorded([A, B])
    some = dict(list(published.items())[:-1])
    mine = recorded([REFIT, B])
    found = rows(View(SUITE, toy(), {**some, **mine}, {}, {"a": REFIT, "b": B}, published=some))
    assert {(row.model, row.fingerprint, row.rank) for row in found} == {
        ("a", REFIT.fingerprint, 1),
        ("b", B.fingerprint, 1),
    }


GOOD, BAD = model("mine", fingerprint="1" * 64), model("mine", fingerprint="0" * 64)


def asked(info: ModelInfo, at: str, dataset: str = CHECKSUM) -> Asked:
    return Asked(dataset=dataset, name=info.name, fingerprint=info.fingerprint, at=f"2025-{at}T00:00:00.000+00:00")


@pytest.mark.parametrize(
    ("notes", "shown"),
    [
        ([], BAD),
        ([asked(GOOD, "03-01")], GOOD),
        ([asked(GOOD, "03-01"), asked(BAD, "02-01")], GOOD),
        ([asked(BAD, "04-01"), asked(GOOD, "03-01")], BAD),
        ([asked(GOOD, "03-01", "d" * 64)], BAD),
        ([asked(model("mine", fingerprint="2" * 64), "03-01")], BAD),
    ],
    ids=["none", "changed back", "of two folders", "in any order", "of another dataset", "nothing judged of it"],
)
def test_what_was_asked_for_last_is_shown(notes: list[Asked], shown: ModelInfo) -> None:
    """Good weights, then bad ones, then the good ones again, of which everything was there."""
    first, second = (
        shelved(SUITE, answers({}), guests=[info], finished=f"2025-0{month}-01T00:00:00+00:00")[0]
        for month, info in enumerate((GOOD, BAD), start=1)
    )
    found = rows(View(SUITE, toy(), {**first, **second}, {}, asked=notes))
    assert {(row.fingerprint, row.versions_tried) for row in found} == {(shown.fingerprint, 2)}
