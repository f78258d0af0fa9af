"""What an adversary may do, and what counts as success. Plain values, part of every result's identity."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Norm = Literal["linf", "l2"]
NORMS: tuple[Norm, ...] = ("linf", "l2")


def parse_epsilon(value: Any) -> float:
    """A perturbation size: a positive number, or text such as `8/255` and `1e-3`, which plain YAML leaves as text.

    Raises:
        ValueError: it is no positive finite number.
    """
    remedy = "give a positive number such as 0.1, 8/255 or 1e-3"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"eps {value!r} is no number; {remedy}")
    try:
        if isinstance(value, str) and "/" in value:
            above, below = value.split("/")
            number = float(above) / float(below)
        else:
            number = float(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"eps {value!r} is no number; {remedy}") from None
    if not 0 < number < float("inf"):
        raise ValueError(f"eps {value} is not positive and finite; {remedy}")
    return number


Epsilon = Annotated[float, BeforeValidator(parse_epsilon)]


class Threat(BaseModel):
    """The set of inputs that an adversary may present in place of `x`.

    Without a norm it is everything (clean inputs, rubbish); with one, the ball of radius `eps` around `x` in the
    dataset's units, cut to the dataset's range where `clip` gives it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    norm: Norm | None = None
    eps: float | None = None
    clip: tuple[float, float] | None = None
    """Lowest and highest value that a feature may take, or None where the adversary is not bound to the range."""

    def within(self, other: Threat) -> bool:
        """Whether every input that this threat allows is allowed by `other` as well."""
        if self.norm != other.norm or self.eps is None or other.eps is None:
            return False
        return self.eps <= other.eps and (other.clip is None or self.clip == other.clip)


class Criterion(BaseModel):
    """What counts as success of an attack on one example."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["misclassified", "targeted", "confident"] = "misclassified"
    """`misclassified`: any other class than the true one. `targeted`: the goal class that the attack was set, with a
    probability above `threshold` where there is one. `confident`: (rubbish) any class at all, with a probability above
    `threshold`."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None

    @property
    def asks_confidence(self) -> bool:
        """Whether success takes a probability, which not every model gives."""
        return self.kind == "confident" or (self.kind == "targeted" and self.threshold is not None)


MISCLASSIFIED = Criterion()
