"""Checks of what small attacks do to a model."""

from __future__ import annotations

import torch
from scipy.stats import binomtest
from torch import Tensor

from adapters.base import Outputs
from adapters.errors import told
from bench.checks.again import ORDER, RAISES, Given, answered, settled
from bench.checks.base import LINF, POINTS, Subject, better_than_chance
from bench.checks.outputs import verified
from bench.checks.report import Finding, failed, passed, share, skipped, warned

LOOKED_INTO = 3
"""Changed labels that are looked into."""
ENOUGH = 20
"""Examples labelled right, below which nothing is said of where the gradient leads."""
SIZES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Of the steps that are held against random ones, as shares of each feature's range."""
LEVEL = 0.01
"""Of the test that a step fools more examples than a random one."""
FRAGILE = 0.1
"""Share of the successes lost to rounding from which a model counts as fragile."""


def same_when_asked_again(subject: Subject) -> Finding:
    """Attacked examples have the same labels alone, in another order, in smaller batches, and once more."""
    x = torch.cat([subject.noisy(0.25), *([] if subject.adapter.gradient == "none" else [subject.attacked(0.1)])])
    x = x[subject.shuffled(len(x))][: len(subject.x)]

    def ask(batch: Tensor) -> Outputs:
        return verified(subject.outputs(batch), len(batch), subject.classes)

    def given(rows: Tensor) -> list[tuple[int, Given]]:
        batch = x[rows]
        labels, _ = answered(ask, batch)
        return [(int(row), Given(batch, place, int(labels[place]))) for place, row in enumerate(rows)]

    whole = torch.arange(len(x), device=x.device)
    first = [once for _, once in given(whole)]
    others = [whole.flip(0), *torch.split(whole[: POINTS // 2], 1), *torch.split(whole.flip(0)[:POINTS], 7), whole]
    changed = [(row, other) for rows in others for row, other in given(rows) if other.label != first[row].label]
    for row, other in changed[:LOOKED_INTO] + changed[-LOOKED_INTO:]:
        found = settled(ask, first[row], other, subject.span)
        if found is not None:
            how = "makes it raise" if other.label == RAISES else f"is labelled {other.label}"
            where = "alone" if len(other.batch) == 1 else f"among {len(other.batch)} in another order"
            seen = f"an example labelled {first[row].label} among {len(x)} {how} {where}"
            return failed(f"{found}: {seen if found == ORDER else 'the very same batch gets other labels'}")
    return passed(f"{len(x)} have the same labels alone, in another order, and once more")


def survives_8_bits(subject: Subject) -> Finding:
    """FGSM examples still succeed when rounded to 8 bits, towards the clean pixel and so inside the ball."""
    if subject.clip is None or isinstance(subject.clip[0], Tensor) or subject.clip not in ((0.0, 1.0), (0.0, 255.0)):
        return skipped("its inputs are no pixels in [0, 1] or [0, 255]")
    level = subject.span / 255
    clean = subject.x / level
    if bool(((clean - clean.round()).abs() > 1e-3).any()):
        return skipped("its clean inputs are no 8-bit pixels")
    attacked = subject.attacked(0.1)
    fooled = (subject.outputs(attacked).labels != subject.y) & (subject.clean.labels == subject.y)
    found = int(fooled.sum())
    if not found:
        return skipped("FGSM at 0.1 of the range finds nothing to round")
    levels = (attacked - subject.x) / level
    rounded = subject.x + (levels + 1e-3 * levels.sign()).trunc() * level
    lost = int((fooled & (subject.outputs(rounded).labels == subject.y)).sum())
    seen = f"{lost} of {found} successes of FGSM at 0.1 of the range are lost"
    return warned(seen) if lost > FRAGILE * found else passed(seen)


def leads_anywhere(subject: Subject) -> Finding:
    """At some size, FGSM by the training loss and by the margin fools more examples than random directions do.

    A gradient that is shattered, useless or made up leads where chance leads (Athalye et al. 2018, section 3).
    """
    right = subject.clean.labels == subject.y
    x, y = subject.x[right], subject.y[right]
    if len(x) < ENOUGH:
        return skipped("it labels too few examples right to tell")
    steps = [subject.span * LINF.step(subject.adapter.input_gradient(x, y, loss)) for loss in ("training", "margin")]
    draws = subject.draws("directions", len(x))
    chance = [
        subject.span * torch.from_numpy(draws.signs(tuple(x.shape[1:]), draw)).to(x) for draw in range(len(steps))
    ]
    best = 0
    for size in SIZES:
        led, thrown = (
            torch.stack([subject.outputs(subject.within_range(x + size * step)).labels != y for step in way]).any(0)
            for way in (steps, chance)
        )
        more, less = int((led & ~thrown).sum()), int((thrown & ~led).sum())
        best = max(best, more - less)
        if more and binomtest(more, more + less, alternative="greater").pvalue < LEVEL:
            return passed(f"FGSM at {size:g} of the range fools {more} that random directions do not, and these {less}")
    return warned(f"at no size does FGSM fool clearly more than random directions (at best {best} of {len(x)} more)")


def falls_without_bound(subject: Subject) -> Finding:
    """With a budget as large as the range, and no clipping, next to nothing is left right."""
    try:
        *_, moved = subject.climbed(POINTS // 2, 1.0, clipped=False)
        labels = subject.outputs(moved).labels
    except Exception as error:  # noqa: BLE001 - inputs far outside the range are no model's duty
        return skipped(f"it does not take inputs so far out: {told(error)}")
    n = len(moved)
    right = int((labels == subject.y[:n]).sum())
    seen = f"{share(right, n)} still right at a budget of the whole range"
    return warned(f"{seen}, more than chance") if better_than_chance(right, n, subject.classes) else passed(seen)


def keeps_what_it_finds(subject: Subject) -> Finding:
    """An iterated attack whose way led through a success ends in one."""
    y = subject.y[:POINTS]
    met = torch.zeros(len(y), dtype=torch.bool, device=y.device)
    fooled = met
    for moved in subject.climbed(POINTS, 0.1, clipped=True):
        fooled = subject.outputs(moved).labels != y
        met |= fooled
    lost = int((met & ~fooled).sum())
    seen = f"{lost} of {int(met.sum())} successes of iterated FGSM at 0.1 of the range are lost on the way"
    return warned(seen) if lost else passed(seen)
