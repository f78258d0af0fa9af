"""The board as a pure function of records: every number worked out by hand on six examples, or a few more."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from handmade import CHECKSUM, failure, model, result, shelved, suite_of, toy, viewed

from bench.board.rows import WORST, Row, rows
from bench.board.view import View
from bench.planning.plan import SLICE
from bench.records.record import Cell, Result
from bench.report.boards import tables

GRID = "  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}"
TRANSFER = "  - {attack: fgsm, norm: linf, eps: 0.1, sources: all}"
NOISE = "  - {attack: sign-noise, norm: linf, eps: 0.1}"
A, B, GUEST = model("a", confidence_kind="softmax"), model("b"), model("guest")
TRUE = [0, 1, 2, 0, 1, 2]
CLEAN = [0, 1, 2, 0, 1, 1]
"""One mistake, the last."""


def answers(given: dict[Any, Any]) -> Callable[[Cell], Any]:
    """Answers by the clean target's name, by (target, eps), or by (target, source or attack, eps)."""

    def answer(asked: Cell) -> Any:
        name, attack, source = asked.target.name, asked.craft.attack.name, asked.craft.source
        if attack == "clean":
            return given.get(name, CLEAN)
        eps = asked.threat.eps
        for key in ((name, source.name if source else attack, eps), (name, eps), (name, attack)):
            if key in given:
                return given[key]
        return CLEAN

    return answer


def one(found: Sequence[Row], **wanted: Any) -> Row:
    (row,) = [row for row in found if all(getattr(row, name) == value for name, value in wanted.items())]
    return row


# -- one attack -------------------------------------------------------------------------------------------------------


def test_the_clean_row() -> None:
    row = one(rows(viewed(suite_of(GRID), answers({}), guests=[A])), attack="clean")
    assert (row.n, row.status, row.target, row.source, row.norm, row.eps, row.clip) == (6, "ok", "a", *[None] * 4)
    assert row.error == pytest.approx(1 / 6)
    assert row.clean_accuracy == row.robust_accuracy == pytest.approx(5 / 6)
    assert row.attack_success == 0


def test_robust_accuracy_is_pointwise_over_the_budgets_up_to_eps() -> None:
    """Fooled at 0.1 and right again at 0.2 is not robust at 0.2; what a larger budget does leaves 0.1 alone."""
    given = {("a", 0.1): [1, 1, 2, 0, 1, 1], ("a", 0.2): [0, 0, 2, 0, 1, 1]}
    found = rows(viewed(suite_of(GRID), answers(given), guests=[A]))
    small, large = (one(found, attack="fgsm", eps=eps) for eps in (0.1, 0.2))
    assert (small.robust_accuracy, large.robust_accuracy) == (pytest.approx(4 / 6), pytest.approx(3 / 6))
    assert small.error == large.error == pytest.approx(2 / 6)
    assert small.ci_low < small.robust_accuracy < small.ci_high


def test_budgets_of_another_norm_or_outside_the_range_are_no_part_of_it() -> None:
    attacks = (
        f"{GRID}\n  - {{attack: fgsm, norm: l2, eps: 0.1}}\n  - {{attack: fgsm, norm: linf, eps: 0.1, clip: false}}"
    )
    wrong = [1, 2, 0, 1, 2, 0]

    def answer(asked: Cell) -> list[int]:
        foreign = asked.threat.norm == "l2" or (asked.threat.norm == "linf" and asked.threat.clip is None)
        return wrong if foreign else CLEAN

    found = rows(viewed(suite_of(attacks), answer, guests=[A]))
    assert one(found, attack="fgsm", eps=0.2).robust_accuracy == pytest.approx(5 / 6)
    assert one(found, attack="fgsm", norm="l2").robust_accuracy == 0
    assert one(found, attack="fgsm", norm="linf", clip=False).robust_accuracy == 0


