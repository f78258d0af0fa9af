"""Who can have no rank by the clean pass alone, and how sure that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.board.standing import ENOUGH, at_chance, standing

Labels = NDArray[np.int64]


def classes(n: int = 600, k: int = 10, most: float = 0.0, seed: int = 0) -> Labels:
    """`(n,)` true classes; the first has `most` of them, if that is more than its share."""
    draw = np.random.default_rng(seed)
    rest = max(most, 1 / k)
    return draw.choice(k, n, p=[rest, *[(1 - rest) / (k - 1)] * (k - 1)])


def answered(true: Labels, right: float, k: int = 10, seed: int = 1) -> Labels:
    """Labels of which this share is right, and the others are drawn from the other classes."""
    draw = np.random.default_rng(seed)
    wrong = (true + draw.integers(1, k, len(true))) % k
    return np.where(draw.random(len(true)) < right, true, wrong)


TEN, TWO, RARE = classes(), classes(k=2), classes(2000, k=3, most=0.9)
FEW = np.repeat([0, 1], [991, 9])

CASES: dict[str, tuple[Any, Labels, set[str]]] = {
    "sound": (answered(TEN, 0.9), TEN, set()),
    "poor": (answered(TEN, 0.4), TEN, set()),
    "guessing": (answered(TEN, 0.1), TEN, {"at-chance"}),
    "constant": (np.full(600, 3), TEN, {"one-class", "at-chance"}),
    "always abstaining": (np.full(600, -1), TEN, {"one-class", "at-chance"}),
    "one class or none": (np.where(np.arange(600) % 2, 3, -1), TEN, {"one-class", "at-chance"}),
    "abstaining mostly": (np.where(np.arange(600) % 3, -1, TEN), TEN, set()),
    "shifted": ((TEN + 1) % 10, TEN, {"classes-renamed", "at-chance"}),
    "poor and shifted": ((answered(TEN, 0.5) + 1) % 10, TEN, {"classes-renamed", "at-chance"}),
    "half of the classes shifted": (np.where(TEN < 5, (TEN + 1) % 5, TEN), TEN, {"classes-renamed"}),
    "two classes swapped": (np.select([TEN == 1, TEN == 7], [7, 1], TEN), TEN, {"classes-renamed"}),
    "two classes taken for one": (np.where(TEN == 1, 7, TEN), TEN, set()),
    "constant for two classes": (np.where(TEN < 2, 0, TEN), TEN, set()),
    "five classes for ten": (TEN // 2 * 2, TEN, set()),
    "two classes, sound": (answered(TWO, 0.8, 2), TWO, set()),
    "two classes, guessing": (answered(TWO, 0.5, 2), TWO, {"at-chance"}),
    "two classes, swapped": (1 - answered(TWO, 0.8, 2), TWO, {"classes-renamed", "at-chance"}),
    "rare classes, sound": (answered(RARE, 0.97, 3), RARE, set()),
    "rare classes, right for the commonest alone": (np.zeros(2000, int), RARE, {"one-class", "at-chance"}),
    "rare classes, right for a rare one alone": (np.where(RARE == 1, 1, 2), RARE, {"at-chance", "classes-renamed"}),
    "rare classes, the rare ones swapped": (np.array([0, 2, 1])[RARE], RARE, {"at-chance", "classes-renamed"}),
    "nine of the other class, constant": (np.zeros(1000, int), FEW, {"one-class", "at-chance"}),
    "nine of the other class, sound": (FEW, FEW, set()),
    "nine of the other class, three found": (np.repeat([0, 1], [997, 3]), FEW, {"at-chance"}),
    "two answers for ten classes": (np.where(TEN == 1, 1, 0), TEN, set()),  # 20% right is more than a constant's 10
    "two answers for ten classes, drawn": (answered(np.arange(600) % 2, 1.0), TEN, {"at-chance"}),
    "a single class in the data": (np.zeros(600, int), np.zeros(600, int), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_clean_pass_says(case: str) -> None:
    labels, true, flags = CASES[case]
    found = standing(labels, true)
    assert set(found) == flags
    assert all("%" in numbers or "all of its answers" in numbers for numbers in found.values())


@pytest.mark.parametrize("case", CASES)
def test_of_a_few_examples_nothing_is_said(case: str) -> None:
    labels, true, _ = CASES[case]
    assert standing(labels[:20], true[:20]) == {}
    assert standing(labels[: ENOUGH - 1], true[: ENOUGH - 1]) == {}


def test_the_numbers_are_those_of_the_examples() -> None:
    true = np.repeat([0, 1, 2, 3], [40, 20, 20, 20])
    assert standing(np.full(100, 3), true) == {
        "one-class": "all of its answers are class 3",
        "at-chance": "20.0% right; the commonest class is 40.0%",
    }
    renamed = standing((true + 1) % 4, true)
    assert renamed["classes-renamed"] == "0.0% right, 100.0% with its classes renamed"


@pytest.mark.parametrize(
    ("right", "n", "most", "found"),
    [
        (980, 10_000, 1135, True),
        (1135, 10_000, 1135, True),
        (1300, 10_000, 1135, False),  # 13% are more than 11.35%, however few
        (114, 1000, 114, True),
        (60, 100, 60, True),
        (60, 100, 50, True),  # not sure: such a model may be guessing
        (65, 100, 50, False),
        (50, 100, 50, True),
        (950, 1000, 950, True),  # always answering the common class is as often right
        (970, 1000, 950, False),
        (9500, 10_000, 9500, True),
        (0, 60, 6, True),
    ],
)
def test_at_chance_is_who_is_not_surely_above_it(right: int, n: int, most: int, found: bool) -> None:
    assert at_chance(right, n, most) is found


@pytest.mark.parametrize("k", [2, 3, 10, 50])
def test_names_that_suit_by_chance_are_no_other_names(k: int) -> None:
    """Of models that guess, some permutation always suits better; of a hundred, at most one is taken for renamed."""
    true = classes(500, k)
    guesses = [answered(true, 1 / k, k, seed) for seed in range(100)]
    assert sum("classes-renamed" in standing(labels, true) for labels in guesses) <= 1


@pytest.mark.parametrize("right", [0.3, 0.5, 0.9])
def test_a_model_that_is_wrong_in_its_own_way_is_not_renamed(right: float) -> None:
    """It mistakes every class for one other, and not the other way round."""
    true = classes(2000)
    draw = np.random.default_rng(5)
    labels = np.where(draw.random(2000) < max(right, 0.51), true, (true + 1) % 10)
    assert standing(labels, true) == {}
