"""What was measured of stand-ins, as lines and as a document."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

SUITE = ("training", "margin")
"""What FGSM of the suites climbs, pointwise."""


class Measured(NamedTuple):
    """One model on one data set."""

    data: str
    model: str
    gradient: str
    eps: tuple[float, ...]
    clean: float
    """Error without an attack."""
    wrong: dict[str, list[Tensor]]
    """Loss -> `(N,)` whether each example is wrong under FGSM by it, at every size."""

    def error(self, losses: Iterable[str], size: int) -> float:
        """Error under all these attacks, pointwise, at the size of this place."""
        return float(torch.stack([self.wrong[loss][size] for loss in losses]).any(0).double().mean())


def lines(entry: Measured) -> list[str]:
    """What the command prints of one model."""
    head = f"{entry.data} | {entry.model} ({entry.gradient}), clean {entry.clean:.3f}, eps {entry.eps}"
    rows = [*((name, (name,)) for name in entry.wrong), ("of the suites", SUITE), ("all", tuple(entry.wrong))]
    best = max(combinations(entry.wrong, 2), key=lambda pair: sum(_errors(entry, pair)))
    rows.append((f"best two: {best[0]} + {best[1]}", best))
    return [head, *(f"    {name:54}" + " ".join(f"{value:.3f}" for value in _errors(entry, of)) for name, of in rows)]


def _errors(entry: Measured, losses: Iterable[str]) -> list[float]:
    return [entry.error(losses, size) for size in range(len(entry.eps))]
