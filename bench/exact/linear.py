"""Linear classifiers: the nearest input on the other side of each hyperplane, in closed form, within the range.

Towards class t the score difference falls by `a . d`, `a = w_t - w_y`. Every coordinate has room only as far as the
range goes, `r_i` in the direction that `a_i` points to, so the least perturbation that takes off the margin m solves

    L_inf  sum_i |a_i| min(e, r_i)        = m,  d_i = sign(a_i) min(e, r_i)
    L2     sum_i |a_i| min(l |a_i|, r_i)  = m,  d_i = sign(a_i) min(l |a_i|, r_i)
    L1     the coordinates of largest |a_i| first, each as far as it has room

The first two are concave in their unknown and made of straight lines: Newton's steps from 0 come to the solution from
below and end on it, for each starts on a line farther on. Without a range m over the dual norm of a is the answer, and
with one a lower bound: a class whose bound is beyond the nearest found so far is not looked at.

Rounding: the witness is sought first, past all that rounding may add to the margin; where it lies bounds how large
inputs become on the way, hence how far rounding may take scores, and the margin less that is what is certified.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.linear import Linear
from bench.exact.base import Certificate, Effort, Proof
from bench.threats import Threat
from bench.threats.base import ULP

SAME = 1e-12
"""Relative difference of two sums of the same numbers in float64, in whatever order."""
TINY = 1e-30
"""Least step: float32 has it."""
FAR = 1e100
"""Where inputs without a range are taken to end."""
BLOCK = 256
"""Examples at a time: so few stay in the caches."""
STEPS = 200
"""Of Newton's, at most: some 6 are enough, and fewer give less than the radius, never more."""
DUAL = {"linf": 1.0, "l2": 2.0, "l1": torch.inf}


class LinearCertificate(Certificate):
    """Exact in L_inf, L2 and L1."""

    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Linear)
        flat, scores = x.flatten(1).double(), structure.scores(x)
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        radius = torch.full((len(x),), torch.inf, dtype=torch.float64)
        found = torch.zeros(len(x), dtype=torch.bool)
        witness = x.flatten(1).clone()
        if len(structure.classes) == 1:
            return Proof(radius, x.clone(), ~found)
        for towards, rows in _blocks(structure, own, threat.norm or ""):
            points, margins = flat[rows], towards.margins(scores[rows])
            off = towards.errors(structure, points)
            rounded = ULP * (points.abs() @ towards.weight.abs().T)  # of the witness, in float32
            beyond = ((margins + 2 * off + rounded) * (1 + 4 * ULP)).clamp_min(TINY)
            far, rival, step = _nearest(points, towards, beyond, threat)
            ends = points + towards.weight[rival].sign() * step
            reach = points.abs() + far.clamp_max(FAR)[:, None]
            if threat.clip is not None:
                reach = reach.clamp_max(max(map(abs, threat.clip)))
            off = towards.errors(structure, torch.maximum(reach, points.abs()))
            near, _, _ = _nearest(points, towards, (margins - off).clamp_min(0), threat)
            radius[rows], found[rows] = near * (1 - SAME), far.isfinite()
            witness[rows] = ends.to(x.dtype).where(far.isfinite()[:, None], witness[rows])
        return Proof(radius, witness.view_as(x), found | radius.isinf())


def _blocks(structure: Linear, own: Tensor, norm: str) -> Iterator[tuple[_Towards, Tensor]]:
    """The rivals of each class, and which rows are the class's, a block at a time."""
    for index in torch.unique(own).tolist():
        towards = _Towards.of(structure, int(index), norm)
        for rows in torch.split((own == index).nonzero()[:, 0], BLOCK):
            yield towards, rows


