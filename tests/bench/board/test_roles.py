"""Boards go by what attacks are, never by their names: suites without FGSM have the tables of those with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from boards import GRID
from handmade import model, result, suite_of, toy, viewed

from bench import registry
from bench.attacks.base import Attack, Need, Role
from bench.board.rows import WORST, Row, rows
from bench.records.record import Cell
from bench.report.boards import tables

A, B = model("a"), model("b")
CLEAN = [0, 1, 2, 0, 1, 1]
"""One mistake, the last."""
FOOLED = [1, 2, 2, 0, 1, 1]
"""The first two as well."""


def answer(asked: Cell) -> Any:
    return (CLEAN if asked.craft.attack.name == "clean" else FOOLED)[: asked.craft.slice.n]


def drawn(
    attacks: str, rank_eps: float | None = None, answer: Any = answer, **more: Any
) -> dict[str, list[dict[str, str]]]:
    """The tables of a suite of two models: by title, each line by header."""
    suite = suite_of(attacks, ["a", "b"], rank_eps, **more)
    made = tables(suite, rows(viewed(suite, answer, references=[A, B])))
    return {table.title: [dict(zip(table.headers, line, strict=True)) for line in table.rows] for table in made}


# -- robustness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attack", "title"),
    [("fgsm", "FGSM"), ("iterated-fgsm", "iterated-fgsm"), ("{attack: fgsm, target: next}", "FGSM")],
)
def test_the_columns_are_those_of_the_first_white_box_gradient_attack(attack: str, title: str) -> None:
    entry = (
        f"  - {{attack: {attack}, norm: linf, eps: [0.1, 0.2]}}"
        if "{" not in attack
        else (f"  - {attack[:-1]}, norm: linf, eps: [0.1, 0.2]}}")
    )

    def goals(asked: Cell) -> Any:
        labels = answer(asked)
        return (
            (labels, {"goal": [1, 2, 0, 1, 2, 0]}) if asked.craft.attack.parameters.get("target") == "next" else labels
        )

    noise = "  - {attack: sign-noise, norm: linf, eps: [0.1, 0.2]}"
    found = drawn(f"{noise}\n{entry}", 0.2, goals)
    line = found["toy-suite v1"][0]
    assert [header for header in line if header.startswith(title)] == [f"{title} 0.1", f"{title} 0.2"]
    assert (line["clean"], line[f"{title} 0.1"], line["worst 0.2"]) == ("83.3", "50.0", "50.0")


def test_the_threat_of_the_ranking_goes_first() -> None:
    attacks = "  - {attack: fgsm, norm: linf, eps: 0.3}\n  - {attack: iterated-fgsm, norm: l2, eps: [0.5, 1]}"
    found = drawn(attacks, rank_by="{norm: l2, eps: 1}")
    assert [header for header in found["toy-suite v1"][0] if "0.5" in header] == ["iterated-fgsm 0.5"]
    assert "fgsm 0.3" in found["Error, attack by attack"][0]


def test_a_suite_of_samples_alone_has_its_tables() -> None:
    found = drawn("  - {attack: fgsm, norm: linf, eps: 0.1, n: 3}")
    assert [(line["model"], line["n"], line["FGSM 0.1"]) for line in found["toy-suite v1"]] == [
        ("a", "3", "33.3"),
        ("b", "3", "33.3"),
    ]


def test_sizes_that_three_digits_do_not_tell_apart_have_as_many_as_it_takes() -> None:
    line = drawn("  - {attack: fgsm, norm: linf, eps: [0.1234, 0.12341, 0.2]}")["toy-suite v1"][0]
    assert [header for header in line if header.startswith("FGSM")] == ["FGSM 0.1234", "FGSM 0.12341", "FGSM 0.2"]


# -- transfer and rubbish ---------------------------------------------------------------------------------------------


def test_a_transfer_board_shows_the_attack_that_its_suite_runs() -> None:
    found = drawn("  - {attack: iterated-fgsm, norm: linf, eps: 0.1, sources: all}", board="transfer")
    line = found["toy-suite v1: error at eps 0.1, source by target"][1]
    assert line == {"crafted on": "b (exact)", "a": "50.0", "b": "50.0"}
    assert {"P(target fooled | source fooled) at eps 0.1", "Agreement on common mistakes at eps 0.1"} <= found.keys()


def test_of_several_attacks_each_has_tables_that_name_it() -> None:
    entry = "  - {{attack: {}, norm: linf, eps: 0.1, sources: all}}"
    found = drawn("\n".join(entry.format(name) for name in ("fgsm", "iterated-fgsm")), board="transfer")
    for name in ("fgsm", "iterated-fgsm"):
        assert f"toy-suite v1: error under {name} at eps 0.1, source by target" in found
        assert f"Agreement on common mistakes under {name} at eps 0.1" in found


def test_rubbish_of_several_kinds_is_told_apart() -> None:
    attacks = "  - {attack: gaussian-rubbish, n: 4}\n  - {attack: gaussian-rubbish, n: 4, draw: 1}"

    def rubbish(asked: Cell) -> Any:
        generated = asked.craft.attack.name != "clean"
        return result(asked, [0, 1, 1, 0], None, successes=2, margin=[1.0] * 4) if generated else CLEAN

    (lines,) = drawn(attacks, answer=rubbish, board="rubbish").values()
    assert [line["attack"] for line in lines if line["model"] == "a"] == [
        "gaussian-rubbish draw 0",
        "gaussian-rubbish draw 1",
    ]


# -- minimum norm -----------------------------------------------------------------------------------------------------


class Nearest(Attack):
    """Stands for an attack that looks for the nearest success."""

    name: ClassVar[str] = "nearest"
    needs: ClassVar[Need] = "gradient"
    role: ClassVar[Role] = "minimum-norm"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    summary: ClassVar[str] = "the nearest input that is labelled wrongly"

    def craft(self, source: Any, x: Any, y: Any, goals: Any, budgets: Sequence[Any], draws: Any) -> Iterator[Any]:
        yield from (x for _ in budgets)


@pytest.fixture
def nearest() -> Iterator[None]:
    with registry.adding("attack", "nearest", f"{__name__}:Nearest"):
        yield


INF = float("inf")
NEAREST = "  - {attack: nearest, norm: linf}"


def far(asked: Cell) -> Any:
    """Found for the first three at 0.05, 0.1 and 0.3, for the clean mistake at 0, for the others not at all."""
    if asked.craft.attack.name == "nearest":
        return [1, 2, 0, 0, 1, 1], {"distance": [0.05, 0.1, 0.3, INF, INF, 0.0]}
    return CLEAN


def one(found: Sequence[Row], **wanted: Any) -> Row:
    (row,) = [row for row in found if all(getattr(row, name) == value for name, value in wanted.items())]
    return row


@pytest.mark.usefixtures("nearest")
def test_a_minimum_norm_attack_is_held_to_every_size_of_the_suite() -> None:
    """What it found within a size counts there: the size itself is within it."""
    suite = suite_of(f"  - {{attack: fgsm, norm: linf, eps: [0.01, 0.1, 0.2]}}\n{NEAREST}", rank_eps=0.2)
    found = rows(viewed(suite, far, guests=[A]))
    told = {row.eps: row for row in found if row.attack == "nearest"}
    assert told.keys() == {None, 0.01, 0.1, 0.2}
    shares = {eps: (row.robust_accuracy, row.error) for eps, row in told.items()}
    assert shares == {
        None: (pytest.approx(2 / 6), pytest.approx(4 / 6)),
        0.01: (pytest.approx(5 / 6), pytest.approx(1 / 6)),
        0.1: (pytest.approx(3 / 6), pytest.approx(3 / 6)),
        0.2: (pytest.approx(3 / 6), pytest.approx(3 / 6)),
    }
    assert told[None].median_distance == pytest.approx(0.2)
    assert one(found, attack="fgsm", eps=0.2).robust_accuracy == pytest.approx(5 / 6)
    worst = one(found, attack=WORST)
    assert (worst.robust_accuracy, worst.rank) == (pytest.approx(3 / 6), 1)
    assert {flag for row in found for flag in row.flags} == set()


@pytest.mark.usefixtures("nearest")
def test_an_entry_for_some_models_is_no_gap_of_the_others() -> None:
    """They have no such row, and a rank; the others are held to it."""
    suite = suite_of(f"{GRID}\n  - {{attack: nearest, norm: linf, gradient: none}}", rank_eps=0.2)
    found = rows(viewed(suite, far, guests=[A, model("mute", gradient="none")]))
    assert {row.model for row in found if row.attack == "nearest"} == {"mute"}
    worst = {row.model: (row.status, row.robust_accuracy) for row in found if row.attack == WORST}
    assert worst == {"a": ("ok", pytest.approx(5 / 6)), "mute": ("ok", pytest.approx(3 / 6))}
    (top, *_) = tables(suite, found)
    assert {line[1]: line[-1] for line in top.rows} == {"a": "ok", "mute": "ok, 1 flag"}


@pytest.mark.usefixtures("nearest")
def test_its_distances_have_a_table_and_its_columns_stand_where_no_gradient_attack_has_them() -> None:
    found = drawn(NEAREST, 0.1, far)
    line = found["toy-suite v1"][0]
    assert (line["nearest 0.1"], line["worst 0.1"]) == ("50.0", "50.0")
    assert found["Median distance"] == [{"model": name, "nearest": "0.2"} for name in "ab"]
    assert found["Error, attack by attack"][0]["nearest 0.1"] == "50.0"


@pytest.mark.usefixtures("nearest")
def test_where_most_examples_have_none_there_is_no_median() -> None:
    def none(asked: Cell) -> Any:
        return (CLEAN, {"distance": [INF] * 5 + [0.0]}) if asked.craft.attack.name == "nearest" else CLEAN

    assert drawn(NEAREST, 0.1, none)["Median distance"][0] == {"model": "a", "nearest": "none"}


@pytest.mark.usefixtures("nearest")
def test_one_that_is_not_run_yet_leaves_the_ranking_open() -> None:
    suite = suite_of(f"  - {{attack: fgsm, norm: linf, eps: 0.1}}\n{NEAREST}", rank_eps=0.1)
    given = lambda asked: None if asked.craft.attack.name == "nearest" else far(asked)  # noqa: E731
    worst = one(rows(viewed(suite, given, guests=[A], dataset=toy())), attack=WORST)
    assert (worst.status, worst.rank, worst.robust_accuracy) == ("missing", None, None)
