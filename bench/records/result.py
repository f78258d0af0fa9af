"""What came out of a cell: counts, means, and a value an example of what they are counted from."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from bench.records.cell import Block, Count, Text
from bench.records.packing import unpack_floats, unpack_integers

Probability = Annotated[float, Field(ge=0, le=1.001)]
"""A mean of float32 numbers that may each come to a little more than 1."""


class Examples(Block):
    """Per-example values, packed (see `bench.records.packing`)."""

    predicted: str
    """The class that the target gave to each candidate; -1 where it abstained."""
    true: str | None = None
    """The true classes. In the clean cell alone: it is read beside every other cell of its target."""
    goal: str | None = None
    """The class that a targeted attack was set; -1 where the example was left out."""
    index: str | None = None
    """Positions in the split, where the slice is a sample."""
    margin: str | None = None
    """Best score minus second best, where the criterion asks for confidence."""
    distance: str | None = None
    """Where the threat names no epsilon: how far each success lies from its example, rounded up; infinite elsewhere."""
    radius: str | None = None
    """Of a certificate: the distance up to which nothing is mislabelled, rounded down; 0 where nothing is proved."""
    exact: str | None = None
    """Of a certificate: 1 where the radius is that of the nearest mislabelled input, but for rounding, else 0."""


class Costs(Block):
    """What crafting asked of the source, in examples: divided by n it is the cost of one."""

    forwards: Count = 0
    """Shown to its differentiable scores."""
    gradients: Count = 0
    """Shown to its input gradient."""
    queries: Count = 0
    """Shown to its labels, scores or probabilities."""


class Result(Block):
    """What came out of a cell. Equal runs give equal results, byte for byte, on one machine."""

    status: Literal["ok", "unsupported"]
    reason: Text | None = None
    n: Count = 0
    """Examples that count."""
    errors: Count | None = None
    """Predicted is not the true class; None for generated inputs, which have none."""
    abstentions: Count = 0
    successes: Count | None = None
    """Examples on which the criterion holds; None where it does not apply to this target."""
    confidence_on_mistakes: Probability | None = None
    """Mean probability of the class given, over the mistakes; over the successes where the criterion asks for it."""
    confidence: Probability | None = None
    """The same mean over all examples."""
    unmoved: Count = 0
    """Candidates equal to their clean input: where a gradient attack had nothing to go by."""
    largest: Annotated[float, Field(ge=0)] | None = None
    """Largest perturbation among the candidates, in the threat's norm, measured in float64."""
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Of a certificate, the probability that an example's radius is too large, at most; None where it is certain."""
    median_margin: float | None = None
    """Median of best score minus second best over the examples labelled right; in the clean cell alone."""
    success_classes: tuple[Count, ...] | None = None
    """Successes by class given; of generated inputs alone."""
    flags: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    """Sanity findings about the target; in the clean cell alone."""
    costs: Costs | None = None
    """None for attacks that ask nothing of a model, and in records of schema 1."""
    examples: Examples | None = None

    @field_validator("flags")
    @classmethod
    def _of_schema_1(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        """There the effort of a quick model was a flag, too."""
        return tuple(flag for flag in flags if not flag.startswith("quick: "))

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        return self._unpacked("predicted")

    @cached_property
    def true(self) -> NDArray[np.int64]:
        return self._unpacked("true")

    @cached_property
    def index(self) -> NDArray[np.int64]:
        return self._unpacked("index")

    @cached_property
    def goal(self) -> NDArray[np.int64]:
        return self._unpacked("goal")

    @cached_property
    def margin(self) -> NDArray[np.float32]:
        return unpack_floats((self.examples and self.examples.margin) or "")

    @cached_property
    def distance(self) -> NDArray[np.float32] | None:
        """`(N,)` how far each success lies from its example, infinite where there is none; None where eps is given."""
        if self.examples is None or self.examples.distance is None:
            return None
        return unpack_floats(self.examples.distance)

    @cached_property
    def radius(self) -> NDArray[np.float32]:
        """`(N,)` the certified radii."""
        return unpack_floats((self.examples and self.examples.radius) or "")

    @cached_property
    def exact(self) -> NDArray[np.bool_]:
        """`(N,)` where the radius is that of the nearest mislabelled input."""
        return np.asarray(self._unpacked("exact") == 1)

    def _unpacked(self, name: str) -> NDArray[np.int64]:
        packed = getattr(self.examples, name, None)
        if packed is None:
            raise ValueError(f"this record keeps no {name!r} values")
        return unpack_integers(packed)
