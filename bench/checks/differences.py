"""Gradients beside central finite differences of what they are gradients of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Adapter, Loss
from bench.checks.base import POINTS, Subject

STEPS = {torch.float64: (1e-6, 1e-5, 1e-4), torch.float32: (1e-3, 3e-3, 1e-2)}
"""Sizes of a difference, as shares of each feature's range."""

Value = Callable[[Tensor, Tensor], Tensor]
"""`(M,)` values of `(M, *input_shape)` inputs, each near the example of that index."""
ValueOf = Callable[[Adapter, Tensor, Tensor], Value]
"""That of a model, at `(N, *input_shape)` points, against `(N,)` classes."""


def nothing_in(gradient: Tensor) -> Tensor:
    """`(N,)` where a gradient `(N, *shape)` gives an attack nothing to go by: every feature is zero or NaN."""
    return ((gradient == 0) | gradient.isnan()).flatten(1).all(1)


@dataclass(eq=False)
class Compared:
    """One model at some points, in whose precision gradients are held against differences."""

    subject: Subject
    adapter: Adapter
    """The model, or its float64 copy."""
    points: Tensor
    """`(N, *input_shape)` in the adapter's precision."""
    allowed: float
    """A cosine from here on is right; smaller differences are tried no further."""
    directions: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.directions = _directions(self.subject)

    def of(self, loss: Loss, classes: Tensor, values: tuple[ValueOf, ...]) -> Tensor | None:
        """`(N,)` the best cosine of each example's gradient with differences, over values and sizes of these.

        NaN where the gradient is zero in every feature, and so are the differences; None where a gradient is not
        finite.

        Args:
            loss: whose gradient is asked for.
            classes: `(N,)` against which.
            values: what is differenced; an example is right if it is by one of them.
        """
        gradient = self.adapter.input_gradient(self.points, classes, loss)
        if not bool(gradient.isfinite().all()):
            return None
        expected = (gradient * self.subject.span).flatten(1).double() @ self.directions.T
        best = expected.new_full((len(self.points),), -1.0)
        wrong = torch.arange(len(self.points), device=self.points.device)
        for of, step in product(values, STEPS[self.points.dtype]):
            measured, noise = self._differences(of(self.adapter, self.points, classes), wrong, step)
            best[wrong] = torch.maximum(best[wrong], _cosine(expected[wrong], measured, noise))
            wrong = (best < self.allowed).nonzero()[:, 0]
            if not len(wrong):
                break
        return best.where((best < self.allowed) | ~nothing_in(gradient), torch.nan)

    def _differences(self, value: Value, chosen: Tensor, step: float) -> tuple[Tensor, Tensor]:
        """`(P, M)` central differences of a value of the chosen points, and `(P,)` how far rounding can move them."""
        points, span = self.points, self.subject.span.flatten()
        moves = (self.directions.to(points.dtype) * span).reshape(-1, *points.shape[1:]) * step
        moves = torch.cat([moves, -moves])
        rows = torch.arange(len(chosen) * len(moves), device=points.device)
        values = []
        for part in torch.split(rows, len(self.subject.x)):  # no larger batch than the model has shown to take
            point, move = chosen[part // len(moves)], part % len(moves)
            with torch.no_grad():
                values.append(value(points[point] + moves[move], point))
        above, below = torch.cat(values).double().reshape(len(chosen), -1).chunk(2, dim=1)
        noise = above.abs().amax(1) * torch.finfo(points.dtype).eps / step
        return (above - below) / (2 * step), noise


def off_the_data(subject: Subject, count: int) -> Tensor:
    """The first examples, every feature moved towards the middle of its range by up to a percent of it."""
    x = subject.x[:count]
    moves = x.new_tensor(subject.draws("points", len(x)).uniform(tuple(x.shape[1:]))) * 0.01 * subject.span
    low, high = subject.clip or (0.0, 0.0)
    middle = torch.as_tensor((low + high) / 2).to(x)
    return torch.where(x > middle, x - moves, x + moves)


def margin_of(adapter: Adapter, points: Tensor, classes: Tensor) -> Value:
    return lambda moved, index: adapter.loss(moved, classes[index], "margin")


def training_of(adapter: Adapter, points: Tensor, classes: Tensor) -> Value:
    return lambda moved, index: adapter.loss(moved, classes[index], "training")


def lead_of(adapter: Adapter, points: Tensor, classes: Tensor) -> Value:
    """Of the rival that leads at the example itself, or all that do, over the class."""
    with torch.no_grad():
        logits = adapter.logits(points)
    rivals = logits.scatter(1, classes[:, None], -torch.inf)
    leading = (rivals == rivals.amax(1, keepdim=True)).to(logits.dtype)
    weights = leading / leading.sum(1, keepdim=True) - F.one_hot(classes, logits.shape[1])
    return lambda moved, index: (adapter.logits(moved) * weights[index]).sum(1)


def _directions(subject: Subject) -> Tensor:
    """`(M, D)` float64 directions: random signs, or the features themselves where they are no more."""
    width, count = subject.x[0].numel(), POINTS if subject.thorough else 4
    if width <= count:
        return torch.eye(width, dtype=torch.float64, device=subject.x.device)
    signs = subject.draws("directions", count).signs((width,))
    return torch.as_tensor(signs, dtype=torch.float64, device=subject.x.device)


def _cosine(expected: Tensor, measured: Tensor, noise: Tensor) -> Tensor:
    """`(P,)` cosine of two vectors; 1 where both are zero, or too small for differences to tell."""
    flat = 30 * noise * expected.shape[1] ** 0.5
    both = (expected.norm(dim=1) <= flat) & (measured.norm(dim=1) <= flat)
    found: Tensor = F.cosine_similarity(expected, measured, dim=1, eps=1e-300)
    return torch.where(both, 1.0, found)
