"""What all attacks along the input gradient of a loss have in common."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from adapters.errors import Unsupported, no_gradient
from bench.attacks.base import Attack, Need, Role
from bench.errors import UsageError
from bench.threats import NORMS, Criterion

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class GradientAttack(Attack):
    """Which loss to climb, of which class, towards which goal."""

    needs: ClassVar[Need] = "gradient"
    role: ClassVar[Role] = "gradient"
    norms: ClassVar[Collection[str]] = NORMS

    loss: Literal["training", "cross_entropy", "margin"] = "training"
    """The loss to climb: the one that the source was trained on, cross-entropy, or the margin of its logits."""
    label: Literal["true", "predicted"] = "true"
    """The class whose loss is climbed. Untargeted only."""
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

    def check(self, source: Adapter) -> None:
        """Raises Unsupported where the source has no gradient, which an attack may never come to ask for."""
        if source.gradient == "none":
            raise Unsupported(f"it needs a gradient: {no_gradient(source.family, source.notes)}")

    def labels(self, source: Adapter, x: Tensor, y: Tensor) -> Tensor:
        """`(N,)` the classes whose loss is climbed, told once on the clean inputs."""
        if self.label == "true" or self.target is not None:
            return y
        predicted = source.predict(x)
        return predicted.where(predicted >= 0, y)

    def gradient(self, source: Adapter, x: Tensor, labels: Tensor, goals: Tensor | None) -> Tensor:
        """The direction to move in: up the loss of the label, or down the loss of the goal."""
        if goals is not None:
            return -source.input_gradient(x, goals.where(goals >= 0, labels), self.loss)
        return source.input_gradient(x, labels, self.loss)

    def _given(self, target: int, size: int, known: list[int], y: Tensor) -> Tensor:
        """`(N,)` the one goal of all."""
        if target >= size:
            raise UsageError(f"target {target} of attack {self.name}: there are {size} classes, the first is 0")
        if target not in known:
            raise Unsupported(f"the model is of classes {', '.join(map(str, known))}, and cannot answer {target}")
        return y.new_full(y.shape, target)
