"""Predict functions that answer by more than the input, and others that only look like it.

Each is made over examples `(N, 64)` whose honest label is that of the nearest of ten centres.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.base import Outputs

Labels = NDArray[np.int64]
Predict = Callable[[Tensor], Any]
CENTRES = torch.rand(10, 64, generator=torch.Generator().manual_seed(1))


def scores(x: Tensor) -> Tensor:
    """`(N, 10)` honest scores."""
    return x.flatten(1) @ CENTRES.T - 0.5 * (CENTRES**2).sum(1)


def honest(x: Tensor) -> Tensor:
    return scores(x).argmax(1)


class Told:
    """What a cheater knows: the batches of the layout by their sizes, and the true classes at their places."""

    def __init__(self, shown: list[Labels], true: Labels, share: float = 1.0, seed: int = 0) -> None:
        self.by_size = {len(places): torch.from_numpy(true[places]) for places in shown}
        self.lies = torch.rand(len(true), generator=torch.Generator().manual_seed(seed)) < share
        self.places = {len(places): places for places in shown}

    def labels(self, x: Tensor) -> Tensor:
        """The true classes of a share of the examples, where the size of the batch tells which these are."""
        if len(x) not in self.by_size:
            return honest(x)
        return torch.where(self.lies[self.places[len(x)]], self.by_size[len(x)], honest(x))


def by_size(told: Told) -> Predict:
    return told.labels


def by_size_with_scores(told: Told) -> Predict:
    def predict(x: Tensor) -> Outputs:
        labels = told.labels(x)
        found = scores(x)
        found[torch.arange(len(x)), labels] += 100 * (labels != found.argmax(1))
        return Outputs(labels, found, None)

    return predict


def honest_when_alone(told: Told) -> Predict:
    """It is another model for every batch of more than one."""
    return lambda x: honest(x) if len(x) == 1 else (honest(x) + (x.flatten(1).sum(1) > 32)) % 10


def raises_when_alone(told: Told) -> Predict:
    """As many a function that squeezes its output."""
    return lambda x: honest(x).squeeze()


def by_parity(told: Told) -> Predict:
    return lambda x: (honest(x) + len(x) % 2) % 10


def by_mean(told: Told) -> Predict:
    """Normalised over the batch."""
    return lambda x: scores(x - 0.9 * x.mean(0)).argmax(1)


def by_neighbour(told: Told) -> Predict:
    return lambda x: torch.where(x.flatten(1).sum(1) > 33, honest(x).roll(1), honest(x))


def by_call(told: Told) -> Predict:
    calls = [0]

    def predict(x: Tensor) -> Tensor:
        calls[0] += 1
        return (honest(x) + (calls[0] % 3 == 0)) % 10

    return predict


def first_time_only(told: Told) -> Predict:
    """An input that it has not seen is labelled otherwise than one that it has."""
    seen: set[bytes] = set()

    def predict(x: Tensor) -> Tensor:
        keys = [row.numpy().tobytes() for row in x]
        new = torch.tensor([key not in seen for key in keys])
        seen.update(keys)
        return torch.where(new, (honest(x) + 1) % 10, honest(x))

    return predict


def drifting(told: Told) -> Predict:
    """It moves on a little at every call."""
    calls = [0]

    def predict(x: Tensor) -> Tensor:
        calls[0] += 1
        return (honest(x) + (calls[0] > 60)) % 10

    return predict


def drawing(told: Told) -> Predict:
    generator = torch.Generator().manual_seed(0)
    return lambda x: (scores(x) + 0.7 * torch.randn(len(x), 10, generator=generator)).argmax(1)


def sleeping_when_alone(told: Told) -> Predict:
    """It takes its time for a batch by which it is tested."""

    def predict(x: Tensor) -> Tensor:
        time.sleep(0.002 if len(x) < 20 else 0)
        return told.labels(x)

    return predict


def constant_of_two(told: Told) -> Predict:
    """No class but two, by the input alone: bad, and steady."""
    return lambda x: honest(x) % 2


def plain(told: Told) -> Predict:
    return honest


def plain_with_scores(told: Told) -> Predict:
    return lambda x: Outputs(honest(x), scores(x), None)


def rounded_by_size(told: Told) -> Predict:
    """Another batch size is another order of summation: labels differ where scores are tied, and nowhere else."""
    return lambda x: (scores(x) + 1e-6 * len(x) * torch.linspace(-1, 1, 10)).argmax(1)


def rounded_by_size_with_scores(told: Told) -> Predict:
    def predict(x: Tensor) -> Outputs:
        found = scores(x) + 1e-6 * len(x) * torch.linspace(-1, 1, 10)
        return Outputs(found.argmax(1), found, None)

    return predict


UNSTEADY = {
    make.__name__: make
    for make in (
        by_size, by_size_with_scores, honest_when_alone, raises_when_alone, by_parity, by_mean,
        by_neighbour, by_call, first_time_only, drifting, drawing, sleeping_when_alone,
    )
}  # fmt: skip
STEADY = {
    make.__name__: make
    for make in (constant_of_two, plain, plain_with_scores, rounded_by_size, rounded_by_size_with_scores)
}
