"""What all attacks along the input gradient of a loss have in common."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Literal

from adapters.errors import Unsupported, no_gradient
from bench.attacks.aimed import AimedAttack
from bench.attacks.base import Need, Role
from bench.threats import NORMS

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter


class GradientAttack(AimedAttack):
    """Which loss to climb, of which class, towards which goal."""

    needs: ClassVar[Need] = "gradient"
    role: ClassVar[Role] = "gradient"
    norms: ClassVar[Collection[str]] = NORMS

    loss: Literal["training", "cross_entropy", "margin"] = "training"
    """The loss to climb: the one that the source was trained on, cross-entropy, or the margin of its logits."""
    label: Literal["true", "predicted"] = "true"
    """The class whose loss is climbed. Untargeted only."""

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
