"""The worst case of a model, over all that attacked it, and the ranks by it."""

from __future__ import annotations

from typing import Any

import pytest
from boards import CLEAN, GRID, GUEST, MANY, NOISE, TRANSFER, A, B, answers, one
from handmade import failure, model, suite_of, viewed

from bench.board.rows import WORST, rows
from bench.records.record import Cell, Result
from bench.report.boards import tables

# -- the worst of all -------------------------------------------------------------------------------------------------


def test_the_worst_of_all_is_pointwise_over_own_attack_transfer_and_noise() -> None:
    attacks = "\n".join([GRID, TRANSFER, NOISE])
    given = {
        ("a", "a", 0.1): [1, 1, 2, 0, 1, 1],
        ("a", "a", 0.2): CLEAN,
        ("a", "b", 0.1): [0, 0, 2, 0, 1, 1],
        ("a", "sign-noise", 0.1): [0, 1, 0, 0, 1, 2],
    }
    found = rows(viewed(suite_of(attacks, ["a", "b"], 0.2), answers(given), references=[A, B]))
    row = one(found, model="a", attack=WORST)
    assert row.robust_accuracy == pytest.approx(2 / 6)  # 0, 1 and 2 fall to one attack each, 5 is wrong when clean
    assert row.error == pytest.approx(4 / 6)
    assert row.attack_success == pytest.approx(3 / 5)
    assert (row.n, row.eps, row.norm, row.clip, row.source) == (6, 0.2, "linf", True, None)


def test_budgets_beyond_the_ranks_do_not_count() -> None:
    given = {("a", 0.2): [1, 2, 0, 1, 2, 0]}
    found = rows(viewed(suite_of(GRID, rank_eps=0.1), answers(given), guests=[A]))
    assert one(found, attack=WORST).robust_accuracy == pytest.approx(5 / 6)


def test_unsupported_attacks_do_not_keep_a_model_from_ranking() -> None:
    given = {("a", "a", eps): Result(status="unsupported", reason="needs a gradient") for eps in (0.1, 0.2)}
    found = rows(viewed(suite_of(f"{GRID}\n{NOISE}", rank_eps=0.2), answers(given), guests=[A]))
    assert one(found, attack=WORST).rank == 1


def test_a_model_that_nothing_attacked_has_no_worst_case_and_no_rank() -> None:
    """The clean pass alone says nothing of robustness; nor does an attack beyond the ranking's threat."""
    given = {("a", "a", eps): Result(status="unsupported", reason="needs a gradient") for eps in (0.1, 0.2)}
    suite = suite_of(f"{GRID}\n{NOISE.replace('linf', 'l2')}", rank_eps=0.2)
    found = rows(viewed(suite, answers(given), guests=[A, B]))
    assert [row.model for row in found if row.attack == WORST] == ["b"]
    assert {row.model: row.rank for row in found} == {"a": None, "b": 1}
    line = next(line for line in tables(suite, found)[0].rows if line[1] == "a")
    assert (line[0], *line[-4:-1]) == ("-", "n/a", "n/a", "")


@pytest.mark.parametrize(("gone", "status"), [(failure(), "error"), (None, "missing")], ids=["failed", "not run"])
@pytest.mark.parametrize("place", ["a", ("a", 0.1)], ids=["clean", "attack"])
def test_a_model_with_a_gap_does_not_rank(gone: Any, status: str, place: Any) -> None:
    suite = suite_of(f"{GRID}\n{NOISE}", rank_eps=0.2)
    found = rows(viewed(suite, answers({place: gone}), guests=[A, B]))
    assert {row.rank for row in found if row.model == "a"} == {None}
    assert {row.rank for row in found if row.model == "b"} == {1}
    worst = [row for row in found if row.model == "a" and row.attack == WORST]
    if place == "a" and gone is None:
        assert worst == []
    else:
        assert [(row.status, row.robust_accuracy) for row in worst] == [(status, None)]


def test_a_gap_beyond_the_ranks_budget_is_no_gap() -> None:
    found = rows(viewed(suite_of(GRID, rank_eps=0.1), answers({("a", 0.2): None}), guests=[A]))
    assert one(found, attack=WORST).rank == 1
    assert one(found, attack="fgsm", eps=0.2).status == "missing"


def test_a_randomised_model_does_not_rank() -> None:
    found = rows(viewed(suite_of(GRID, rank_eps=0.2), answers({"a": (CLEAN, {"flags": ("randomised",)})}), guests=[A]))
    assert {(row.rank, *row.flags) for row in found} == {(None, "randomised")}
    assert one(found, attack=WORST).robust_accuracy == pytest.approx(5 / 6)


def test_a_short_look_does_not_rank() -> None:
    suite = suite_of(GRID, rank_eps=0.2)
    found = rows(viewed(suite, lambda asked: [0, 1, 2], guests=[A], limit=3))
    assert {(row.n, row.rank) for row in found} == {(3, None)}


def test_an_attack_over_a_sample_has_its_own_n_and_does_not_rank() -> None:
    attacks = f"{GRID}\n  - {{attack: iterated-fgsm, norm: linf, eps: 0.1, n: 3}}"

    def answer(asked: Cell) -> list[int]:
        if asked.craft.attack.name == "iterated-fgsm":
            return [1, 2, 0]
        return CLEAN if asked.craft.slice.n == 6 else [0, 1, 2]

    found = rows(viewed(suite_of(attacks, rank_eps=0.2), answer, guests=[A]))
    row = one(found, attack="iterated-fgsm")
    assert (row.n, row.error, row.clean_accuracy) == (3, 1.0, 1.0)
    assert one(found, attack=WORST).robust_accuracy == pytest.approx(5 / 6)


def test_who_else_has_come_moves_nobody() -> None:
    """A guest crafts on the references too, but their rank is by the suite's own sources."""
    given = {("a", "guest", 0.1): [1, 2, 0, 1, 2, 0]}
    suite = suite_of(f"{GRID}\n{TRANSFER}", ["a"], rank_eps=0.2)
    found = rows(viewed(suite, answers(given), references=[A], guests=[GUEST]))
    assert one(found, model="a", source="guest").robust_accuracy == 0
    assert one(found, model="a", attack=WORST).robust_accuracy == pytest.approx(5 / 6)


# -- ranks ------------------------------------------------------------------------------------------------------------


def standing(right: int) -> list[int]:
    return [0] * right + [1] * (60 - right)


def test_ranks() -> None:
    """c is worse than both others; a and b cannot be told apart on 60 examples."""
    found = rows(
        viewed(
            suite_of(NOISE, rank_eps=0.1),
            lambda asked: standing({"a": 50, "b": 47, "c": 20}[asked.target.name]),
            dataset=MANY,
            guests=[A, B, model("c")],
        )
    )
    assert {row.model: row.rank for row in found} == {"a": 1, "b": 1, "c": 3}