def test_error_counts_all_examples_and_success_those_that_were_right() -> None:
    """The clean mistake heals under attack, and another example is fooled: the error stays, one of five is fooled."""
    given = {("a", 0.1): [1, 1, 2, 0, 1, 2]}
    row = one(rows(viewed(suite_of(GRID), answers(given), guests=[A])), attack="fgsm", eps=0.1)
    assert row.error == pytest.approx(1 / 6)
    assert row.attack_success == pytest.approx(1 / 5)
    assert row.robust_accuracy == pytest.approx(4 / 6)  # the healed one was not right when clean


def test_abstention_costs_accuracy_when_clean_and_is_no_success_of_an_attack() -> None:
    given = {"a": [0, 1, 2, 0, -1, 1], ("a", 0.1): [0, 1, -1, -1, -1, 0]}
    found = rows(viewed(suite_of(GRID), answers(given), guests=[A]))
    clean, attacked = one(found, attack="clean"), one(found, attack="fgsm", eps=0.1)
    assert (clean.clean_accuracy, clean.error) == (pytest.approx(4 / 6), pytest.approx(2 / 6))
    assert clean.abstention == pytest.approx(1 / 6)
    assert attacked.error == pytest.approx(1 / 6)
    assert attacked.abstention == pytest.approx(3 / 6)
    assert attacked.attack_success == 0
    assert attacked.robust_accuracy == pytest.approx(4 / 6)


def test_a_board_shows_abstentions_where_a_model_abstains() -> None:
    given = {"a": [0, 1, 2, 0, -1, 1], ("a", 0.2): [0, 1, -1, -1, -1, 0]}
    suite = suite_of(GRID)
    shy, sure = (
        "\n".join(table.markdown() for table in tables(suite, rows(viewed(suite, answers(one), guests=[A]))))
        for one in (given, {})
    )
    assert "abstains" in shy
    assert "16.7 clean, 50.0 at 0.2" in shy
    assert "abstains" not in sure


def test_a_targeted_attack_is_counted_over_the_examples_that_have_a_goal() -> None:
    """Success is the goal class; four count, of which three were right when clean, of which one got its goal."""
    goal = [1, 2, -1, 2, -1, 0]
    given = {("a", 0.1): ([1, 0, 2, 0, 1, 0], {"goal": goal})}
    attack = "  - {attack: fgsm, norm: linf, eps: 0.1, target: next}"
    row = one(rows(viewed(suite_of(attack), answers(given), guests=[A])), attack="fgsm")
    assert row.n == 4
    assert row.error == pytest.approx(3 / 4)
    assert row.attack_success == pytest.approx(1 / 3)
    assert row.robust_accuracy == pytest.approx(1 / 4)
    assert row.parameters is not None
    assert row.parameters["target"] == "next"


def test_confidence_is_that_of_the_records() -> None:
    given = {("a", 0.1): ([1, 1, 2, 0, 1, 1], {"confidence_on_mistakes": 0.8})}
    row = one(rows(viewed(suite_of(GRID), answers(given), guests=[A])), attack="fgsm", eps=0.1)
    assert (row.confidence_on_mistakes, row.confidence_kind) == (pytest.approx(0.8), "softmax")


def test_rows_of_failed_and_unsupported_cells_have_no_numbers() -> None:
    given = {
        ("a", 0.1): failure(kind="oom", message="too large"),
        ("a", 0.2): Result(status="unsupported", reason="needs a gradient"),
    }
    found = rows(viewed(suite_of(GRID), answers(given), guests=[A]))
    broken, muted = (one(found, attack="fgsm", eps=eps) for eps in (0.1, 0.2))
    assert (broken.status, broken.reason) == ("error", "oom: too large")
    assert (muted.status, muted.reason) == ("unsupported", "needs a gradient")
    for row in (broken, muted):
        assert {row.error, row.robust_accuracy, row.attack_success, row.ci_low} == {None}


def test_slices_are_joined() -> None:
    """Counts are summed and examples joined over the runs of 10,000 that a large split is cut into."""
    n = SLICE + 5
    data = toy([k % 3 for k in range(n)])
    true = np.arange(n) % 3

    def answer(asked: Cell) -> list[int]:
        part = asked.craft.slice
        labels = true[part.start : part.stop].copy()
        if asked.threat.eps == 0.1:
            labels[:2] = (labels[:2] + 1) % 3  # two of each slice
        return labels.tolist()

    found = rows(viewed(suite_of(GRID, rank_eps=0.2), answer, dataset=data, guests=[A]))
    row = one(found, attack="fgsm", eps=0.2)
    assert row.n == n
    assert row.error == 0
    assert row.robust_accuracy == pytest.approx((n - 4) / n)
    assert one(found, attack=WORST).rank == 1


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

