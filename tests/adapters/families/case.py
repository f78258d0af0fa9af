"""What the tests of `adapters.sklearn` need to know of one estimator with one setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One estimator, and what its adapter promises."""

    make: Callable[[], Any]
    """Gives the estimator, not fitted yet."""
    gradient: str = "exact"
    confidence: str | None = None
    """Kind of its probabilities; None where it has none."""
    labellings: tuple[str, ...] = ("ten", "words", "shifted", "binary")
    """Which label sets it is fitted on; see `sklearn_cases.LABELLINGS`."""
    beats_noise_by: float = 0.2
    """How much more often FGSM at .2 fools it than noise of that size does, at least."""
    on_boundary: int = 400
    """At how many points of a boundary between classes it is asked: fewer of what scikit-learn searches slowly."""
    on_mnist: bool = True
    """Whether it is fitted on MNIST too: not where it takes a number a pixel of the digits, or scikit-learn minutes."""
