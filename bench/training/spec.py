"""How a network is trained, as data: the part of a recipe that the training reads. Loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from bench.threats import Epsilon, Threat

if TYPE_CHECKING:
    from torch import Tensor


class Part(BaseModel):
    """What recipes and cards are made of: plain values that stay as they are, with no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ObjectiveSpec(Part):
    """What a network is trained on; see `bench.training.objectives`."""

    kind: str = "plain"
    parameters: dict[str, Any] = {}
    """Of the objective's constructor."""


class OwnFGSM(Part):
    """The attack that a network in training is tested under: one step up its own loss."""

    eps: Epsilon
    """L_inf norm of the step."""
    clip: tuple[float, float] | None = None
    """Lowest and highest value of a feature under attack, or None for no limit, as in the paper."""

    def moved(self, x: Tensor, gradient: Tensor) -> Tensor:
        """The examples after one step up the gradient of their loss."""
        threat = Threat(norm="linf", eps=self.eps, clip=self.clip)
        return threat.moved(x, threat.step(gradient))


class EarlyStopping(OwnFGSM):
    """Stop a first training where the adversarial validation error is least, then train anew on everything for as long.

    The procedure of arXiv 1412.6572, section 6. The error is that under the network's own FGSM on held-out examples.
    """

    held_out: PositiveInt
    """Number of training examples kept for validation, drawn without replacement by the recipe's seed."""
    patience: PositiveInt
    """Epochs without a new least error after which the first training ends."""


class Training(Part):
    """How a network's weights are found: stochastic gradient steps over shuffled batches."""

    optimiser: Literal["sgd", "adam"]
    rate: PositiveFloat
    """Learning rate of the first step."""
    shares: dict[str, PositiveFloat] = {}
    """Of the rate, for parameters whose names begin so; all others get the whole of it."""
    decay: float = Field(default=1.0, ge=1.0)
    """The rate is divided by this after every step."""
    momentum: tuple[NonNegativeFloat, NonNegativeFloat] = (0.0, 0.0)
    """In the first epoch and in the last, in a straight line between; of `sgd` only."""
    epochs: PositiveInt
    """With early stopping, at most."""
    batch: PositiveInt
    objective: ObjectiveSpec = ObjectiveSpec()
    l1: NonNegativeFloat = 0.0
    """Coefficient of the sum of the first layer's absolute weights, added to a batch's mean loss."""
    weight_decay: NonNegativeFloat = 0.0
    """Coefficient of half the sum of all squared weights, biases left out, added to a batch's mean loss."""
    early_stopping: EarlyStopping | None = None
