"""What is counted of the answers: the numbers are those of plain Python."""

from __future__ import annotations

import itertools
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from handmade import cell, model
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Outputs
from adapters.errors import InvalidOutput
from bench.records.record import AttackId, Costs, Result, Slice
from bench.running.judge import Audit, audit, united
from bench.running.tally import Tally, joined
from bench.threats import Criterion, Threat

ATTACK = AttackId(name="fgsm", revision=1, parameters={})
RUBBISH = AttackId(name="gaussian-rubbish", revision=1, parameters={})
LINF = Threat(norm="linf", eps=0.1)
SOFTMAX = model("soft", confidence_kind="softmax")


def outputs_of(labels: list[int], probabilities: list[list[float]] | None = None) -> Outputs:
    given = None if probabilities is None else torch.tensor(probabilities, dtype=torch.float64)
    return Outputs(torch.tensor(labels), given, given)


class Tallied:
    """The batches of one cell, judged in another order than the slice's."""

    def __init__(self, asked_cell: Any, batches: list[tuple[Any, ...]]) -> None:
        ends = np.cumsum([0, *(len(true) for _, true, _, _ in batches)])
        self.tally = Tally(asked_cell, int(ends[-1]))
        true = np.concatenate([np.asarray(true, dtype=np.int64) for _, true, _, _ in batches])
        goals = None if batches[0][2] is None else np.concatenate([goals for _, _, goals, _ in batches])
        self.tally.begin(true, goals, united([measured for *_, measured in batches]))
        for start, (outputs, labels, _, _) in reversed(list(zip(ends.tolist(), batches, strict=False))):
            self.tally.add(np.arange(start, start + len(labels)), outputs)

    def result(self, index: Any, classes: int, flags: tuple[str, ...] = ()) -> Result:
        return joined([self.tally.part(index, None, 0.0, flags)], classes)


def tallied(asked_cell: Any, batches: list[tuple[Any, ...]]) -> Tallied:
    return Tallied(asked_cell, batches)


def test_untargeted_counts() -> None:
    tally = tallied(
        cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=LINF),
        [
            (
                outputs_of([0, 2, -1], [[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.4, 0.3, 0.3]]),
                [0, 1, 1],
                None,
                Audit(0.1, 1),
            ),
            (outputs_of([2], [[0.05, 0.05, 0.9]]), [0], None, Audit(0.09, 0)),
        ],
    )
    found = tally.result(None, 3)
    assert (found.n, found.errors, found.successes, found.abstentions) == (4, 2, 2, 1)
    assert found.confidence_on_mistakes == pytest.approx((0.7 + 0.9) / 2)
    assert found.confidence == pytest.approx((0.6 + 0.7 + 0.9) / 3)
    assert (found.unmoved, found.largest) == (1, 0.1)
    assert found.predicted.tolist() == [0, 2, -1, 2]
    assert found.examples is not None
    assert (found.examples.true, found.examples.goal, found.examples.index, found.examples.margin) == (None,) * 4


def test_targeted_success_is_the_goal_class_and_examples_left_out_do_not_count() -> None:
    tally = tallied(
        cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=LINF, criterion=Criterion(kind="targeted")),
        [(outputs_of([1, 2, 2, 1, -1]), [0, 1, 2, 0, 0], [1, 0, -1, 2, 1], Audit(0.1, 0))],
    )
    found = tally.result(None, 3)
    assert found.n == 4
    assert (
        found.successes == 1
    )  # the first; the second errs elsewhere, the third was left out, the fourth errs elsewhere
    assert found.errors == 3
    assert found.abstentions == 1
    assert found.goal.tolist() == [1, 0, -1, 2, 1]


def test_of_a_targeted_attack_any_mistake_counts_where_the_criterion_says_so() -> None:
    tally = tallied(
        cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=LINF, criterion=Criterion()),
        [(outputs_of([1, 2, 2, 1, -1]), [0, 1, 2, 0, 0], [1, 0, -1, 2, 1], Audit(0.1, 0))],
    )
    found = tally.result(None, 3)
    assert (found.n, found.successes, found.errors) == (4, 3, 3)


def test_the_clean_pass_keeps_true_classes_median_margin_and_flags() -> None:
    scores = [[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]]
    tally = tallied(cell(SOFTMAX), [(outputs_of([0, 1, 1, 2], scores), [0, 1, 2, 2], None, Audit(None, 4))])
    found = tally.result(np.array([2, 5, 7, 8]), 3, ("randomised",))
    assert found.true.tolist() == [0, 1, 2, 2]
    assert found.index.tolist() == [2, 5, 7, 8]
    assert found.flags == ("randomised",)
    assert found.median_margin == pytest.approx(median([0.8, 0.2, 0.1]))
    assert found.examples is not None
    assert found.examples.margin is None


def test_a_model_of_a_single_class_has_no_margin() -> None:
    """The scores of classes that it does not know are minus infinity: so far away is no number for a record."""
    scores = torch.full((3, 3), -torch.inf)
    scores[:, 1] = 1.0
    tally = tallied(cell(SOFTMAX), [(Outputs(scores.argmax(1), scores, None), [1, 1, 0], None, Audit(None, 3))])
    assert tally.result(None, 3).median_margin is None


def rubbish_cell(target: Any) -> Any:
    part = Slice(split=None, stop=3, of=3)
    criterion = Criterion(kind="confident", threshold=0.5)
    return cell(target, attack=RUBBISH, part=part, criterion=criterion)


RUBBISH_ANSWERS = outputs_of([0, 1, 1], [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])


