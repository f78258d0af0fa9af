"""Our value of a number: each kind of it worked out by hand on six examples, and averaged over training runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from handmade import result
from one_number import CLEAN, FGSM, FOOLED, TRUE, fooled, judged, number

from bench.records.record import Cell

RUBBISH = {"dataset": "toy", "model": "a", "attack": "gaussian-rubbish", "n": 6}


def measured(which: Any, answer: Callable[[Cell], Any] = fooled, **conditions: Any) -> Any:
    """The number and what it counts, or why there is none."""
    which = {"number": which} if isinstance(which, str) else which
    line = judged(
        number(conditions=FGSM | conditions, measure={"x": which}, claim="x >= 0"),
        answer,
    )
    return (pytest.approx(line.ours["x"].mean), line.ours["x"].n) if line.ours else line.reason


def test_clean_numbers() -> None:
    clean: dict[str, Any] = {"attack": "clean", "eps": None}
    assert measured("error", **clean) == (1 / 6, 6)
    assert measured("confidence", **clean) == (0.9, 6)
    assert measured("error", lambda asked: [0, 1, 2, 0, -1, 1], **clean) == (2 / 6, 6)  # an abstention is a mistake
    assert measured("error", lambda asked: [0, 1, 2, 0, -1, 1]) == (2 / 6, 6)  # under attack as well


def by_target(given: dict[str, list[int]]) -> Callable[[Cell], Any]:
    return lambda asked: CLEAN if asked.craft.attack.name == "clean" else given[asked.target.name]


def test_agreement_is_over_the_mistakes_of_the_source_or_of_both() -> None:
    """`b` has the source's wrong class on two of its five mistakes; on four both are wrong."""
    given = by_target({"b": FOOLED, "a": [1, 2, 1, 0, 0, 0], "c": FOOLED})
    crafted = {"source": "b"}
    assert measured("agreement", given, **crafted) == (2 / 5, 5)
    assert measured("agreement_when_both_err", given, **crafted) == (2 / 4, 4)
    # On those four b says 1 2 0 1 and a says 1 2 1 0: each class as often as the other does, 1, 2 and 1 times.
    assert measured("chance_when_both_err", given, **crafted) == ((1 + 4 + 1) / 16, 4)


def test_agreement_with_a_third_model_on_the_source_s_examples() -> None:
    given = by_target({"b": TRUE, "a": [1, 2, 2, 0, 1, 2], "c": [1, 0, 0, 0, 1, 2]})
    assert measured("agreement_when_both_err", given, source="b", of="c") == (1 / 2, 2)
    assert measured("agreement", given, source="b") == "there are no mistakes to agree on"


def rubbish(asked: Cell) -> Any:
    if asked.craft.attack.name == "clean":
        return CLEAN
    goal = [0, 1, 2, 0, 1, 2] if asked.craft.attack.name == "fooling" else None
    made = result(asked, [0, 0, 2, 0, 1, 0], None, goal, margin=[1.0] * 6)
    return made.model_copy(update={"successes": 4, "success_classes": (2, 0, 2), "confidence_on_mistakes": 0.8})


def test_rubbish_counts_what_the_model_is_confident_of() -> None:
    assert measured("error", rubbish, **RUBBISH, eps=None) == (4 / 6, 6)
    assert measured("confidence_on_mistakes", rubbish, **RUBBISH, eps=None) == (0.8, 4)
    assert measured({"number": "class_share", "label": 0}, rubbish, **RUBBISH, eps=None) == (2 / 4, 4)
    assert measured({"number": "class_share", "label": 1}, rubbish, **RUBBISH, eps=None) == (0, 4)


def test_fooling_images_count_by_the_class_that_they_were_to_become() -> None:
    """Two samples for each of three classes: all become the first, none the second, all the third."""
    asked = {"attack": "fooling", "n": 6, "eps": None}
    assert measured({"number": "class_success", "label": 2}, rubbish, **asked) == (1, 2)
    assert measured({"number": "class_success", "label": 1}, rubbish, **asked) == (0, 2)
    assert measured("mean_class_success", rubbish, **asked) == (2 / 3, 6)


def test_what_cannot_be_told_is_not_a_zero() -> None:
    def unsure(asked: Cell) -> Any:
        found = rubbish(asked)
        plain = {"successes": None, "success_classes": None, "confidence_on_mistakes": None}
        return found if found is CLEAN else found.model_copy(update=plain)

    for which in ("error", "confidence_on_mistakes", {"number": "class_share", "label": 0}):
        assert "no probabilities" in str(measured(which, unsure, **RUBBISH, eps=None))
    assert "aims at no class" in str(measured("mean_class_success", rubbish, **RUBBISH, eps=None))


def test_training_runs_of_a_model_are_averaged() -> None:
    labels = {"a": FOOLED, "a-seed-1": CLEAN, "a-seed-2": FOOLED, "a-seed": TRUE, "ab-seed-1": TRUE}
    asked = number(beside={f"n{k}": {"number": "error", "model": name} for k, name in enumerate(labels)})
    line = judged(asked, by_target(labels), models=list(labels))
    shares = [5 / 6, 1 / 6, 5 / 6]
    assert line.ours["error"].runs == 3
    assert line.ours["error"].mean == pytest.approx(np.mean(shares))
    assert line.ours["error"].spread == pytest.approx(np.std(shares, ddof=1))
