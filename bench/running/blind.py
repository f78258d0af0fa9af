"""Blind judging: a target is asked again about some of what it was shown, in batches that it cannot foresee.

The batches of a part are known to whoever reads the layout: by their sizes alone a model could tell which test images
it is shown. So some candidates, drawn from a fresh secret, are asked about once more: a few of them before the part's
own batches, when nothing tells what will follow, the others after; alone and among others, some of which are of earlier
jobs; in batches of any size, now and then of that of the part's own. What comes of it is no part of a result.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.memory import is_out_of_memory
from bench.checks.again import Given, answered, settled
from bench.running.judge import ask

BEFORE, AFTER, ALONE = 8, 8, 2
"""Candidates asked about before a cell's own batches and after them, at most, and how many of these alone."""
PARTS = 3
"""Parts of a cell in which it is asked again, on average; in all of them where there are no more."""
WHOLE = 0.1
"""Chance that those before are as many as a batch of the part."""
KEPT = 16
"""Candidates of a target that are kept for later jobs."""
MOST = 2
"""Changed labels of a cell that are looked into."""


def is_due(parts: int) -> bool:
    """Whether to ask again in this part of so many."""
    return secrets.randbelow(parts) < PARTS


class Memory:
    """What a target has answered in a run: some candidates with the labels that they had alone."""

    def __init__(self) -> None:
        self._kept: list[Given] = []
        self._met = 0

    def keep(self, given: Given) -> None:
        """Keep one, or leave it: each that was met is kept with the same chance, those of long ago as well."""
        self._met += 1
        place = secrets.randbelow(self._met)
        if len(self._kept) < KEPT:
            self._kept.append(given)
        elif place < KEPT:
            self._kept[place] = given

    def some(self, count: int) -> list[Given]:
        return secrets.SystemRandom().sample(self._kept, min(count, len(self._kept)))


class Shown(NamedTuple):
    """A batch that a target was asked about."""

    batch: Tensor
    places: NDArray[np.int64]
    """`(N,)` of its candidates within the part."""
    labels: NDArray[np.int64]

    def given(self, spot: int) -> Given:
        """What was said of one of them."""
        return Given(self.batch, spot, int(self.labels[spot]))


@contextmanager
def _within_memory() -> Iterator[None]:
    """A batch that does not fit is no finding."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise


class Blind:
    """One target over the candidates of one cell's part, as they are asked about again."""

    def __init__(self, target: Adapter, candidates: Tensor, classes: int, memory: Memory) -> None:
        """
        Args:
            target: who is asked.
            candidates: `(n, *input_shape)` of the part.
            classes: number of classes of the dataset.
            memory: of the target.
        """
        self._target, self._candidates, self._classes, self._memory = target, candidates, classes, memory
        self._draw = np.random.default_rng(secrets.randbits(128))
        self._before = Shown(self._at(np.array([], dtype=np.int64)), np.array([]), np.array([], dtype=np.int64))
        self.asked = 0
        self.findings: set[str] = set()

    def before(self, most: int) -> None:
        """Ask about some of them ahead of the part's own batches, of `most` examples.

        A model that stands by what it said of them has no way to say otherwise when it sees which batch it is in.
        """
        count = most if self._draw.random() < WHOLE else int(self._draw.integers(2, BEFORE + 1))
        places = self._draw.permutation(len(self._candidates))[:count]
        with _within_memory():
            self._before = self._shown(self._at(places), places)

    def after(self, labels: NDArray[np.int64], true: NDArray[np.int64], shown: Sequence[NDArray[np.int64]]) -> None:
        """Ask about others, and look into every label that changed.

        Args:
            labels: `(n,)` what the target said in the part's own batches.
            true: `(n,)` true classes.
            shown: places of the candidates, batch by batch, as they were shown.
        """
        chosen = self._chosen(labels, true)
        kept = self._memory.some(int(self._draw.integers(0, 1 + AFTER // 2)))
        pairs: list[tuple[Given, Given]] = []
        with _within_memory():
            # Those of earlier jobs have no place among the candidates; they are told by numbers below 0.
            places = self._draw.permutation(np.concatenate([chosen, -1 - np.arange(len(kept))]))
            mixed = torch.cat([kept[-1 - place].example if place < 0 else self._at([place]) for place in places])
            alone = [self._shown(self._at([place]), np.array([place])) for place in chosen[:ALONE]]
            for asked in (self._before, self._shown(mixed, places), *alone):
                self.asked += len(asked.places)
                for spot in range(len(asked.places)):
                    place, given = int(asked.places[spot]), asked.given(spot)
                    if place < 0 and given.label != kept[-1 - place].label:
                        pairs.append((kept[-1 - place], given))
                    elif place >= 0 and given.label != labels[place]:
                        pairs.append((self._first(place, labels, shown), given))
            self._look_into(pairs)
            for asked in alone:
                self._memory.keep(asked.given(0))

    def _look_into(self, pairs: Sequence[tuple[Given, Given]]) -> None:
        span = self._candidates.amax(0) - self._candidates.amin(0)
        for number in self._draw.permutation(len(pairs))[:MOST]:
            first, second = pairs[number]
            found = settled(self._ask, first, second, span)
            if found is not None:
                self.findings.add(found)
                break

    def _chosen(self, labels: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places in random order, half of them of candidates that were labelled right, as far as there are any.

        A label that is made up is made up to be right.
        """
        count = int(self._draw.integers(AFTER // 2, AFTER + 1))
        order = self._draw.permutation(len(labels))
        right = order[labels[order] == true[order]][: count // 2]
        others = order[~np.isin(order, right)][: count - len(right)]
        return np.concatenate([right[:1], others[:1], right[1:], others[1:]])

    def _first(self, place: int, labels: NDArray[np.int64], shown: Sequence[NDArray[np.int64]]) -> Given:
        """The label of a candidate in the part's own batches."""
        batch = next(places for places in shown if place in places)
        return Given(self._at(batch), int(np.flatnonzero(batch == place)[0]), int(labels[place]))

    def _shown(self, batch: Tensor, places: NDArray[np.int64]) -> Shown:
        return Shown(batch, places, answered(self._ask, batch)[0])

    def _at(self, places: NDArray[np.int64] | list[int]) -> Tensor:
        return self._candidates[torch.as_tensor(places, dtype=torch.int64)]

    def _ask(self, batch: Tensor) -> Outputs:
        return ask(self._target, batch, self._classes)
