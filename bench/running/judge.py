"""The judge: checks every proposal itself, asks the target, and counts. What an attack claims counts for nothing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.errors import InvalidOutput
from bench.checks.outputs import verified
from bench.records.packing import pack_floats, pack_integers
from bench.records.record import Cell, Examples, Result
from bench.threats import Threat

CONFIDENT_KINDS = ("softmax", "sigmoid")
"""Kinds of confidence that a threshold of the paper's sort applies to."""


class InvalidCandidate(Exception):
    """An attack proposed something outside the threat."""


class Audit(NamedTuple):
    """What the judge measured on a batch of candidates."""

    largest: float | None
    """Largest perturbation in the threat's norm, in float64."""
    unmoved: int
    """Candidates equal to their clean input."""


def audit(candidates: Tensor, x: Tensor, threat: Threat, *, generated: bool = False) -> Audit:
    """Check candidates against a threat.

    Always finite; inside the range if the threat clips; inside the ball, measured in float64, with the tolerance of the
    threat's norm. Fails closed: NaN is outside.

    Args:
        candidates: `(N, *input_shape)` what the attack proposes.
        x: the clean inputs; ignored where the candidates are generated.
        threat: what is allowed.
        generated: whether the candidates come from no clean input.

    Raises:
        InvalidCandidate: any of it does not hold.
    """
    if candidates.dtype != x.dtype or candidates.device != x.device:
        raise InvalidCandidate(f"{candidates.dtype} on {candidates.device} in place of {x.dtype} on {x.device}")
    if candidates.shape != x.shape:
        raise InvalidCandidate(f"shape {tuple(candidates.shape)} in place of {tuple(x.shape)}")
    low, high = (float(value) for value in candidates.aminmax())
    if not (np.isfinite(low) and np.isfinite(high)):  # NaN and infinity both reach the extremes
        raise InvalidCandidate("a value is NaN or infinite")
    if threat.clip is not None and not (low >= threat.clip[0] and high <= threat.clip[1]):
        raise InvalidCandidate(f"values from {low:.9g} to {high:.9g} leave the range {list(threat.clip)}")
    if generated:
        return Audit(None, 0)
    if candidates is x:
        return Audit(None if threat.norm is None else 0.0, len(x))
    if threat.norm is None:
        return Audit(None, int((candidates == x).flatten(1).all(1).sum()))
    distances = threat.distance(x, candidates)
    largest = float(distances.max())
    if threat.eps is not None and not largest <= threat.eps:
        excess = float(threat.violation(x, candidates).max())
        if not excess <= 0:
            name = threat.geometry.title
            raise InvalidCandidate(f"an {name} distance of {largest:.9g} exceeds eps {threat.eps:g}")
    return Audit(largest, int((distances == 0).sum()))


def ask(target: Adapter, candidates: Tensor, size: int) -> Outputs:
    """The target's outputs on a batch, verified.

    Args:
        target: the model to ask.
        candidates: `(N, *input_shape)`.
        size: number of classes of the dataset.

    Raises:
        InvalidOutput: as `verified`, or an input written into.
    """
    shown = candidates.clone()  # every target is shown the same candidates, whatever the one before did to them
    outputs = target.outputs(shown)
    if not torch.equal(shown, candidates):
        raise InvalidOutput("the model writes into its input; give it a copy to work on")
    return verified(outputs, len(candidates), size)