class _Towards(NamedTuple):
    """The rivals of one class."""

    own: int
    """The class's column."""
    rivals: Tensor
    """`(R,)` their columns."""
    weight: Tensor
    """`(R, features)` what their scores gain over the class's."""
    dual: Tensor
    """`(R,)` its dual norm: what a step of length 1 gains at most."""

    @classmethod
    def of(cls, structure: Linear, index: int, norm: str) -> _Towards:
        rivals = torch.tensor([k for k in range(len(structure.classes)) if k != index], dtype=torch.int64)
        weight = structure.weight[rivals] - structure.weight[index]
        return cls(index, rivals, weight, torch.linalg.vector_norm(weight, ord=DUAL[norm], dim=1))

    def margins(self, scores: Tensor) -> Tensor:
        """`(N, R)` how much higher the class's score is."""
        return scores[:, self.own : self.own + 1] - scores[:, self.rivals]

    def errors(self, structure: Linear, x: Tensor) -> Tensor:
        """`(N, R)` how far rounding may take the model's own from these."""
        each = structure.errors(x)
        return each[:, self.own : self.own + 1] + each[:, self.rivals]


def _nearest(x: Tensor, towards: _Towards, margins: Tensor, threat: Threat) -> tuple[Tensor, Tensor, Tensor]:
    """`(N,)` least norm of a change that takes off one of the `(N, R)` margins, infinite where there is none; `(N,)`
    which, and `(N, features)` the sizes of its steps towards that rival, 0 where there is none.
    """
    bounds = (margins / towards.dual).where(towards.dual > 0, torch.where(margins > 0, torch.inf, 0.0))
    bounds, order = bounds.sort(1)
    best = x.new_full((len(x),), torch.inf)
    rival, step = order[:, 0].clone(), torch.zeros_like(x)
    active = torch.arange(len(x))
    for place in range(bounds.shape[1]):
        active = active[bounds[active, place] * (1 - SAME) < best[active]]
        if not len(active):
            break
        at = order[active, place]
        length, change = least(x[active], towards.weight[at], margins[active, at], threat)
        closer = length < best[active]
        rows = active[closer]
        best[rows], rival[rows], step[rows] = length[closer], at[closer], change[closer]
    return best, rival, step


def least(x: Tensor, toward: Tensor, margin: Tensor, threat: Threat) -> tuple[Tensor, Tensor]:
    """`(N,)` the least norm of a change d within the range with `toward . d = margin`, infinite where there is none;
    and `(N, features)` the sizes of its coordinates.
    """
    size = toward.abs()
    if threat.clip is None:
        room = (margin[:, None] / size).where(size > 0, 0)  # no coordinate is ever asked for more
    else:
        room = torch.where(toward > 0, threat.clip[1] - x, x - threat.clip[0]).clamp_min_(0)
    reaches = (size * room).sum(1) >= margin * (1 - SAME)
    if threat.norm == "l1":
        step = _greedy(size, room, margin)
    else:
        step = _stepped(size, size if threat.norm == "l2" else None, room, margin, threat.clip is None)
    step = step.where(reaches[:, None], 0)
    return threat.geometry.lengths(step).where(reaches, torch.inf), step


def _stepped(size: Tensor, slope: Tensor | None, room: Tensor, margin: Tensor, free: bool) -> Tensor:
    """`(N, features)` `min(u slope, room)` where `sum_i size_i min(u slope_i, room_i) = margin`, slope 1 for None.

    All the room where that is not enough; `free` says that there always is room.
    """
    gain = size if slope is None else size * slope
    unknown = margin / gain.sum(1).clamp_min(TINY**2)
    active = torch.arange(0 if free else len(size))
    step = (unknown[:, None] * slope) if slope is not None else unknown[:, None].expand_as(size)
    step = torch.minimum(step, room)
    for _ in range(STEPS):
        part, some = step[active], gain[active]
        open_ = part < room[active]
        left = margin[active] - (size[active] * part).sum(1)
        rate = (some * open_).sum(1)
        on = (left > SAME / 100 * margin[active]) & (rate > 0)
        active = active[on]
        if not len(active):
            break
        unknown[active] += left[on] / rate[on]
        whole = unknown[active, None]
        step[active] = torch.minimum(whole if slope is None else whole * slope[active], room[active])
    return step


def _greedy(size: Tensor, room: Tensor, margin: Tensor) -> Tensor:
    """`(N, features)` the step that takes off the margin by the coordinates that take off most."""
    order = size.argsort(1, descending=True)
    size, room = size.gather(1, order), room.gather(1, order)
    before = (size * room).cumsum(1) - size * room
    step = ((margin[:, None] - before).clamp_min(0) / size.clamp_min(TINY**2)).minimum(room)
    return torch.zeros_like(size).scatter(1, order, step)
