"""The least step, within the range, onto the boundary that a model would have if it were linear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

STEEP = 1e30
"""Slopes are cut off here, so that their squares are finite."""
FLAT = 1e-30
"""Least slope that leads anywhere."""


def least_step(threat: Threat, points: Tensor, slope: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """`(N,)` the norm and `(N, *shape)` the step d of least norm with `slope . d = gain`, both float64.

    Where no step within the range gains that much it is the one that gains most; none, of infinite norm, where the
    slope is zero. The projection onto a hyperplane within a box of Croce & Hein 2020 (arXiv 1907.02044), section 3.1,
    by the closed forms of `bench.exact.linear`.

    Args:
        threat: gives the norm, L_inf, L2 or L1, and the range.
        points: `(N, *shape)` within the range.
        slope: `(N, *shape)`.
        gain: `(N,)`, negative to go down.
    """
    import torch

    from bench.exact.linear import least

    flat = points.flatten(1).double()
    toward = slope.flatten(1).double().clamp(-STEEP, STEEP) * torch.where(gain < 0, -1.0, 1.0)[:, None]
    length, size = least(flat, toward, gain.double().abs(), threat)
    steep = toward.abs().amax(1) > FLAT
    if threat.clip is not None:
        short = length.isinf() & steep
        if short.any():
            room = torch.where(toward[short] > 0, threat.clip[1] - flat[short], flat[short] - threat.clip[0])
            size[short] = room.clamp_min(0)
            length[short] = threat.geometry.lengths(size[short])
    step = (toward.sign() * size).where(steep[:, None], 0)
    return length.where(steep, torch.inf), step.view_as(points)
