"""Checks of what a model gives gradient attacks to go by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Adapter
from adapters.errors import Unsupported
from adapters.inside import in_float64, parts
from bench.checks.base import POINTS, Subject
from bench.checks.report import Finding, failed, passed, share, skipped

STEPS = {torch.float64: (1e-6, 1e-5, 1e-4), torch.float32: (1e-3, 3e-3, 1e-2)}
"""Sizes of a difference, as shares of each feature's range."""
TOLERANCE = 0.01
"""How far the cosine of a gradient with finite differences may be from 1."""
SLACK = 10
"""In float32, where differences are coarse, a cosine may be so many times as far from 1."""
BESIDE = 0.05
"""Share of gradients that float32 may turn: at a kink, rounding decides the side."""
BESIDE_BY = 1e-6
"""How far beside a point, as a share of each feature's range, a gradient has to be the same to be held."""
FAINT = 1e-3
"""A training loss below that is rounding in float32, and its gradient with it: the zero gradient is another check."""


def raw_logits(subject: Subject) -> Finding:
    """The logits are none: no probabilities, nor the sigmoid of one, whose cross-entropy has a squashed gradient."""
    if subject.adapter.gradient != "exact":
        return skipped("they are a surrogate's")
    for part in parts(subject.adapter):
        with suppress(Unsupported):
            logits = part.logits(subject.x.clone()).detach()
            if not bool(((logits >= 0) & (logits <= 1)).all()):
                continue
            if bool(((logits.sum(1) - 1).abs() <= 1e-5).all()):
                return failed("rows of logits lie in [0, 1] and sum to 1")
            several = bool((subject.y != subject.y[0]).any())  # of one class alone, true logits may do the same
            if logits.shape[1] == 2 and several:
                return failed("both logits lie in [0, 1], as a sigmoid's do")
    return passed("they are no probabilities")


def lead_as_labels(subject: Subject) -> Finding:
    """The largest logit is the label's: attacks climb what the model goes by.

    Exact logits may differ where the rule counts votes or breaks ties. A surrogate's are chosen for the strength of the
    attack, so that how often they agree is only told.
    """
    leading = subject.adapter.logits(subject.x.clone()).detach().argmax(1)
    known = subject.clean.labels >= 0
    agree = int((leading == subject.clean.labels)[known].sum())
    seen = f"the largest is the label's for {share(agree, int(known.sum()))}"
    if subject.adapter.gradient != "exact":
        return passed(f"surrogate's: {seen}")
    return passed(seen) if agree >= 0.8 * int(known.sum()) else failed(seen)


def nonzero(subject: Subject) -> Finding:
    """No example has a gradient of zero in every feature, which leaves an attack nothing to go by."""
    dead = int((subject.gradient.flatten(1) == 0).all(1).sum())
    if dead:
        return failed(f"it is zero in every feature for {share(dead, len(subject.x))}")
    return passed(f"it is nonzero for {len(subject.x)} examples")


def as_differences(subject: Subject) -> Finding:
    """The gradient of the logit margin has the direction that central finite differences give.

    Both of a float64 copy where there can be one: in float32 many a right gradient fails. Compared along random
    directions, or along every feature where they are few: the cosine within the space that the directions span. Points
    are moved off the data by up to a percent: kinks lie there (a rectifier at 0, a distance to a stored point). An
    example counts as wrong only if it is at every size of the difference: a right gradient meets a kink at one. Where
    two rivals are as good as tied, the margin has its kink at every size: those examples are held to the leading rival.
    """
    if subject.known < 2:
        return skipped("of one class there is no margin")
    count = min(POINTS, len(subject.x))
    points, given = _off_the_data(subject, count), subject.given[:count]
    directions = _directions(subject)
    twin = in_float64(subject.adapter, points[:1])
    asked, dtype = (subject.adapter, torch.float32) if twin is None else (twin, torch.float64)
    points = points.to(dtype)
    gradient = asked.input_gradient(points, given, "margin")
    if not bool(gradient.isfinite().all()):
        return failed("it is infinite")
    expected = (gradient * subject.span).flatten(1).double() @ directions.T
    best = torch.full((count,), -1.0, dtype=torch.float64, device=points.device)
    wrong = torch.arange(count, device=points.device)
    allowed = 1 - TOLERANCE * (1 if twin is not None else SLACK)
    for of, step in product((_margin, _lead), STEPS[dtype]):
        measured, noise = _differences(subject, of(asked, points, given), points, wrong, directions, step)
        best[wrong] = torch.maximum(best[wrong], _cosine(expected[wrong], measured, noise))
        wrong = (best < allowed).nonzero()[:, 0]
        if not len(wrong):
            break
    whose = "surrogate's, " if subject.adapter.gradient == "surrogate" else ""
    precision = "" if twin is not None else ", in float32"
    if len(wrong):
        return failed(f"{whose}cosine down to {float(best.min()):.3g}, wrong for {share(len(wrong), count)}{precision}")
    return passed(f"{whose}cosine at least {float(best.min()):.4f}{precision}")