MANY = toy([0] * 60)


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


# -- names and versions -----------------------------------------------------------------------------------------------


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


# -- flags ------------------------------------------------------------------------------------------------------------


def fooled(count: int) -> list[int]:
    return [1] * count + [0] * (60 - count)


RIGHT = [0] * 60
ITERATED = "  - {attack: iterated-fgsm, norm: linf, eps: 0.1}"


@pytest.mark.parametrize(
    ("attacks", "given", "flags"),
    [
        (GRID, {("a", 0.1): fooled(5), ("a", 0.2): fooled(20)}, []),
        (GRID, {("a", 0.1): (fooled(5), {"unmoved": 1}), ("a", 0.2): fooled(20)}, []),  # the range may have cut it
        (GRID.replace("}", ", clip: false}"), {("a", 0.1): (fooled(5), {"unmoved": 1})}, ["zero-gradient"]),
        (GRID, {("a", 0.1): fooled(20), ("a", 0.2): fooled(2)}, ["not-monotone"]),
        (GRID, {("a", 0.1): fooled(6), ("a", 0.2): fooled(2)}, []),  # four examples are chance
        (GRID, {"a": fooled(20), ("a", 0.1): RIGHT, ("a", 0.2): RIGHT}, ["label-leaking"]),
        (f"{GRID}\n{NOISE}", {("a", "a", 0.1): RIGHT, ("a", "sign-noise", 0.1): fooled(12)}, ["weaker-than-noise"]),
        (f"{GRID}\n{NOISE}", {("a", "a", 0.1): RIGHT, ("a", "sign-noise", 0.1): fooled(6)}, []),
        (f"{GRID}\n{ITERATED}", {("a", "fgsm"): RIGHT, ("a", "iterated-fgsm"): fooled(12)}, ["single-step"]),
        (f"{GRID}\n{ITERATED}", {("a", "fgsm"): fooled(12), ("a", "iterated-fgsm"): RIGHT}, []),
    ],
)
def test_flags_that_compare_attacks(attacks: str, given: dict[Any, Any], flags: list[str]) -> None:
    def answer(asked: Cell) -> Any:
        attack, eps = asked.craft.attack.name, asked.threat.eps
        if attack == "clean":
            return given.get("a", RIGHT)
        own = asked.craft.source is not None
        keys = [("a", attack), ("a", "a" if own else attack, eps), ("a", eps)]
        return next((given[key] for key in keys if key in given), RIGHT)

    found = rows(viewed(suite_of(attacks), answer, dataset=MANY, guests=[A]))
    assert {tuple(row.flags) for row in found} == {tuple(flags)}


def test_transfer_that_beats_the_own_attack_is_flagged() -> None:
    def answer(asked: Cell) -> list[int]:
        source = asked.craft.source
        return fooled(12) if source and (source.name, asked.target.name) == ("b", "a") else RIGHT

    found = rows(viewed(suite_of(TRANSFER, ["a", "b"]), answer, dataset=MANY, references=[A, B]))
    assert {row.model: row.flags for row in found} == {"a": ["weaker-than-transfer"], "b": []}


# -- transfer ---------------------------------------------------------------------------------------------------------