class Tally:
    """Counts of one cell, batch by batch."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self._columns: dict[str, NDArray[Any]] = {}
        self._filled = 0
        self._unmoved = 0
        self._largest: float | None = None

    def add(self, outputs: Outputs, y: NDArray[np.int64], goals: NDArray[np.int64] | None, measured: Audit) -> None:
        """Count one batch. `y` is the true classes, -1 for generated inputs."""
        labels, scores, probabilities = outputs
        self._keep("labels", labels.cpu().numpy())
        self._keep("true", y)
        if goals is not None:
            self._keep("goals", goals)
        if probabilities is not None:
            given = probabilities.gather(1, labels.clamp_min(0)[:, None])[:, 0].double()
            self._keep("confidences", given.cpu().numpy())
            if self._wants_confidence:
                self._keep("tops", probabilities.amax(1).double().cpu().numpy())
        if scores is not None and self._wants_margin:
            best = scores.topk(2, dim=1).values
            self._keep("margins", (best[:, 0] - best[:, 1]).float().cpu().numpy())
        self._filled += len(y)
        self._unmoved += measured.unmoved
        if measured.largest is not None:
            self._largest = max(self._largest or 0.0, measured.largest)

    def _keep(self, name: str, values: NDArray[Any]) -> None:
        """Add a batch's values to a column that has room for the whole slice.

        A small array kept from each batch would lie between the large ones of that batch and the next, and the heap
        would grow with the number of examples for want of a hole to fit in.
        """
        end = self._filled + len(values)
        if name not in self._columns:
            self._columns[name] = np.empty(self.cell.craft.slice.n, values.dtype)
        if end > len(self._columns[name]):
            self._columns[name] = np.resize(self._columns[name], end)
        self._columns[name][self._filled : end] = values

    def _column(self, name: str) -> NDArray[Any] | None:
        """What was kept, one value an example; None where nothing was."""
        return self._columns[name][: self._filled] if name in self._columns else None

    @property
    def _wants_confidence(self) -> bool:
        return self.cell.criterion.asks_confidence

    @property
    def _is_clean(self) -> bool:
        return self.cell.craft.attack.name == "clean"

    @property
    def _wants_margin(self) -> bool:
        return self._wants_confidence or self._is_clean

    def result(self, index: NDArray[np.int64] | None, classes: int, flags: tuple[str, ...] = ()) -> Result:
        """The cell's result.

        Args:
            index: positions of the examples in their split, kept where the slice is a sample.
            classes: number of classes of the dataset.
            flags: sanity findings to keep.
        """
        labels, true = self._columns["labels"][: self._filled], self._columns["true"][: self._filled]
        goals, margins, tops = (self._column(name) for name in ("goals", "margins", "tops"))
        counted = np.ones(len(labels), dtype=bool) if goals is None else goals >= 0
        generated = self.cell.craft.slice.split is None
        mistakes = (labels != true) & (labels >= 0) & counted & (not generated)
        success = mistakes
        applicable = True
        confidences = self._column("confidences")
        if self._wants_confidence:
            threshold = self.cell.criterion.threshold or 0.5
            comparable = classes > 2 and self.cell.target.confidence_kind in CONFIDENT_KINDS
            if tops is None or confidences is None or not comparable:
                applicable = False
            elif self.cell.criterion.kind == "confident":
                success = tops > threshold
            else:
                success = (labels == goals) & counted & (confidences > threshold)
        elif goals is not None:
            success = (labels == goals) & counted
        if generated:  # whatever the model is taken in by is a mistake: there is no right answer
            mistakes = success
        right = (labels == true) & counted
        median = float(np.median(margins[right])) if self._is_clean and margins is not None and right.any() else None
        if median is not None and not np.isfinite(median):  # a model of a single class has no second best
            median = None
        return Result(
            status="ok",
            n=int(counted.sum()),
            errors=None if generated else int(mistakes.sum()),
            abstentions=int(((labels < 0) & counted).sum()),
            successes=int(success.sum()) if applicable else None,
            confidence_on_mistakes=_mean(confidences, mistakes & (labels >= 0)),
            confidence=_mean(confidences, counted & (labels >= 0)),
            unmoved=self._unmoved,
            largest=self._largest,
            median_margin=median,
            success_classes=_by_class(labels, success, classes) if generated and applicable else None,
            flags=flags,
            examples=Examples(
                predicted=pack_integers(labels),
                true=pack_integers(true) if self._is_clean else None,
                goal=None if goals is None else pack_integers(goals),
                index=None if index is None else pack_integers(index),
                margin=None if margins is None or self._is_clean else pack_floats(margins),
            ),
        )


def _by_class(labels: NDArray[np.int64], where: NDArray[np.bool_], classes: int) -> tuple[int, ...]:
    """How often each class was given."""
    return tuple(int(((labels == k) & where).sum()) for k in range(classes))


def _mean(values: NDArray[np.float64] | None, where: NDArray[np.bool_]) -> float | None:
    return float(values[where].mean()) if values is not None and where.any() else None
