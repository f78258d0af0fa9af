"""Two labels of one example: a finding, or a near-tie, or a slip that does not come again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, cycle, repeat
from typing import Any

import pytest
import torch
from torch import Tensor

from adapters.base import Outputs
from bench.checks.again import COPIES, ORDER, RAISES, REPEAT, Given, settled

X = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
MANY, ALONE = Given(X, 2, 0), Given(X[2:3], 0, 1)
"""An example that was labelled 0 among five, and 1 alone."""
CLEAR, TIE = [3.0, 1.0, 0.0], [3.0, 3.0 - 1e-5, 0.0]
SPAN = torch.ones(3)


def model(many: Any, alone: Any, copies: Any = 0) -> Callable[[Tensor], Outputs]:
    """Gives labels, or labels and scores, one an asking, the last for good; by the size of the batch. To an example
    alone that is not quite the same, it says one of `copies` after the other.
    """
    given = {len(X): many, 1: alone}
    turns = {size: _turns(said) for size, said in given.items()}
    moved = cycle(copies if isinstance(copies, list) else [copies])

    def ask(x: Tensor) -> Outputs:
        said = next(turns[len(x)]) if len(x) > 1 or torch.equal(x, ALONE.batch) else next(moved)
        if said == RAISES:
            raise ValueError("no")
        label, scores = said if isinstance(said, tuple) else (said, None)
        found = None if scores is None else torch.tensor([scores] * len(x))
        return Outputs(torch.full((len(x),), label), found, None)

    return ask


def _turns(said: Any) -> Any:
    told = said if isinstance(said, tuple) and not isinstance(said[1], list) else (said,)
    return chain(told, repeat(told[-1]))


@pytest.mark.parametrize(
    ("many", "alone", "copies", "finding"),
    [
        (0, 1, 1, ORDER),  # each batch keeps to its own
        (0, RAISES, 0, ORDER),
        ((0, CLEAR), (1, [1.0, 3.0, 0.0]), 1, ORDER),
        ((0, TIE), (1, [1.0, 3.0, 0.0]), 1, ORDER),  # alone, it has made up its mind
        ((0, TIE), (1, TIE), 1, None),
        (0, 1, [0, 1, 1], None),  # moved a little, it is labelled both ways
        (0, 1, [1, 2], ORDER),  # but not as it was among others
        (0, -1, [0, -1], None),  # on the edge of an abstention
        (1, 1, 1, REPEAT),  # the same five, and the other label, twice
        (1, 0, 1, REPEAT),
        ((0, 1, 0, 1), 1, [0, 1], REPEAT),  # now so, now so: that copies show both says nothing
        ((0, 1, 0, 0), 1, 1, None),  # once is no habit
    ],
)
def test_what_two_labels_come_to(many: Any, alone: Any, copies: Any, finding: str | None) -> None:
    second = Given(ALONE.batch, 0, alone if alone in (RAISES, -1) else 1)
    assert settled(model(many, alone, copies), MANY, second, SPAN) == finding


def test_running_out_of_memory_is_told_but_of_one_example() -> None:
    def ask(x: Tensor) -> Outputs:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        settled(ask, MANY, ALONE, SPAN)
    assert settled(ask, ALONE, ALONE, SPAN) == REPEAT


def test_copies_are_moved_by_the_range_of_each_feature() -> None:
    """By fresh random numbers, each in the example's place in the smaller of the two batches."""
    shown = []

    def ask(x: Tensor) -> Outputs:
        shown.append(x)
        return Outputs(torch.full((len(x),), int(len(x) == 1)), None, None)

    span = torch.tensor([0.0, 1.0, 1000.0])
    assert settled(ask, MANY, ALONE, span) == ORDER
    copies = [x for x in shown if len(x) == 1 and not torch.equal(x, ALONE.batch)]
    assert len(copies) >= 2 * COPIES
    moved = (torch.cat(copies) - X[2]).abs().amax(0)
    assert moved.tolist() == pytest.approx([0.0, 1e-4, 0.1], rel=0.01)
    first = list(map(torch.clone, copies))
    shown.clear()
    settled(ask, MANY, ALONE, span)
    again = [x for x in shown if len(x) == 1 and not torch.equal(x, ALONE.batch)]
    assert [one.tolist() for one in first] != [one.tolist() for one in again]


def test_whoever_knows_a_batch_of_copies_is_shown_none() -> None:
    """A model that answers by the size of the batch, and all labels at once where all are alike."""

    def ask(x: Tensor) -> Outputs:
        if len(x) > len(X) and float((x.amax(0) - x.amin(0)).max()) < 1e-2:
            return Outputs(torch.arange(len(x)) % 2, None, None)
        return Outputs(torch.full((len(x),), int(len(x) == 1)), None, None)

    assert settled(ask, MANY, ALONE, SPAN) == ORDER
