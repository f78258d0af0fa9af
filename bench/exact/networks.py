"""Feed-forward networks: linear bounds of the lead of each class over each rival, over the ball cut to the range.

Intervals, then CROWN's bounds (Zhang et al. 2018, Efficient Neural Network Robustness Certification with General
Activation Functions) with the box cut to the range; for what they leave undecided the slopes of the lines below are
chosen, rival by rival, to make the bound largest (Xu et al. 2021, Fast and Complete: alpha-CROWN, here of the last
bound alone). What is still open is searched by branch and bound (`bench.exact.searched`), where that is asked for. No
certificate without a lead beyond all that rounding may do, in the model and here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.network import Network
from bench.exact.base import Certificate, Effort, Proof
from bench.exact.passes import VALUES, OutOfTime, Passes
from bench.exact.region import Region
from bench.exact.relaxed import Rectified
from bench.exact.reordered import reordered
from bench.exact.rows import Rows
from bench.exact.searched import searched
from bench.exact.slopes import Climb
from bench.threats import Threat

BLOCK = 50
"""Examples at a time."""


class NetworkCertificate(Certificate):
    """Bounds: sizes are tried one by one, from small to large, up to the first that is not proved."""

    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Network)
        if effort.nodes:
            structure = reordered(structure)
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        radius, witness = torch.zeros(len(x), dtype=torch.float64), x.clone()
        try:
            self._bounded(structure, x, own, radius, threat, effort)
            if effort.nodes:
                self._search(structure, x, own, radius, witness, threat, effort)
        except OutOfTime:
            pass
        return Proof(radius, witness, radius.isinf())

    def _bounded(
        self, structure: Network, x: Tensor, own: Tensor, radius: Tensor, threat: Threat, effort: Effort
    ) -> None:
        """By bounds alone; the radii are written into `radius`. Raises OutOfTime."""
        flat, n = x.flatten(1).double(), len(x)
        if len(structure.classes) == 1:
            radius.fill_(torch.inf)
        open_ = (radius == 0).nonzero()[:, 0]
        for size in effort.sizes:
            if not len(open_):
                break
            reach = threat.geometry.outward(size, x)
            kept = []
            for rows in torch.split(open_, BLOCK):
                if effort.is_over(n):
                    raise OutOfTime
                held = proved(structure, flat[rows], own[rows], reach[rows], threat, lambda: effort.is_over(n))
                radius[rows[held]] = reach[rows[held]]
                kept.append(rows[held])
            open_ = torch.cat(kept)

    def _search(
        self, structure: Network, x: Tensor, own: Tensor, radius: Tensor, witness: Tensor, threat: Threat,
        effort: Effort,
    ) -> None:  # fmt: skip
        """By branch and bound, one example after the other, from the first size on that bounds do not reach."""
        flat, going = x.flatten(1).float(), torch.ones(len(x), dtype=torch.bool)
        for size in effort.sizes:
            reach = threat.geometry.outward(size, x)
            for row in (going & (radius < reach)).nonzero()[:, 0].tolist():
                ball = flat[row], int(own[row]), float(reach[row])
                found = searched(structure, *ball, threat, effort.nodes, lambda: effort.is_over(len(x)))
                going[row] = found.held
                if found.held:
                    radius[row] = reach[row]
                elif found.witness is not None:
                    witness[row] = found.witness.view_as(witness[row]).to(witness)


def proved(
    network: Network, x: Tensor, own: Tensor, radius: Tensor, threat: Threat, is_over: Callable[[], bool]
) -> Tensor:
    """`(N,)` bool: nothing within the radius is labelled other than its column `own`. Raises OutOfTime."""
    passes = Passes(network, Region(x, radius, threat), is_over)
    low, high = passes.bounds[-1]
    off = network.errors(passes.bounds[:-1]) + passes.loss
    due = off + off.gather(1, own[:, None]) + network.blur(low, high)[:, None]  # a lead to be exceeded
    lead = low.gather(1, own[:, None]) - high
    behind = ~(lead > due)
    behind.scatter_(1, own[:, None], False)
    held = torch.ones(len(x), dtype=torch.bool)
    who, rival = behind.nonzero().T
    if not len(who):
        return held
    rows = leads(network, own, who, rival)
    bound = passes.carried(rows, len(network.layers))
    short = ~(bound > due[who, rival])
    who, rival, bound = who[short], rival[short], bound[short]
    hopeless = torch.zeros(len(x), dtype=torch.bool)
    free = {at: bend for at, bend in enumerate(passes.bends) if isinstance(bend, Rectified)}
    many = max(1, VALUES // max(layer.inputs for layer in network.layers))
    order = bound.argsort()  # the rivals that are farthest ahead first
    for part in torch.split(order, many):
        part = part[~hopeless[who[part]]]
        if not free or not len(part):
            continue
        climb = Climb(passes, free, leads(network, own, who[part], rival[part]), due[who[part], rival[part]])
        reached = climb.run(is_over)
        bound[part] = bound[part].maximum(reached)
        hopeless[who[part][~(bound[part] > due[who[part], rival[part]])]] = True
    held[who[~(bound > due[who, rival])]] = False
    return held


def leads(network: Network, own: Tensor, who: Tensor, rival: Tensor) -> Rows:
    """How far the own class is before a rival, as functions of the scores."""
    coefficients = torch.zeros(len(who), len(network.classes), dtype=torch.float64)
    places = torch.arange(len(who))
    coefficients[places, own[who]] += 1
    coefficients[places, rival] -= 1
    return Rows(who, coefficients, torch.zeros(len(who), dtype=torch.float64))
