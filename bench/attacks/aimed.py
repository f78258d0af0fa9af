"""Attacks that can be set a class to be taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from adapters.errors import Unsupported
from bench.attacks.base import Attack
from bench.errors import UsageError
from bench.threats import Criterion

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class AimedAttack(Attack):
    """Which class each example shall be taken for, if any."""

    target: Literal["next", "least-likely", "random"] | Annotated[int, Field(ge=0, strict=True)] | None = None
    """How to choose the class to be taken for, or that class, counted from 0; None for an untargeted attack."""

    @property
    def criterion(self) -> Criterion:
        return Criterion(kind="misclassified" if self.target is None else "targeted")

    def goals(self, source: Adapter, x: Tensor, y: Tensor, draws: Draws) -> Tensor | None:
        """As the base. Raises UsageError where the target is no class, Unsupported where it is none of the source's."""
        import torch

        if self.target is None:
            return None
        logits = source.logits(x).detach()
        known = y.new_tensor(source.known_classes or range(logits.shape[1]))  # no other is an answer of the model's
        place, inside = (known < y[:, None]).sum(1), (known == y[:, None]).any(1)
        if isinstance(self.target, int):
            goals = self._given(self.target, logits.shape[1], known.tolist(), y)
        elif self.target == "next":
            goals = known[(place + inside) % len(known)]
        elif self.target == "random":
            among, beside = (
                y.new_tensor(draws.classes(own.cpu().numpy(), size))
                for own, size in ((place, len(known)), (torch.full_like(place, len(known)), len(known) + 1))
            )
            goals = known[among.where(inside, beside)]
        else:
            goals = known[logits[:, known].argmin(1)]
        return goals.masked_fill(goals == y, -1)  # an example of the goal class would be a success of nothing

    def _given(self, target: int, size: int, known: list[int], y: Tensor) -> Tensor:
        """`(N,)` the one goal of all."""
        if target >= size:
            raise UsageError(f"target {target} of attack {self.name}: there are {size} classes, the first is 0")
        if target not in known:
            raise Unsupported(f"the model is of classes {', '.join(map(str, known))}, and cannot answer {target}")
        return y.new_full(y.shape, target)
