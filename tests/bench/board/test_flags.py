"""Flags: what different attacks did to one model, what asking again found, and which of them take the rank."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from boards import GRID, GUEST, MANY, NOISE, TRANSFER, A, B
from handmade import shelved, suite_of, toy, viewed

from bench.board.flags import EFFECT, UNRANKED, Counts, said, stronger, unranked
from bench.board.rows import rows
from bench.board.view import View
from bench.records.record import Cell, Record
from bench.report.boards import DEFINITIONS


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
        (f"{GRID}\n{NOISE}", {("a", "a", 0.1): RIGHT, ("a", "sign-noise", 0.1): fooled(4)}, []),
        (f"{GRID}\n{ITERATED}", {("a", "fgsm"): RIGHT, ("a", "iterated-fgsm"): fooled(12)}, ["single-step"]),
        (f"{GRID}\n{ITERATED}", {("a", "fgsm"): fooled(12), ("a", "iterated-fgsm"): RIGHT}, ["iterated-weaker"]),
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


def test_a_guest_does_not_change_what_is_said_of_a_reference_model() -> None:
    """Its examples fool the reference, and are shown; but who else has come is no fault of it."""

    def answer(asked: Cell) -> list[int]:
        source = asked.craft.source
        return fooled(30) if source and (source.name, asked.target.name) == ("guest", "a") else RIGHT

    view = viewed(suite_of(TRANSFER, ["a", "b"]), answer, dataset=MANY, references=[A, B], guests=[GUEST])
    alone = viewed(suite_of(TRANSFER, ["a", "b"]), answer, dataset=MANY, references=[A, B])
    assert said(view, "a") == said(alone, "a")
    assert said(view, "a").flags == []


# -- how sure ---------------------------------------------------------------------------------------------------------

MARGIN = "  - {attack: fgsm, norm: linf, eps: 0.1, loss: margin}"


def test_own_attacks_of_one_size_count_together() -> None:
    """Each by itself is weaker than noise; of the two losses together it is not so."""

    def answer(asked: Cell) -> list[int]:
        attack = asked.craft.attack
        if attack.name == "sign-noise":
            return fooled(20)
        if attack.name == "clean":
            return RIGHT
        return fooled(10) if attack.parameters["loss"] == "margin" else [0] * 10 + fooled(20)[:10] + [0] * 40

    both = viewed(suite_of(f"{GRID}\n{MARGIN}\n{NOISE}"), answer, dataset=MANY, guests=[A])
    one = viewed(suite_of(f"{MARGIN}\n{NOISE}"), answer, dataset=MANY, guests=[A])
    assert said(both, "a").flags == []
    assert said(one, "a").flags == ["weaker-than-noise"]


def test_the_tests_of_a_model_are_counted_and_told() -> None:
    """Noise and transfer from one other model, each against the own attack; sizes are not held against each other."""
    attacks = "\n".join([TRANSFER, NOISE, GRID])
    view = viewed(suite_of(attacks, ["a", "b"]), lambda asked: RIGHT, dataset=MANY, references=[A, B])
    assert said(view, "a").tests == 2
    assert {row.tests for row in rows(view)} == {2}


@pytest.mark.parametrize("discordant", [0.02, 0.2, 0.6])
@pytest.mark.parametrize("size", [1, 8, 30])
def test_by_chance_alone_one_model_of_twenty_is_flagged_at_most(size: int, discordant: float) -> None:
    """Simulated: families of tests in none of which one side is the stronger, over 2,000 examples."""
    draw = np.random.default_rng(0)
    n, families = 2000, 2000
    either = draw.binomial(n, discordant, (families, size))
    more = draw.binomial(either, 0.5)
    found = 0
    for first, second in zip(more, either - more, strict=True):
        tests = [Counts("weaker-than-noise", int(a), int(b), n) for a, b in zip(first, second, strict=True)]
        found += bool(stronger(tests).any())
    assert found / families <= 0.05 + 2 * (0.05 * 0.95 / families) ** 0.5


def test_an_effect_of_less_than_half_a_point_is_none_however_sure() -> None:
    flags = [flag for flag, effect in EFFECT.items() if effect == 0.005]
    assert flags == ["weaker-than-noise", "weaker-than-transfer", "iterated-weaker"]
    for flag in flags:
        assert stronger([Counts(flag, 50, 0, 10_000)]).tolist() == [True]
        assert stronger([Counts(flag, 49, 0, 10_000)]).tolist() == [False]


@pytest.mark.parametrize("n", [500, 1000, 10_000])
@pytest.mark.parametrize("rate", [0.05, 0.3, 0.45, 0.6, 0.85])
def test_ten_points_between_one_step_and_many_are_found_nine_times_in_ten(rate: float, n: int) -> None:
    """One step fools `rate` of the examples, many steps ten points more, each independently: the hardest case."""
    draw = np.random.default_rng(0)
    once, often = rate * (0.9 - rate), (rate + 0.1) * (1 - rate)  # fooled by the one side alone
    counts = draw.multinomial(n, [once, often, 1 - once - often], 2000)
    found = [stronger([Counts("single-step", int(more), int(less), n)])[0] for less, more, _ in counts]
    assert np.mean(found) > 0.9


# -- no rank ----------------------------------------------------------------------------------------------------------

THREE = toy([0, 1, 2] * 30)


def with_findings(view_of: dict[str, Record], name: str, finding: str) -> dict[str, Record]:
    """The records of a suite, one attacked cell of a model with a finding."""
    found = dict(view_of)
    id = next(id for id, one in found.items() if one.cell.target.name == name and one.cell.threat.eps)
    found[id] = found[id].model_copy(update={"run": found[id].run.model_copy(update={"findings": (finding,)})})
    return found


@pytest.mark.parametrize("finding", ["order-dependent", "not-repeatable"])
def test_what_asking_again_found_takes_the_rank(finding: str) -> None:
    suite = suite_of(GRID, ["a", "b"], rank_eps=0.2)
    records, failures = shelved(suite, lambda asked: THREE.labels("test"), dataset=THREE, references=[A, B])
    board = rows(View(suite, THREE, with_findings(records, "a", finding), failures))
    assert {(row.model, row.rank) for row in board} == {("a", None), ("b", 1)}
    a = next(row for row in board if row.model == "a")
    assert a.flags == [finding]
    assert a.unranked == UNRANKED[finding]


def test_a_clean_pass_that_says_against_it_takes_the_rank_with_its_numbers() -> None:
    suite = suite_of(GRID, ["a", "b"], rank_eps=0.2)

    def answer(asked: Cell) -> list[int]:
        return [0] * 90 if asked.target.name == "a" else [0, 1, 2] * 30

    found = rows(viewed(suite, answer, dataset=THREE, references=[A, B]))
    assert {(row.model, row.rank) for row in found} == {("a", None), ("b", 1)}
    assert {row.unranked for row in found if row.model == "a"} == {
        "one class: it gives one label for everything (all of its answers are class 0)"
    }


def test_a_short_look_is_told_of_as_well() -> None:
    suite = suite_of(GRID, ["a"])
    more = {"dataset": THREE, "references": [A], "limit": 60}
    found = rows(viewed(suite, lambda asked: [0] * 60, **more))
    assert {row.n for row in found} == {60}
    assert all(row.unranked is not None for row in found)


def test_of_several_reasons_the_plainest_is_told() -> None:
    assert unranked(["at-chance", "one-class"]) == UNRANKED["one-class"]
    assert unranked(["labels-only", "weaker-than-noise"]) is None


def test_every_flag_is_explained_at_the_foot_of_the_board() -> None:
    for flag in [*UNRANKED, *EFFECT, "not-monotone", "label-leaking", "zero-gradient", "check-failed"]:
        assert f"`{flag}`" in DEFINITIONS
