"""What a check is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.errors import Unsupported, told
from adapters.inside import classes_told_apart
from bench.checks.report import Finding, failed, skipped
from bench.draws import Draws
from bench.threats.linf import LInf

POINTS = 32
"""Examples that the costly checks look at."""
LINF = LInf()
ITERATIONS = 10
"""Steps of an iterated attack."""


Clip = tuple[float | Tensor, float | Tensor]
"""Lowest and highest valid input, each a number or a tensor of the shape of one example."""


@dataclass(eq=False)
class Subject:
    """One model and the examples that it is shown. What several checks need is computed once."""

    adapter: Adapter
    x: Tensor
    """`(N, *input_shape)` float32 clean inputs on the adapter's device, N at least 1."""
    y: Tensor
    """`(N,)` true classes."""
    clip: Clip | None = None
    """Lowest and highest value of the inputs; None where not known."""
    size: int | None = None
    """Number of classes; None for whatever tells it."""
    thorough: bool = False
    """Whether to hold gradients against finite differences in more directions, and show more examples alone."""

    def outputs(self, x: Tensor) -> Outputs:
        """The model's outputs of a copy, whatever it does to that."""
        return self.adapter.outputs(x.clone())

    @cached_property
    def clean(self) -> Outputs:
        """Outputs of the clean inputs."""
        return self.outputs(self.x)

    @cached_property
    def classes(self) -> int:
        """Number of classes."""
        if self.size is not None:
            return self.size
        if self.adapter.classes is not None:
            return len(self.adapter.classes)
        if self.clean.scores is not None and self.clean.scores.ndim == 2:
            return self.clean.scores.shape[1]
        return int(torch.cat([self.y, self.clean.labels]).max()) + 1

    @cached_property
    def known(self) -> int:
        """Number of classes that the model itself tells apart: of the dataset's it may know some only."""
        return classes_told_apart(self.adapter) or self.classes

    @property
    def given(self) -> Tensor:
        """`(N,)` the model's labels; the true class where it abstains."""
        return self.clean.labels.where(self.clean.labels >= 0, self.y)

    @cached_property
    def gradient(self) -> Tensor:
        """Gradients at the clean inputs, as the attacks ask for them."""
        return self.adapter.input_gradient(self.x, self.y)

    @cached_property
    def span(self) -> Tensor:
        """Range of each feature, of the shape of one example: of the valid inputs, or else of these."""
        if self.clip is not None:
            low, high = (torch.as_tensor(side).to(self.x) for side in self.clip)
            return (high - low).expand_as(self.x[0])
        span = self.x.amax(0) - self.x.amin(0)
        return span.where(span > 0, span.max())

    def within_range(self, x: Tensor) -> Tensor:
        if self.clip is None:
            return x
        low, high = (torch.as_tensor(side).to(x) for side in self.clip)
        return x.clamp(low, high)

    def attacked(self, share: float) -> Tensor:
        """FGSM with a step of this share of each feature's range."""
        return self.within_range(self.x + share * self.span * LINF.step(self.gradient))

    def noisy(self, share: float) -> Tensor:
        """Every feature moved by this share of its range, up or down."""
        signs = torch.from_numpy(self.draws("noise", len(self.x)).signs(tuple(self.x.shape[1:])))
        return self.within_range(self.x + share * self.span * signs.to(self.x))

    def shuffled(self, count: int) -> Tensor:
        """`(count,)` places in another order, the same in every run."""
        return torch.from_numpy(np.argsort(self.draws("order", count).uniform(()), kind="stable")).to(self.x.device)

    def climbed(self, count: int, share: float, *, clipped: bool) -> Iterator[Tensor]:
        """Ten iterates of iterated FGSM on the first examples, within this share of each feature's range."""
        x, y = self.x[:count], self.y[:count]
        reach = share * self.span
        moved = x
        for _ in range(ITERATIONS):
            step = LINF.step(self.adapter.input_gradient(moved, y))
            moved = x + LINF.projected(moved + 0.25 * reach * step - x, reach)
            if clipped:
                moved = self.within_range(moved)
            yield moved

    def draws(self, purpose: str, count: int) -> Draws:
        """Random numbers for a purpose, the same in every run."""
        return Draws(("checks", purpose, 0), np.arange(count))


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong with a model."""

    name: str
    run: Callable[[Subject], Finding]
    flag: str | None = None
    """What a board says of a model that does not pass; None for checks that suites do not make."""
    needs_gradient: bool = False
    gates: bool = False
    """Whether the checks after it mean nothing where it fails."""

    def of(self, subject: Subject) -> Finding:
        """Make the check; an exception of the model's is a failure."""
        if self.needs_gradient and subject.adapter.gradient == "none":
            return skipped("it has no gradient")
        try:
            return self.run(subject)
        except Unsupported as error:
            return skipped(str(error))
        except Exception as error:  # noqa: BLE001 - it is somebody's model
            return failed(told(error))


def better_than_chance(right: int, of: int, classes: int) -> bool:
    """Whether so many right labels are more than guessing among the classes gives (binomial test, 1%)."""
    return bool(binomtest(right, of, 1 / max(classes, 2), alternative="greater").pvalue < 0.01)
