"""The fast gradient sign method: Goodfellow, Shlens & Szegedy 2015, section 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from bench.attacks.base import Attack, Need, within_range
from bench.threats.threat import Criterion, Norm, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class GradientAttack(Attack):
    """What all attacks along the input gradient of a loss have in common."""

    needs: ClassVar[Need] = "gradient"
    norms: ClassVar[tuple[Norm, ...]] = ("linf", "l2")

    loss: Literal["training", "cross_entropy", "margin"] = "training"
    """The loss to climb: the one that the source was trained on, cross-entropy, or the margin of its logits."""
    label: Literal["true", "predicted"] = "true"
    """The class whose loss is climbed. Untargeted only."""
    target: Literal["next", "least-likely", "random"] | None = None
    """How to choose the class to be taken for; None for an untargeted attack."""

    @property
    def criterion(self) -> Criterion:
        return Criterion(kind="targeted" if self.target else "misclassified")

    def goals(self, source: Adapter, x: Tensor, y: Tensor, draws: Draws) -> Tensor | None:
        if self.target is None:
            return None
        logits = source.logits(x).detach()
        size = logits.shape[1]
        if self.target == "next":
            goals = (y + 1) % size
        elif self.target == "random":
            goals = y.new_tensor(draws.classes(y.cpu().numpy(), size))
        else:
            goals = logits.argmin(1)
        return goals.masked_fill(goals == y, -1)  # an example of the goal class would be a success of nothing

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


def steepest(gradient: Tensor, norm: Norm | None) -> Tensor:
    """The unit-norm direction that climbs fastest: the sign for L_inf, the normalised gradient for L2.

    A zero gradient gives zero: the example is not moved, and the judge counts it.
    """
    if norm == "linf":
        return gradient.sign()
    lengths = gradient.flatten(1).double().norm(dim=1).clamp_min(1e-300)
    unit: Tensor = gradient.double() / lengths.reshape(-1, *[1] * (gradient.ndim - 1))
    return unit.to(gradient.dtype)


class FGSM(GradientAttack):
    """One step of size eps along the sign of the gradient, or along the scaled gradient `g / |g|` for L2.

    One gradient serves a whole grid of epsilons.
    """

    name: ClassVar[str] = "fgsm"
    summary: ClassVar[str] = "x + eps sign(g), one gradient sign step; for L2 the scaled gradient, x + eps g / |g|"

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        direction = steepest(self.gradient(source, x, self.labels(source, x, y), goals), budgets[0].norm)
        for budget in budgets:
            yield within_range(x + (budget.eps or 0.0) * direction, budget)
