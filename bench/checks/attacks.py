"""Checks of what small attacks do to a model."""

from __future__ import annotations

import torch
from torch import Tensor

from adapters.errors import told
from bench.checks.base import POINTS, Subject, better_than_chance
from bench.checks.report import Finding, passed, share, skipped, warned

FRAGILE = 0.1
"""Share of the successes lost to rounding from which a model counts as fragile."""


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
