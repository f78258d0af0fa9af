"""What counts as success of an attack. A plain value, part of every result's identity."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Criterion(BaseModel):
    """What counts as success of an attack on one example."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["misclassified", "targeted", "confident"] = "misclassified"
    """`misclassified`: any other class than the true one. `targeted`: the goal class that the attack was set, with a
    probability above `threshold` where there is one. `confident`: (rubbish) any class at all, with a probability above
    `threshold`."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """None is a half where the kind is `confident`."""

    @property
    def asks_confidence(self) -> bool:
        """Whether success takes a probability, which not every model gives."""
        return self.kind == "confident" or (self.kind == "targeted" and self.threshold is not None)

    @property
    def bar(self) -> float | None:
        """The probability that success takes; None where it takes none."""
        return (self.threshold or 0.5) if self.asks_confidence else None


MISCLASSIFIED = Criterion()