def test_transfer_numbers() -> None:
    """Crafted on a, judged on b.

    a when clean: all right but the last. Fooled by its own: examples 0 to 3, of which both have 1, 2 and 3 right when
    clean; b falls for 1 and 3 of those. Over a's mistakes (0 to 3 and the clean one, 5) b agrees on 0 and 1.
    """
    given = {
        "b": [1, 1, 2, 0, 1, 2],
        ("a", "a", 0.1): [1, 2, 0, 2, 1, 1],
        ("b", "a", 0.1): [1, 2, 2, 1, 1, 2],
        ("b", "sign-noise", 0.1): [1, 1, 2, 0, 1, 0],
    }
    suite = suite_of(f"{TRANSFER}\n{NOISE}", ["a", "b"])
    found = rows(viewed(suite, answers(given), references=[A, B]))
    row = one(found, model="b", source="a")
    assert row.transfer is not None
    assert row.error == pytest.approx(3 / 6)
    assert row.transfer.clean_error == pytest.approx(1 / 6)
    assert row.transfer.noise_error == pytest.approx(2 / 6)
    assert (row.transfer.given_source_fooled, row.transfer.given_n) == (pytest.approx(2 / 3), 3)
    assert (row.transfer.agree_rate, row.transfer.agree_n) == (pytest.approx(2 / 5), 5)
    assert (row.transfer.common_rate, row.transfer.common_n) == (pytest.approx(2 / 3), 3)
    # Over the common mistakes a says 1, 2, 2 and b says 1, 2, 1: by chance they meet in 1/3 * 2/3 + 2/3 * 1/3.
    assert row.transfer.common_chance == pytest.approx(4 / 9)
    # Over a's mistakes a says 1, 2, 0, 2, 1 and b says 1, 2, 2, 1, 2.
    assert row.transfer.agree_chance == pytest.approx((2 * 2 + 2 * 3) / 25)
    assert one(found, model="a", source="a").transfer is None


def test_transfer_numbers_that_are_not_known_are_left_blank() -> None:
    suite = suite_of(TRANSFER, ["a", "b"])
    found = rows(viewed(suite, answers({("a", "a", 0.1): None}), references=[A, B]))
    row = one(found, model="b", source="a")
    assert row.transfer is not None
    assert (row.transfer.noise_error, row.transfer.given_source_fooled, row.transfer.agree_rate) == (None, None, None)


# -- rubbish ----------------------------------------------------------------------------------------------------------

RUBBISH = "  - {attack: gaussian-rubbish, n: 4}"


def rubbish(successes: int | None, classes: tuple[int, ...] | None, **more: Any) -> Callable[[Cell], Any]:
    def answer(asked: Cell) -> Any:
        if asked.craft.attack.name == "clean":
            return (CLEAN, {"median_margin": 0.5})
        fields = {"successes": successes, "success_classes": classes, "margin": [0.1, 0.5, 0.6, 0.2]} | more
        return result(asked, [0, 2, 2, 1], None, **fields)

    return answer


def test_rubbish_numbers() -> None:
    answer = rubbish(3, (1, 0, 2), confidence_on_mistakes=0.9)
    row = one(rows(viewed(suite_of(RUBBISH, board="rubbish"), answer, guests=[A])), attack="gaussian-rubbish")
    assert (row.n, row.error, row.robust_accuracy, row.source) == (4, 0.75, None, None)
    assert row.ci_low < 0.75 < row.ci_high
    assert row.success_classes == [1, 0, 2]
    assert row.beyond_margin == 0.5  # 0.5 and 0.6 reach the clean median
    assert row.confidence_on_mistakes == pytest.approx(0.9)
    assert row.clean_accuracy == pytest.approx(5 / 6)


def test_rubbish_does_not_apply_to_every_kind_of_confidence() -> None:
    row = one(rows(viewed(suite_of(RUBBISH), rubbish(None, None), guests=[B])), attack="gaussian-rubbish")
    assert (row.status, row.error, row.ci_low, row.ci_high, row.success_classes) == ("ok", *[None] * 4)
    assert row.beyond_margin == 0.5


# -- as a whole -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["robustness", "transfer", "rubbish"])
def test_every_layout_can_be_drawn_whatever_is_missing(layout: str) -> None:
    attacks = "\n".join([GRID, TRANSFER, NOISE, RUBBISH])
    given = {("a", "b", 0.1): None, ("b", "b", 0.1): failure(), ("a", 0.2): Result(status="unsupported", reason="no")}
    suite = suite_of(attacks, ["a", "b"], 0.2, board=layout)

    def answer(asked: Cell) -> Any:
        if asked.craft.attack.name == "gaussian-rubbish":
            return result(asked, [0, 2, 2, 1], None, margin=[0.1] * 4)
        return answers(given)(asked)

    found = rows(viewed(suite, answer, references=[A, B]))
    text = "\n".join(table.markdown() for table in tables(suite, found))
    assert "toy-suite v1" in text
    assert "exception: ValueError: no" in text
    json.dumps([row.as_dict() for row in found], allow_nan=False)


