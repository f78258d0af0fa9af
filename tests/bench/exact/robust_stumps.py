"""Boosted stumps, trained as they are and to withstand changes: Andriushchenko & Hein 2019 (arXiv 1906.03526).

A stump gives one value below its threshold and another from there on. What an adversary can do to a sum of stumps is a
sum over features of what he can do to each: so margins at the worst are exact here, too, by going through the cells
between a feature's thresholds, and by no search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.structures import Trees
from adapters.structures.trees import Tree

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stumps:
    """A sum of stumps over features, all with the same thresholds; class 1 where it is positive."""

    thresholds: tuple[float, ...]
    """Ascending; none is 0 or 1, or at eps from an input."""
    cells: NDArray[np.float64]
    """`(features, T + 1)` what each feature adds between two thresholds."""
    steps: tuple[tuple[int, int, float, float], ...]
    """Each stump: its feature, the place of its threshold, its value below and from there on."""

    def worst(self, x: Floats, signs: NDArray[np.float64], eps: float) -> NDArray[np.float64]:
        """`(N,)` the least margin of `(N, features)` inputs of `(N,)` classes, as signs, within eps in L_inf."""
        low, high = _sides(x, self.thresholds, eps)
        total = np.zeros(len(x))
        for feature in np.flatnonzero(self.cells.any(1)):
            total += _least(self.cells[feature], signs, low[:, feature], high[:, feature])
        return total

    def structure(self) -> Trees:
        """As the product has sums of trees: an input goes left below the threshold, up to the float32 before it."""
        trees = []
        for feature, place, below, beyond in self.steps:
            last = np.nextafter(np.float32(self.thresholds[place]), np.float32(-np.inf))
            values = torch.tensor([[0.0, 0.0], [0.0, below], [0.0, beyond]], dtype=torch.float64)
            sides = (torch.tensor([child, -1, -1]) for child in (1, 2))
            trees.append(Tree.plain(*sides, torch.tensor([feature, 0, 0]), torch.tensor([last, 0, 0]), values))
        return Trees((0, 1), tuple(trees), torch.zeros(2, dtype=torch.float64), off=1e-9)


def _sides(x: Floats, thresholds: tuple[float, ...], eps: float) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """`(N, features)` the first and the last cell that an input can be moved into, within [0, 1]."""
    edges = np.array(thresholds)
    low, high = ((x.astype(np.float64) + step).clip(0, 1) for step in (-eps, eps))
    return edges.searchsorted(low, "right").astype(np.int8), edges.searchsorted(high, "right").astype(np.int8)


def _least(
    cells: NDArray[np.float64], signs: NDArray[np.float64], low: NDArray[np.int8], high: NDArray[np.int8]
) -> NDArray[np.float64]:
    """`(N,)` the least of what one feature adds, towards each class, over the cells within reach."""
    reached = np.arange(len(cells))[:, None]
    within = (reached >= low) & (reached <= high)
    found: NDArray[np.float64] = np.where(within, cells[:, None] * signs, np.inf).min(0)
    return found


def boosted(
    x: Floats, signs: NDArray[np.float64], *, eps: float, rounds: int, thresholds: tuple[float, ...], rate: float
) -> Stumps:
    """Stumps added one by one, each the best for the exponential loss of margins at the worst within eps.

    Its values are the closed form of their section 3: examples that an adversary can move over the threshold count on
    the side that is worse for them. With eps 0 this is AdaBoost of real values.

    Args:
        x: `(N, features)` in [0, 1].
        signs: `(N,)` 1 and -1.
        eps: L_inf.
        rounds: how many stumps.
        thresholds: to choose from.
        rate: share of each stump that is added.
    """
    low, high = _sides(x, thresholds, eps)
    always = [torch.from_numpy(high <= place).float() for place in range(len(thresholds))]  # below, whatever is done
    never = [torch.from_numpy(low > place).float() for place in range(len(thresholds))]
    cells, steps, parts = np.zeros((x.shape[1], len(thresholds) + 1)), [], np.zeros(x.shape)
    margins = np.zeros(len(x))
    for _ in range(rounds):
        weights = torch.from_numpy(np.exp(-margins) / np.exp(-margins).sum()).float()
        both = torch.stack([weights * torch.from_numpy(signs == sign) for sign in (1, -1)])
        loss, best = np.inf, (0, 0, 0.0, 0.0)
        for place in range(len(thresholds)):
            found, chosen = _best(both @ always[place], both @ never[place], both.sum(1, keepdim=True))
            if found < loss:
                loss, best = found, (chosen[0], place, rate * chosen[1], rate * chosen[2])
        feature, place, below, beyond = best
        cells[feature, : place + 1] += below
        cells[feature, place + 1 :] += beyond
        steps.append(best)
        margins -= parts[:, feature]
        parts[:, feature] = _least(cells[feature], signs, low[:, feature], high[:, feature])
        margins += parts[:, feature]
    return Stumps(thresholds, cells, tuple(steps))


def _best(below: Tensor, beyond: Tensor, whole: Tensor) -> tuple[float, tuple[int, float, float]]:
    """The least loss over features, and the feature with its two values.

    Args:
        below, beyond: `(2, features)` weights of examples of either class that are on a side whatever is done.
        whole: `(2, 1)` weights of all.
    """
    moved = (whole - below - beyond).clamp_min(0) + 1e-6  # over the threshold, by an adversary
    found = []
    for rising in (True, False):
        left, right = below + 1e-6, beyond + 1e-6
        # Where values rise with the feature, class 1 is worse off below, the other beyond; else the other way round.
        worse = torch.stack([moved[0], 0 * moved[1]]), torch.stack([0 * moved[0], moved[1]])
        left, right = (left + worse[0], right + worse[1]) if rising else (left + worse[1], right + worse[0])
        a, b = (0.5 * (side[0] / side[1]).log() for side in (left, right))
        loss = 2 * ((left[0] * left[1]).sqrt() + (right[0] * right[1]).sqrt())
        loss = loss.where((b >= a) == rising, torch.inf)
        place = int(loss.argmin())
        found.append((float(loss[place]), (place, float(a[place]), float(b[place]))))
    return min(found)