def in_float32(subject: Subject) -> Finding:
    """The gradients that attacks ask for, in float32, have the direction of those computed in float64.

    Of the training loss and of the margin, on clean and on attacked inputs. Float32 loses them where they are small
    differences of large numbers: features far from zero beside their spread, scores of millions.
    """
    if subject.known < 2:
        return skipped("of one class there is no margin")
    if raw_logits(subject).status == "fail":
        return skipped("its logits are none")
    count = min(POINTS if subject.thorough else POINTS // 4, len(subject.x))
    y = subject.y[:count]
    twin = in_float64(subject.adapter, subject.x[:1])
    if twin is None:
        return skipped("it computes in float32 alone")
    wrong = held = 0
    moves = 2 * subject.draws("beside", count).uniform(tuple(subject.x.shape[1:])) - 1
    nudge = BESIDE_BY * subject.span * torch.as_tensor(moves, dtype=torch.float64, device=subject.x.device)
    for x in (subject.x, subject.attacked(0.1), subject.attacked(0.25)):
        for loss in ("training", "margin"):
            narrow = (subject.adapter.input_gradient(x[:count], y, loss) * subject.span).flatten(1).double()
            points = x[:count].double()
            wide, *beside = (
                (twin.input_gradient(at, y, loss) * subject.span).flatten(1)
                for at in (points, points + nudge, points - nudge)
            )
            told = (narrow != 0).any(1) & (wide != 0).any(1)
            for other in beside:  # where it is another there, the point is at a kink
                told &= F.cosine_similarity(_unit(wide), _unit(other), dim=1) > 1 - TOLERANCE
            if loss == "training":
                with torch.no_grad():
                    told &= twin.loss(points, y, loss).abs() > FAINT
            turned = told & (F.cosine_similarity(_unit(narrow), _unit(wide), dim=1) < 1 - TOLERANCE)
            wrong, held = wrong + int(turned.sum()), held + int(told.sum())
    if wrong > max(1, BESIDE * held):
        return failed(f"{wrong} of {held} gradients have another direction in float32, clean and attacked")
    return passed(f"{held - wrong} of {held} gradients have the same direction in float64, clean and attacked")


def _unit(gradient: Tensor) -> Tensor:
    """`(N, D)` rows over their largest entries, which may be far from 1."""
    largest = gradient.abs().amax(1, keepdim=True)
    return gradient / largest.where(largest > 0, 1)


def _off_the_data(subject: Subject, count: int) -> Tensor:
    """The first examples, every feature moved towards the middle of its range by up to a percent of it."""
    x = subject.x[:count]
    moves = x.new_tensor(subject.draws("points", count).uniform(tuple(x.shape[1:]))) * 0.01 * subject.span
    low, high = subject.clip or (0.0, 0.0)
    middle = torch.as_tensor((low + high) / 2).to(x)
    return torch.where(x > middle, x - moves, x + moves)


def _directions(subject: Subject) -> Tensor:
    """`(M, D)` float64 directions: random signs, or the features themselves where they are no more."""
    width, count = subject.x[0].numel(), POINTS if subject.thorough else 4
    if width <= count:
        return torch.eye(width, dtype=torch.float64, device=subject.x.device)
    signs = subject.draws("directions", count).signs((width,))
    return torch.as_tensor(signs, dtype=torch.float64, device=subject.x.device)


Value = Callable[[Tensor, Tensor], Tensor]
"""`(M,)` values of `(M, *input_shape)` inputs, each near the example of that index."""


def _margin(adapter: Adapter, points: Tensor, given: Tensor) -> Value:
    return lambda moved, index: adapter.loss(moved, given[index], "margin")


def _lead(adapter: Adapter, points: Tensor, given: Tensor) -> Value:
    """Of the rival that leads at the example itself, or all that do, over the class."""
    with torch.no_grad():
        logits = adapter.logits(points)
    rivals = logits.scatter(1, given[:, None], -torch.inf)
    leading = (rivals == rivals.amax(1, keepdim=True)).to(logits.dtype)
    weights = leading / leading.sum(1, keepdim=True) - F.one_hot(given, logits.shape[1])
    return lambda moved, index: (adapter.logits(moved) * weights[index]).sum(1)


def _differences(
    subject: Subject, value: Value, points: Tensor, chosen: Tensor, directions: Tensor, step: float
) -> tuple[Tensor, Tensor]:
    """`(P, M)` central differences of a value of the chosen points, and `(P,)` how far rounding can move them."""
    moves = (directions.to(points.dtype) * subject.span.flatten()).reshape(-1, *points.shape[1:]) * step
    moves = torch.cat([moves, -moves])
    rows = torch.arange(len(chosen) * len(moves), device=points.device)
    values = []
    for part in torch.split(rows, len(subject.x)):  # no larger batch than the model has shown to take
        point, move = chosen[part // len(moves)], part % len(moves)
        with torch.no_grad():
            values.append(value(points[point] + moves[move], point))
    above, below = torch.cat(values).double().reshape(len(chosen), -1).chunk(2, dim=1)
    noise = above.abs().amax(1) * torch.finfo(points.dtype).eps / step
    return (above - below) / (2 * step), noise


def _cosine(expected: Tensor, measured: Tensor, noise: Tensor) -> Tensor:
    """`(P,)` cosine of two vectors; 1 where both are zero, or too small for differences to tell."""
    flat = 30 * noise * expected.shape[1] ** 0.5
    both = (expected.norm(dim=1) <= flat) & (measured.norm(dim=1) <= flat)
    found: Tensor = F.cosine_similarity(expected, measured, dim=1, eps=1e-300)
    return torch.where(both, 1.0, found)
