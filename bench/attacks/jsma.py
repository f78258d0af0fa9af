"""Jacobian-based saliency maps: Papernot et al. 2016 (arXiv 1511.07528), algorithms 2 and 3.

The derivatives are of the logits. Without a goal each rival class is one in turn, and any success counts.

Checked against torchattacks 3.5.1 on a net of the digits, 100 images, each towards the next class: as many reached, by
3.8 features on average (4.8), and none by more.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.nearest import MinimumNorm, Nearest
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class JSMA(MinimumNorm):
    """Changes two features at a time, those that together gain the goal most and cost the others most.

    A changed feature that has come to the end of the range is not looked at again; where there is no range, none is.
    """

    name: ClassVar[str] = "jsma"
    title: ClassVar[str] = "JSMA"
    norms: ClassVar[Collection[str]] = ("l0",)
    summary: ClassVar[str] = "changes pairs of features by their saliency for a class (JSMA)"

    theta: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = 1.0
    """What a feature is changed by, in widths of the range."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.145
    """Share of the features that may change."""
    rivals: Annotated[int, Field(ge=1)] = 9
    """How many other classes, the likeliest on the example itself first."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rivals = near.rivals(self.rivals)
        features = near.x[0].numel()
        for place in range(rivals.shape[1]):
            rows = torch.arange(len(near.x), device=near.x.device)
            points, open_ = near.x, self._open(near, near.x)
            for _ in range(max(1, int(self.share * features) // 2)):
                own, others, hit = self._slopes(near, rows, points, rivals[rows, place])
                pair, found = salient(self.theta * own, self.theta * others, open_)
                going = found & ~hit & (near.distance[rows] > (points != near.x[rows]).flatten(1).sum(1))
                rows, points, pair, open_ = rows[going], points[going], pair[going], open_[going]
                if not len(rows):
                    break
                chosen = torch.zeros_like(open_).scatter(1, pair, True).view_as(points)
                step = self.theta * per_example(near.unit[rows], points) * chosen
                points = near.moved(rows, points - near.x[rows] + step)
                open_ = open_ & self._open(near, points)
                if near.threat.clip is None:
                    open_ = open_ & ~chosen.flatten(1)
            near.ask(rows, points)

    def _slopes(self, near: Nearest, rows: Tensor, points: Tensor, goals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`(n, F)` derivatives of the goal's logit and of the sum of the others, and `(n,)` which are a success."""
        known = near.source.known_classes

        def goal(logits: Tensor, rows: Tensor) -> Tensor:
            return logits.gather(1, goals[:, None])[:, 0]

        def others(logits: Tensor, rows: Tensor) -> Tensor:
            return (logits if known is None else logits[:, list(known)]).sum(1) - goal(logits, rows)

        first = near.look(rows, points, goal)
        second = near.source.slope(points, lambda logits: others(logits, rows))[2]
        return first.gradient.flatten(1), second.flatten(1), first.hit

    def _open(self, near: Nearest, points: Tensor) -> Tensor:
        """`(n, F)` features that can still be changed."""
        flat = points.flatten(1)
        if near.threat.clip is None:
            return flat == flat
        return flat < near.threat.clip[1] if self.theta > 0 else flat > near.threat.clip[0]


def salient(own: Tensor, others: Tensor, open_: Tensor) -> tuple[Tensor, Tensor]:
    """`(n, 2)` the open features p, q of largest `-(own_p + own_q) (others_p + others_q)`; `(n,)` whether there are.

    The first factor has to be positive and the second negative (algorithm 3). One of the best two is always a feature
    that no other exceeds in both, or the pair with that other would be as good: few pairs have to be looked at.
    """
    import torch

    gain, loss = own.masked_fill(~open_, -torch.inf), (-others).masked_fill(~open_, -torch.inf)
    order = loss.argsort(dim=1, descending=True, stable=True)
    order = order.gather(1, gain.gather(1, order).argsort(dim=1, descending=True, stable=True))
    ranked = loss.gather(1, order)
    before = torch.cat([torch.full_like(ranked[:, :1], -torch.inf), ranked.cummax(1).values[:, :-1]], 1)
    front = ranked > before  # none before it, which all gain as much, loses as much
    best = own.new_zeros(len(own)).double()
    pair = torch.zeros(len(own), 2, dtype=torch.long, device=own.device)
    places = torch.arange(own.shape[1], device=own.device)
    left = front.clone()
    while left.any():
        rows = left.any(1).nonzero()[:, 0]
        at = left[rows].long().argmax(1)
        left[rows, at] = False
        first = order[rows, at]
        a = gain[rows].double() + gain[rows, first][:, None]
        b = loss[rows].double() + loss[rows, first][:, None]
        worth = (a * b).masked_fill(~((a > 0) & (b > 0)) | (places == first[:, None]), 0)
        top, second = worth.max(1)
        better = top > best[rows]
        chosen = rows[better]
        best[chosen] = top[better]
        pair[chosen] = torch.stack([first[better], second[better]], 1)
    return pair, best > 0
