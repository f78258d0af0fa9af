"""Blind judging: who answers by more than the input is found, and nobody else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from handmade import cell
from known_models import Answering
from torch import Tensor
from unsteady_models import CENTRES, STEADY, UNSTEADY, Told, by_size, honest

from bench.checks.again import Given
from bench.records.record import Slice
from bench.running.blind import KEPT, Blind, Memory, is_due
from bench.running.judge import ask
from bench.running.layout import batches

N, CELLS = 599, 22
"""Examples of digits, and cells of a model without a gradient in `digits-fgsm`."""
SHOWN = batches(cell(part=Slice(split="test", stop=N, of=N)).craft, 0, N)


TRUE = torch.randint(10, (N,), generator=torch.Generator().manual_seed(0))


def candidates(number: int, near_ties: bool = False) -> Tensor:
    """`(N, 64)` inputs of a cell, half of them labelled wrongly; near ties lie midway between two centres."""
    draw = torch.Generator().manual_seed(number)
    others = (TRUE + torch.randint(1, 10, (N,), generator=draw)) % 10
    towards = torch.full((N, 1), 0.5) if near_ties else torch.rand(N, 1, generator=draw)
    x = CENTRES[TRUE].lerp(CENTRES[others], towards)
    return x if near_ties else x + 0.02 * torch.randn(N, 64, generator=draw)


def found(predict: object, cells: int = CELLS, near_ties: bool = False) -> tuple[set[str], int]:
    """All findings about a model over so many cells, and the number of examples that it was asked again."""
    target, memory = Answering(predict), Memory()
    findings, asked = set[str](), 0
    for number in range(cells):
        x = candidates(number, near_ties)
        again = Blind(target, x, 10, memory)
        again.before(len(SHOWN[0]))
        labels = np.empty(N, dtype=np.int64)
        for places in SHOWN:
            labels[places] = ask(target, x[torch.from_numpy(places)], 10).labels.numpy()
        again.after(labels, TRUE.numpy(), SHOWN)
        findings |= again.findings
        asked += again.asked
    return findings, asked


def told(share: float = 1.0, seed: int = 0) -> Told:
    return Told(SHOWN, TRUE.numpy(), share, seed)


REPEATS = {"first_time_only", "drifting", "drawing"}
"""Those that the very same batch gives another label. The others have an answer for each batch."""


@pytest.mark.parametrize("name", UNSTEADY)
def test_what_answers_by_more_than_the_input_is_found(name: str) -> None:
    findings, _ = found(UNSTEADY[name](told()))
    assert findings
    if name in REPEATS:
        assert "not-repeatable" in findings
    elif name != "by_call":
        assert "order-dependent" in findings


@pytest.mark.parametrize("near_ties", [False, True], ids=["inside", "on the boundary"])
@pytest.mark.parametrize("name", STEADY)
def test_what_answers_by_the_input_alone_is_not(name: str, near_ties: bool) -> None:
    findings, asked = found(STEADY[name](told()), near_ties=near_ties)
    assert findings == set()
    assert asked > 5 * CELLS


@pytest.mark.parametrize(("share", "runs", "missed"), [(0.02, 40, 4), (0.1, 10, 0)])
def test_a_few_lies_are_caught_over_a_suite(share: float, runs: int, missed: int) -> None:
    """Of a model that knows a share of the examples by their places, and is honest in batches that it does not know.

    It would have had half of them right anyway. So one label in a hundred is a lie, or in twenty. Drawn blindly, ten
    candidates a cell meet one of the former with probability .89, and those drawn from among the labels that are right,
    where lies are, or by the hundred come on top.
    """
    caught = 1 - (1 - share / 2) ** (10 * CELLS)
    assert caught > (0.88 if missed else 1 - 1e-4)
    findings = [found(by_size(told(share, seed)))[0] for seed in range(runs)]
    assert sum("order-dependent" not in one for one in findings) <= missed


def test_cells_of_many_parts_are_asked_again_in_three_on_average() -> None:
    assert all(is_due(parts) for parts in (1, 2, 3) for _ in range(100))
    assert 400 < sum(is_due(10) for _ in range(2000)) < 800


def test_what_a_run_remembers_of_a_model_stays_small() -> None:
    memory = Memory()
    assert memory.some(3) == []
    for label in range(100):
        memory.keep(Given(torch.zeros(1, 64), 0, label))
    kept = memory.some(1000)
    assert len(kept) == KEPT
    assert len({given.label for given in kept}) == KEPT


def test_a_batch_that_does_not_fit_is_no_finding() -> None:
    def hungry(x: Tensor) -> Tensor:
        if 1 < len(x) < 200:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(x)

    assert found(hungry)[0] == set()
