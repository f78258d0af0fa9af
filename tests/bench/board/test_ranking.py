"""The worst case of a model, over all that attacked it, and the ranks by it."""

from __future__ import annotations

from typing import Any

import pytest
from boards import CLEAN, GRID, GUEST, MANY, NOISE, TRANSFER, TRUE, A, B, answers, one
from handmade import failure, model, shelved, suite_of, toy, viewed

from bench.board.rows import WORST, Row, rows
from bench.board.view import View
from bench.records.record import Cell, Result, Slice
from bench.records.sampling import indices
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
    given = {("a", "a", 0.1): Result(status="unsupported", reason="needs a gradient")}
    found = rows(viewed(suite_of(f"{GRID}\n{NOISE}", rank_eps=0.2), answers(given), guests=[A]))
    assert one(found, attack=WORST).rank == 1


def test_noise_is_no_attack() -> None:
    """A model that takes none of the attacks stands no better than one that takes them: it has no worst case."""
    given = {("a", "a", eps): Result(status="unsupported", reason="needs a gradient") for eps in (0.1, 0.2)}
    found = rows(viewed(suite_of(f"{GRID}\n{NOISE}", rank_eps=0.2), answers(given), guests=[A, B]))
    assert [row.model for row in found if row.attack == WORST] == ["b"]
    assert {row.model: row.rank for row in found} == {"a": None, "b": 1}


def test_a_suite_of_noise_alone_ranks_by_it() -> None:
    assert one(rows(viewed(suite_of(NOISE, rank_eps=0.1), answers({}), guests=[A])), attack=WORST).rank == 1


def test_a_model_that_nothing_attacked_has_no_worst_case_and_no_rank() -> None:
    """The clean pass alone says nothing of robustness; nor does an attack beyond the ranking's threat."""
    given = {("a", "a", eps): Result(status="unsupported", reason="needs a gradient") for eps in (0.1, 0.2)}
    suite = suite_of(f"{GRID}\n{NOISE.replace('linf', 'l2')}", rank_eps=0.2)
    found = rows(viewed(suite, answers(given), guests=[A, B]))
    assert [row.model for row in found if row.attack == WORST] == ["b"]
    assert {row.model: row.rank for row in found} == {"a": None, "b": 1}
    line = next(line for line in tables(suite, found)[0].rows if line[1] == "a")
    assert (line[0], *line[-3:]) == ("-", "n/a", "", "nothing attacked it")


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


SAMPLED = f"{GRID}\n  - {{attack: iterated-fgsm, norm: linf, eps: 0.1, n: 4}}\n{NOISE[:-1]}, n: 3}}"
PICKED = {n: indices(Slice(split="test", stop=n, of=6, sample=0), toy().labels("test")).tolist() for n in (3, 4, 5)}
"""The samples of so many of the six examples."""


def under_samples(asked: Cell) -> list[int]:
    """Right but for the first example of the small sample, under the attack on the large one."""
    taken = PICKED.get(asked.craft.slice.n, range(6))
    wrong = PICKED[3][:1] if asked.craft.attack.name == "iterated-fgsm" else []
    return [(TRUE[place] + 1) % 3 if place in wrong else TRUE[place] for place in taken]


@pytest.mark.parametrize(("limit", "ranked"), [(None, True), (5, False), (4, False), (3, False)])
def test_the_worst_case_is_over_the_examples_that_every_attack_covers(limit: int | None, ranked: bool) -> None:
    """Whatever the limit; but only a whole run ranks."""
    assert set(PICKED[3]) < set(PICKED[4])
    found = rows(viewed(suite_of(SAMPLED, ["a"], 0.2), under_samples, references=[A], limit=limit))
    worst = one(found, attack=WORST)
    assert (worst.n, worst.robust_accuracy, worst.clean_accuracy) == (3, pytest.approx(2 / 3), 1.0)
    assert {row.rank for row in found} == {1 if ranked else None}


def test_a_check_on_a_sample_that_was_not_run_leaves_the_worst_case_open() -> None:
    def answer(asked: Cell) -> Any:
        return None if asked.craft.attack.name == "iterated-fgsm" else under_samples(asked)

    worst = one(rows(viewed(suite_of(SAMPLED, rank_eps=0.2), answer, guests=[A])), attack=WORST)
    assert (worst.status, worst.rank, worst.robust_accuracy) == ("missing", None, None)
    assert "iterated-fgsm" in str(worst.reason)


