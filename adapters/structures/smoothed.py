"""Classifiers that vote under Gaussian noise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor

from adapters.errors import Unsupported
from adapters.structures.base import MOST, Structure


@dataclasses.dataclass(frozen=True)
class Smoothed(Structure):
    """Scores are the votes of `draws` copies of the input under noise of that standard deviation in every feature.

    Of the model that votes nothing is known but its votes: they are asked for, and an estimate of them is all that
    can be told of the smoothed classifier, whose label is the class that noise of that sort is most likely to be given.
    """

    kind: ClassVar[str] = "smoothed"

    sigma: float
    """In the dataset's units."""
    draws: int
    alpha: float
    """Probability that what is proved of an example is wrong, at most."""

    def __post_init__(self) -> None:
        """Raise ValueError for what is no noise, no number of draws or no probability."""
        super().__post_init__()
        if not (0 < self.sigma < math.inf and 1 <= self.draws <= MOST and 0 < self.alpha < 1):
            raise ValueError("its noise, its draws or its error probability make no sense")

    @property
    def risk(self) -> float:
        return self.alpha

    def asking(self, votes: Callable[[Tensor], Tensor]) -> Self:
        asked = dataclasses.replace(self)
        object.__setattr__(asked, "_votes", votes)
        return asked

    def scores(self, x: Tensor) -> Tensor:
        """Raises Unsupported where nobody can be asked."""
        votes: Callable[[Tensor], Tensor] | None = getattr(self, "_votes", None)
        if votes is None:
            raise Unsupported("a smoothed classifier is certified by its votes, and there is nobody to ask for them")
        return votes(x)[:, list(self.classes)].double().cpu()

    def roundoff(self, x: Tensor) -> Tensor:
        """Beyond all votes: they are the model's own, and where they are too even it abstains."""
        return torch.full((len(x),), self.draws + 1.0, dtype=torch.float64)

    def scaled(self, slope: Tensor, offset: Tensor) -> Smoothed:
        """Raises Unsupported unless all features are scaled alike: else the noise is of another size in each."""
        if not bool((slope == slope[0]).all()) or not float(slope[0]):
            raise Unsupported("nothing is known to be proved of a smoothed model behind a scaling by feature")
        return dataclasses.replace(self, sigma=self.sigma / abs(float(slope[0])))