def test_no_records_no_rows() -> None:
    assert rows(viewed(suite_of(GRID, ["a"], 0.2), lambda asked: None, references=[A])) == []


def test_the_order_of_the_records_does_not_matter() -> None:
    suite = suite_of("\n".join([GRID, TRANSFER, NOISE]), ["a", "b"], 0.2)
    records, _ = shelved(suite, answers({}), references=[A, B])
    backwards = dict(reversed(list(records.items())))
    assert rows(View(suite, toy(), backwards, {})) == rows(View(suite, toy(), records, {}))


# -- the paper's measurements ------------------------------------------------------------------------------------------

MEASURED = """\
  - {attack: clean, models: [a]}
  - {attack: fgsm, norm: linf, eps: 0.1, clip: false, models: [a, b]}
  - {attack: fgsm, norm: linf, eps: 0.1, sources: [b], models: [a]}
  - {attack: rotation, degrees: 10, models: [a]}
  - {attack: rotation, degrees: 20, models: [a]}
  - {attack: rotation, degrees: 30, models: [a]}
  - {attack: iterated-fgsm, norm: linf, eps: 0.1, n: 3, models: [b]}
  - {attack: gaussian-rubbish, n: 4, models: [a]}"""


def measured(b: Any, given: dict[Any, Any] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """The tables of the paper's board by title."""
    suite = suite_of(MEASURED, ["a", "b"], board="paper")

    def answer(asked: Cell) -> Any:
        if asked.craft.attack.name == "gaussian-rubbish":
            return result(asked, [0, 2, 2, 1], None, successes=3, success_classes=(1, 0, 2), margin=[1.0] * 4)
        if asked.craft.attack.parameters.get("degrees") == 20:
            return None
        return [0, 1, 0] if asked.craft.slice.n == 3 else answers(given or {})(asked)

    made = tables(suite, rows(viewed(suite, answer, references=[A, b])))
    return {table.title: list(table.rows) for table in made}


def test_a_line_for_every_row_that_was_judged() -> None:
    wrong = ([1, 2, 0, 1, 1, 2], {"confidence_on_mistakes": 0.25})
    found = measured(B, {("a", "a", 0.1): wrong, ("a", "b", 0.1): [1, 1, 2, 0, 1, 1]})
    assert found["toy-suite v1: "] == [
        ("a", "clean", "6", "16.7", "16.7", ""),
        ("a", "fgsm 0.1 unclipped", "6", "16.7", "66.7", "25.0"),
        ("a", "fgsm 0.1 from b", "6", "16.7", "33.3", ""),
        ("a", "rotation degrees 10", "6", "16.7", "16.7", ""),
        ("a", "rotation degrees 30", "6", "16.7", "16.7", ""),
        ("a", "gaussian-rubbish", "4", "16.7", "75.0", ""),
        ("b", "clean", "6", "16.7", "16.7", ""),
        ("b", "fgsm 0.1 unclipped", "6", "16.7", "16.7", ""),
        ("b", "fgsm 0.1", "6", "16.7", "16.7", ""),
        ("b", "iterated-fgsm 0.1", "3", "33.3", "33.3", ""),
    ]


def test_quick_models_are_marked_as_targets_and_as_sources() -> None:
    short = "quick: 3 epochs of all examples"
    found = measured(model("b", notes=(short,)), {"b": (CLEAN, {"flags": (short,)})})
    lines = next(iter(found.values()))
    assert {line[0] for line in lines} == {"a", "b (quick)"}
    assert [line[1] for line in lines if "from" in line[1]] == ["fgsm 0.1 from b (quick)"]
    assert found["Flags"] == [("b", short)]