def test_what_a_model_cannot_be_attacked_with_covers_nothing() -> None:
    """Its worst case is over all the examples that the attacks which it takes were tried on."""

    def answer(asked: Cell) -> Any:
        unsupported = asked.craft.attack.name == "iterated-fgsm"
        return Result(status="unsupported", reason="it is too deep") if unsupported else CLEAN

    attacks = f"{GRID}\n  - {{attack: iterated-fgsm, norm: linf, eps: 0.1, n: 3}}"

    def over_slices(asked: Cell) -> Any:
        found = answer(asked)
        taken = PICKED.get(asked.craft.slice.n, range(6))
        return found if isinstance(found, Result) else [CLEAN[place] for place in taken]

    assert one(rows(viewed(suite_of(attacks, rank_eps=0.1), over_slices, guests=[A])), attack=WORST).n == 6


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


def test_a_suite_without_models_of_its_own_ranks_those_that_it_is_given() -> None:
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


RIGHT = {"first": 58, "second": 40, "third": 20, "fourth": 2}
OWN = [model(name) for name in RIGHT]
"""Four models that are significantly apart on 60 examples."""


def board_with(guests: dict[str, int], own: dict[str, int] = RIGHT) -> list[Row]:
    """The suite's own models and guests that have so many of the 60 examples right."""
    right = {**own, **guests}
    return rows(
        viewed(
            suite_of(NOISE, list(own), 0.1),
            lambda asked: standing(right[asked.target.name]),
            dataset=MANY,
            references=[model(name) for name in own],
            guests=[model(name) for name in guests],
        )
    )


def test_copies_of_a_model_move_nobodys_rank() -> None:
    """Seven discordant examples are apart for two models, and for no larger family."""
    own = {"a": 50, "b": 43}
    alone = {row.model: row.rank for row in board_with({}, own)}
    assert alone == {"a": 1, "b": 2}
    crowd = board_with({f"copy-{k}": 50 for k in range(6)}, own)
    assert {row.model: row.rank for row in crowd if row.model in own} == alone
    assert {(row.rank, row.place) for row in crowd if row.model not in own} == {(None, "level with 1")}


@pytest.mark.parametrize(
    ("right", "place", "line"),
    [
        (60, "level with 1", 0),
        (58, "level with 1", 1),
        (49, "between 1 and 2", 1),
        (39, "level with 2", 2),
        (30, "between 2 and 3", 2),
        (11, "between 3 and 4", 3),
        (0, "level with 4", 4),
    ],
)
def test_a_guest_has_a_place_among_the_suites_own_models(right: int, place: str, line: int) -> None:
    found = board_with({"guest": right})
    assert {(row.rank, row.place) for row in found if row.model == "guest"} == {(None, place)}
    assert {row.place for row in found if row.model != "guest"} == {None}
    shown = [row[1] for row in tables(suite_of(NOISE, list(RIGHT), 0.1), found)[0].rows]
    assert shown == [*list(RIGHT)[:line], "guest", *list(RIGHT)[line:]]


@pytest.mark.parametrize(
    ("own", "right", "place"),
    [
        ({"a": 30, "b": 10}, 60, "above 1"),
        ({"a": 60, "b": 40}, 5, "below 2"),
        ({"a": 33, "b": 23}, 28, "level with 1 to 2"),
        ({"a": 40}, 40, "level with 1"),
    ],
)
def test_places_at_the_ends_and_over_several_ranks(own: dict[str, int], right: int, place: str) -> None:
    assert {row.place for row in board_with({"guest": right}, own) if row.model == "guest"} == {place}


def test_guests_have_no_place_where_none_of_the_suites_own_models_is_ranked() -> None:
    def answer(asked: Cell) -> Any:
        return standing(30) if asked.target.name == "guest" else None

    found = rows(viewed(suite_of(NOISE, ["a"], 0.1), answer, dataset=MANY, references=[A], guests=[GUEST]))
    assert {(row.model, row.rank, row.place) for row in found} == {("guest", None, None)}


def test_the_board_says_what_a_place_is_and_how_many_versions_were_tried() -> None:
    """The best of many tries flatters."""
    suite = suite_of(NOISE, list(RIGHT), 0.1)
    answer = lambda asked: standing(RIGHT.get(asked.target.name, 30))  # noqa: E731
    records, _ = shelved(suite, answer, dataset=MANY, references=OWN, guests=[GUEST])
    tried, _ = shelved(suite, answer, dataset=MANY, guests=[model("guest", fingerprint="1" * 64)])
    found = rows(View(suite, MANY, {**records, **tried}, {}))
    assert {row.versions_tried for row in found if row.model == "guest"} == {2}
    assert {row.versions_tried for row in found if row.model != "guest"} == {1}
    first = tables(suite, found)[0]
    assert "not corrected over guests" in first.terms
    assert [line[1] for line in first.rows if line[0].startswith("between")] == ["guest (2 versions tried)"]
    alone = rows(viewed(suite, answer, dataset=MANY, references=OWN))
    assert "guest" not in tables(suite, alone)[0].note
