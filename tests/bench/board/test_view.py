"""Which records a board sees: of the newest model of a name, of the suite's own dataset, in any order."""

from __future__ import annotations

from typing import Any

from boards import GRID, NOISE, TRANSFER, TRUE, A, B, answers
from handmade import CHECKSUM, model, shelved, suite_of, toy, viewed

from bench.board.rows import rows
from bench.board.view import View


def test_the_newest_model_of_a_name_is_shown_and_the_older_ones_counted() -> None:
    suite = suite_of(NOISE, rank_eps=0.1)
    older = model("a", fingerprint="1" * 64)
    newer = model("a", fingerprint="0" * 64)
    first, _ = shelved(suite, lambda asked: [1, 2, 0, 1, 2, 0], guests=[older], finished="2025-01-01T00:00:00+00:00")
    second, _ = shelved(suite, lambda asked: TRUE, guests=[newer], finished="2025-02-01T00:00:00+00:00")
    found = rows(View(suite, toy(), {**first, **second}, {}))
    assert {(row.fingerprint, row.older_versions, row.clean_accuracy) for row in found} == {("0" * 64, 1, 1.0)}


def test_a_model_is_as_new_as_its_latest_record() -> None:
    """One that was gone back to is the newest again, though it was met before the other."""
    suite = suite_of(f"{NOISE}\n{GRID}")
    again, other = (model("a", fingerprint=digit * 64) for digit in "01")
    records: dict[str, Any] = {}
    for info, month, attack in ((again, 1, "clean"), (other, 2, "clean"), (again, 3, "sign-noise")):
        found, _ = shelved(suite, lambda asked: TRUE, guests=[info], finished=f"2025-0{month}-01T00:00:00+00:00")
        records |= {id: kept for id, kept in found.items() if kept.cell.craft.attack.name == attack}
    assert {(row.fingerprint, row.older_versions) for row in rows(View(suite, toy(), records, {}))} == {("0" * 64, 1)}


def test_records_of_another_dataset_are_not_ours() -> None:
    suite = suite_of(NOISE)
    other = toy(checksum="d" * 64)
    records, _ = shelved(suite, lambda asked: TRUE, dataset=other, guests=[A])
    assert rows(View(suite, toy(checksum=CHECKSUM), records, {})) == []
    assert rows(View(suite, other, records, {})) != []


def test_a_model_of_which_only_the_clean_pass_is_known_has_no_rows() -> None:
    """It was met as a source of transfer, or in another suite."""
    given = {("b", "b", 0.1): None, ("b", "b", 0.2): None}
    assert {row.model for row in rows(viewed(suite_of(GRID), answers(given), guests=[A, B]))} == {"a"}


def test_but_a_suite_that_asks_for_the_clean_pass_shows_it() -> None:
    given = {("b", "b", 0.1): None, ("b", "b", 0.2): None, ("c", "c", 0.1): None, ("c", "c", 0.2): None}
    attacks = f"{GRID}\n  - {{attack: clean, models: [b]}}"
    suite = suite_of(attacks, ["a", "b", "c"])
    found = rows(viewed(suite, answers(given), references=[A, B, model("c")]))
    assert {row.model for row in found} == {"a", "b"}
    assert [row.n for row in found if row.attack == "clean"] == [6, 6]


def test_no_records_no_rows() -> None:
    assert rows(viewed(suite_of(GRID, ["a"], 0.2), lambda asked: None, references=[A])) == []


def test_the_order_of_the_records_does_not_matter() -> None:
    suite = suite_of("\n".join([GRID, TRANSFER, NOISE]), ["a", "b"], 0.2)
    records, _ = shelved(suite, answers({}), references=[A, B])
    backwards = dict(reversed(list(records.items())))
    assert rows(View(suite, toy(), backwards, {})) == rows(View(suite, toy(), records, {}))
