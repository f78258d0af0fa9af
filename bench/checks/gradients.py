"""Checks of what a model gives gradient attacks to go by."""

from __future__ import annotations

from contextlib import suppress

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.errors import Unsupported
from adapters.inside import in_float64, parts
from bench.checks.base import POINTS, Subject
from bench.checks.differences import Compared, lead_of, margin_of, nothing_in, off_the_data, training_of
from bench.checks.report import Finding, failed, passed, share, skipped

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
    """No example has a gradient of zero in every feature, which leaves an attack nothing to go by.

    Of the training loss; that of the margin counts where no example has one, since a saturated loss does not zero it.
    """
    n, dead = len(subject.x), nothing_in(subject.gradient)
    if bool(dead.any()):
        what = "NaN or zero" if bool(subject.gradient.isnan().any()) else "zero"
        return failed(f"it is {what} in every feature for {share(int(dead.sum()), n)}")
    if subject.known > 1 and bool(nothing_in(subject.adapter.input_gradient(subject.x, subject.given, "margin")).all()):
        return failed(f"that of the margin is zero in every feature for {share(n, n)}")
    return passed(f"it is nonzero for {n} examples")


def as_differences(subject: Subject) -> Finding:
    """The gradients of the logit margin and of the training loss have the direction that finite differences give.

    Central differences, both of a float64 copy where there can be one: in float32 many a right gradient fails, so that
    the margin alone is held there. Compared along random directions, or along every feature where they are few: the
    cosine within the space that the directions span. Points are moved off the data by up to a percent: kinks lie there
    (a rectifier at 0, a distance to a stored point). An example counts as wrong only if it is at every size of the
    difference: a right gradient meets a kink at one. Where two rivals are as good as tied, the margin has its kink at
    every size: those examples are held to the leading rival. The training loss is taken of the leading rival's class,
    where it does not saturate, and only of exact gradients: a surrogate's loss is chosen for the strength of attacks.

    Where gradient and differences are both zero nothing is right or wrong: `nonzero` tells what that means.
    """
    if subject.known < 2:
        return skipped("of one class there is no margin")
    points, given = off_the_data(subject, POINTS), subject.given[:POINTS]
    count = len(points)
    twin = in_float64(subject.adapter, points[:1])
    asked, dtype = (subject.adapter, torch.float32) if twin is None else (twin, torch.float64)
    points = points.to(dtype)
    compared = Compared(subject, asked, points, allowed=1 - TOLERANCE * (SLACK if twin is None else 1))
    told = {"": compared.of("margin", given, (margin_of, lead_of))}
    if twin is not None and subject.adapter.gradient == "exact":
        with torch.no_grad():
            rival = asked.logits(points).scatter(1, given[:, None], -torch.inf).argmax(1)
        told["of the training loss, "] = compared.of("training", rival, (training_of,))
    whose = "surrogate's, " if subject.adapter.gradient == "surrogate" else ""
    precision = "" if twin is not None else ", in float32"
    for loss, cosine in told.items():
        if cosine is None:
            return failed(f"{loss}it is infinite")
        wrong = int((cosine < compared.allowed).sum())
        if wrong:
            least = float(cosine.nan_to_num(1.0).min())
            return failed(f"{whose}{loss}cosine down to {least:.3g}, wrong for {share(wrong, count)}{precision}")
    margin = told[""]
    assert margin is not None
    held = margin[~margin.isnan()]
    if not len(held):
        return skipped(f"{whose}it is zero for {share(count, count)}, and so are the differences: see 'zero gradient'")
    zero = f"; it is zero for {share(count - len(held), count)}, as differences are" if len(held) < count else ""
    return passed(f"{whose}cosine at least {float(held.min()):.4f}{precision}{zero}")


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
    if not held:
        return skipped("no gradient is there to compare: they are zero, or at a kink")
    if wrong > max(1, BESIDE * held):
        return failed(f"{wrong} of {held} gradients have another direction in float32, clean and attacked")
    return passed(f"{held - wrong} of {held} gradients have the same direction in float64, clean and attacked")


def _unit(gradient: Tensor) -> Tensor:
    """`(N, D)` rows over their largest entries, which may be far from 1."""
    largest = gradient.abs().amax(1, keepdim=True)
    return gradient / largest.where(largest > 0, 1)
