"""Linear classifiers: the nearest input on the other side of each hyperplane, in closed form, within the range.

Towards class t the score difference falls by `a . d`, `a = w_t - w_y`. Every coordinate has room only as far as the
range goes, `r_i` in the direction that `a_i` points to, so the least perturbation that takes off the margin m solves

    L_inf  sum_i |a_i| min(e, r_i)        = m,  d_i = sign(a_i) min(e, r_i)
    L2     sum_i |a_i| min(l |a_i|, r_i)  = m,  d_i = sign(a_i) min(l |a_i|, r_i)
    L1     the coordinates of largest |a_i| first, each as far as it has room

each piecewise linear in its unknown: sort the places where a coordinate runs out of room, and interpolate.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.linear import Linear
from bench.exact.base import Certificate, Effort, Proof
from bench.threats import Threat
from bench.threats.base import ULP

SAME = 1e-12
"""Relative difference of two sums of the same numbers in float64, in whatever order."""
TINY = 1e-300


class LinearCertificate(Certificate):
    """Exact in L_inf, L2 and L1."""

    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Linear)
        flat, scores = x.flatten(1).double(), structure.scores(x)
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        off = structure.roundoff(x)
        nearest, farther = torch.full((2, len(x)), torch.inf, dtype=torch.float64)
        witness = flat.clone()
        for rival in range(len(structure.classes)):
            toward = structure.weight[rival] - structure.weight[own]
            margin = scores.gather(1, own[:, None])[:, 0] - scores[:, rival]
            near, _ = least(flat, toward, (margin - off).clamp_min(0), threat)
            # What is proposed is rounded to float32, and has to come out on the other side still.
            rounding = ULP * (toward.abs() * (flat.abs() + near.where(near.isfinite(), 0)[:, None])).sum(1)
            far, moved = least(flat, toward, margin + off + rounding, threat)
            other = own != rival
            nearest = torch.where(other & (near < nearest), near, nearest)
            closer = other & (far < farther)
            farther = torch.where(closer, far, farther)
            witness = torch.where(closer[:, None], moved, witness)
        return Proof(nearest, witness.to(x.dtype).view_as(x), torch.ones(len(x), dtype=torch.bool))


def least(x: Tensor, toward: Tensor, margin: Tensor, threat: Threat) -> tuple[Tensor, Tensor]:
    """`(N,)` the least norm of a change d within the range with `toward . d = margin`, infinite where there is none;
    and `(N, features)` the inputs that it leads to.
    """
    size = toward.abs()
    enough = (margin[:, None] / size).where(size > 0, 0)  # no coordinate is ever asked for more
    room = enough
    if threat.clip is not None:
        room = torch.where(toward > 0, threat.clip[1] - x, x - threat.clip[0]).clamp_min(0).minimum(enough)
    if threat.norm == "l1":
        step = _greedy(size, room, margin)
    else:
        slope = size if threat.norm == "l2" else torch.ones_like(size)
        unknown = _solved(size, slope, room, margin)
        step = torch.minimum(unknown[:, None] * slope, room)
    reaches = (size * room).sum(1) >= margin * (1 - SAME)
    step = step.where(reaches[:, None], 0)
    return threat.geometry.lengths(step).where(reaches, torch.inf), x + toward.sign() * step


def _solved(size: Tensor, slope: Tensor, room: Tensor, margin: Tensor) -> Tensor:
    """`(N,)` u with `sum_i size_i min(u slope_i, room_i) = margin`; of no meaning where there is none."""
    ends = (room / slope).where(slope > 0, 0)  # where each coordinate runs out of room
    ends, order = ends.sort(1)
    size, slope, room = (values.gather(1, order) for values in (size, slope, room))
    gain = size * slope
    still = gain.sum(1, keepdim=True) - gain.cumsum(1) + gain  # the slope of the sum up to each end
    before = (size * room).cumsum(1) - size * room  # what those that ended before have given
    reached = before + still * ends
    place = (reached < margin[:, None]).sum(1).clamp_max(size.shape[1] - 1)[:, None]
    left, rate = margin[:, None] - before.gather(1, place), still.gather(1, place)
    return (left / rate.clamp_min(TINY))[:, 0]


def _greedy(size: Tensor, room: Tensor, margin: Tensor) -> Tensor:
    """`(N, features)` the step that takes off the margin by the coordinates that take off most."""
    order = size.argsort(1, descending=True)
    size, room = size.gather(1, order), room.gather(1, order)
    before = (size * room).cumsum(1) - size * room
    step = ((margin[:, None] - before).clamp_min(0) / size.clamp_min(TINY)).minimum(room)
    return torch.zeros_like(size).scatter(1, order, step)