def test_rubbish_succeeds_where_any_class_is_given_with_confidence() -> None:
    tally = tallied(rubbish_cell(SOFTMAX), [(RUBBISH_ANSWERS, [-1, -1, -1], None, Audit(None, 0))])
    found = tally.result(None, 3)
    assert (found.n, found.successes, found.errors) == (3, 2, None)  # 0.5 is not above 0.5
    assert found.success_classes == (0, 2, 0)
    assert found.confidence_on_mistakes == pytest.approx(0.75)
    assert found.confidence == pytest.approx((0.5 + 0.8 + 0.7) / 3)
    assert found.margin.tolist() == pytest.approx([0.2, 0.7, 0.5])


@pytest.mark.parametrize(
    ("kind", "classes", "outputs"),
    [
        ("votes", 3, RUBBISH_ANSWERS),
        ("softmax", 2, outputs_of([0, 1, 1], [[0.5, 0.5], [0.2, 0.8], [0.3, 0.7]])),
        (None, 3, outputs_of([0, 1, 1])),
    ],
    ids=["votes", "binary", "labels only"],
)
def test_confidence_in_rubbish_is_judged_for_softmax_and_sigmoid_of_several_classes_alone(
    kind: str | None, classes: int, outputs: Outputs
) -> None:
    tally = tallied(rubbish_cell(model("m", confidence_kind=kind)), [(outputs, [-1] * 3, None, Audit(None, 0))])
    found = tally.result(None, classes)
    assert (found.n, found.successes, found.success_classes) == (3, None, None)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), targeted=st.booleans())
def test_counts_are_those_of_plain_python(data: st.DataObject, targeted: bool) -> None:
    """Whatever the batches, the numbers are sums over examples."""
    n = data.draw(st.integers(1, 30))
    column = st.lists(st.integers(-1, 3), min_size=n, max_size=n)
    labels = data.draw(column)
    true = [abs(value) for value in data.draw(column)]
    goals = data.draw(column) if targeted else None
    cut = data.draw(st.integers(0, n))
    ends = [(a, b) for a, b in ((0, cut), (cut, n)) if a < b]
    criterion = Criterion(kind="targeted" if targeted else "misclassified")
    tally = tallied(
        cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=LINF, criterion=criterion),
        [(outputs_of(labels[a:b]), true[a:b], goals and goals[a:b], Audit(0.1, 0)) for a, b in ends],
    )
    found = tally.result(None, 4)
    counted = [i for i in range(n) if goals is None or goals[i] >= 0]
    errors = [i for i in counted if labels[i] not in (-1, true[i])]
    successes = errors if goals is None else [i for i in counted if labels[i] == goals[i]]
    assert (found.n, found.errors, found.successes) == (len(counted), len(errors), len(successes))
    assert found.abstentions == sum(labels[i] == -1 for i in counted)
    assert found.predicted.tolist() == labels


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_result_does_not_depend_on_parts_or_batches(data: st.DataObject) -> None:
    """However a slice is cut and in whatever order it is judged, its result is the same, bit for bit."""
    n = data.draw(st.integers(2, 40))
    labels = np.asarray(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    true = np.asarray(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    probabilities = torch.tensor(np.random.default_rng(n).dirichlet(np.ones(4), n))
    asked_cell = cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=LINF)

    def cut(ends: list[int]) -> Result:
        found = []
        for a, b in itertools.pairwise([0, *sorted(set(ends)), n]):
            tally = Tally(asked_cell, b - a)
            tally.begin(true[a:b], None, Audit(0.1, 0))
            for places in np.array_split(np.random.default_rng(a).permutation(b - a), 3):
                rows = a + places
                given = Outputs(torch.tensor(labels[rows]), None, probabilities[rows])
                tally.add(places, given)
            found.append(tally.part(None, Costs(gradients=b - a), 0.0))
        return joined(found, 4)

    ends = data.draw(st.lists(st.integers(1, n - 1), max_size=4))
    assert cut(ends) == cut([])
    assert cut(ends).costs == Costs(gradients=n)


def test_scores_for_some_batches_only_are_no_valid_answer() -> None:
    tally = Tally(cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=LINF), 2)
    tally.begin(np.array([1, 1]), None, Audit(0.1, 0))
    tally.add(np.array([0]), outputs_of([1], [[0.1, 0.9]]))
    with pytest.raises(InvalidOutput, match="for some examples only"):
        tally.add(np.array([1]), outputs_of([1]))


def test_the_distance_of_a_success_is_kept_and_never_rounded_down() -> None:
    asked_cell = cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=Threat(norm="l2"))
    x = torch.zeros(3, 1)
    moved = torch.tensor([[0.1], [0.2], [0.3]], dtype=torch.float64) + 1e-12
    measured = audit(moved, x.double(), asked_cell.threat)
    found = tallied(asked_cell, [(outputs_of([1, 0, 2]), [0, 0, 0], None, measured)]).result(None, 3)
    assert found.distance is not None
    assert found.distance[1] == np.inf
    assert (found.distance[[0, 2]] >= moved[[0, 2], 0].numpy()).all()
    assert found.distance[[0, 2]] == pytest.approx([0.1, 0.3], abs=1e-7)


def test_the_nearest_abstention_is_a_success_of_a_minimum_norm_attack() -> None:
    """At every size that it is held to, it is a mistake; it is no wrong class."""
    asked_cell = cell(SOFTMAX, source=SOFTMAX, attack=ATTACK, threat=Threat(norm="l2"))
    x = torch.zeros(3, 1)
    measured = audit(torch.tensor([[0.1], [0.2], [0.3]]), x, asked_cell.threat)
    found = tallied(asked_cell, [(outputs_of([1, 0, -1]), [0, 0, 0], None, measured)]).result(None, 3)
    assert found.distance is not None
    assert np.isfinite(found.distance).tolist() == [True, False, True]
    assert (found.successes, found.errors, found.abstentions) == (2, 1, 1)
