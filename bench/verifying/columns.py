"""What a record counts, recomputed from its columns and the dataset's own classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Dataset
from bench.records.record import Record
from bench.records.sampling import indices
from bench.verifying.geometry import ULP


def positions(record: Record, dataset: Dataset) -> NDArray[np.int64]:
    """`(n,)` of the examples in the split, or the numbers of generated inputs.

    Raises:
        ValueError: the record is of another split than there is.
    """
    part = record.cell.craft.slice
    if part.split is not None and dataset.sizes.get(part.split) != part.of:
        raise ValueError(f"it is of {part.of} examples in {part.split!r}, of which the dataset has another number")
    return indices(part, None if part.split is None else dataset.labels(part.split))


def successes(record: Record, true: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
    """`(n,)` where the criterion holds; None where that takes probabilities, which records have no columns of."""
    result, kind = record.result, record.cell.criterion
    predicted = result.predicted
    goal = result.goal if result.examples is not None and result.examples.goal is not None else None
    there = np.ones(len(predicted), dtype=bool) if goal is None else goal >= 0
    if kind.asks_confidence:
        return None
    if kind.kind == "targeted" and goal is not None:
        return np.asarray((predicted == goal) & there)
    if true is None:
        return None
    by_distance = record.cell.threat.norm is not None and record.cell.threat.eps is None
    return np.asarray((predicted != true) & there & ((predicted >= 0) | by_distance))


def of_columns(record: Record, dataset: Dataset) -> Iterator[str]:
    """What is wrong with a record's columns and counts, a line each."""
    result, cell = record.result, record.cell
    part, predicted, kept = cell.craft.slice, result.predicted, result.examples
    assert kept is not None
    try:
        wanted = positions(record, dataset)
    except ValueError as error:
        yield str(error)
        return
    if len(predicted) != len(wanted):
        yield f"{len(predicted)} labels for {len(wanted)} examples"
        return
    if predicted.max() >= len(dataset.classes) or predicted.min() < -1:
        yield "labels that the dataset has not"
    if kept.index is not None and not np.array_equal(result.index, wanted):
        yield "its examples are not those that its seed draws"
    true = None if part.split is None else dataset.labels(part.split)[wanted]
    if kept.true is not None and true is not None and not np.array_equal(result.true, true):
        yield "its true classes are not the dataset's"
    there = np.ones(len(predicted), dtype=bool) if kept.goal is None else result.goal >= 0
    won = successes(record, true)
    told = {"n": int(there.sum()), "abstentions": int(((predicted < 0) & there).sum())}
    if true is not None:
        told["errors"] = int(((predicted != true) & (predicted >= 0) & there).sum())
    if won is not None and result.successes is not None:
        told["successes"] = int(won.sum())
    for name, count in told.items():
        if getattr(result, name) != count:
            yield f"{name} is {getattr(result, name)}, and its labels come to {count}"
    if result.distance is not None and won is not None and not np.array_equal(np.isfinite(result.distance), won):
        yield "distances where there is no success, or none where there is one"
    by_class = result.success_classes
    if by_class is not None:
        most = [int(((predicted == k) & there).sum()) for k in range(len(by_class))]
        if sum(by_class) != result.successes or any(a > b for a, b in zip(by_class, most, strict=True)):
            yield "successes by class that its labels do not bear out"
    if result.largest is not None and cell.threat.eps is not None and cell.threat.norm is not None:
        yield from _size(result.largest, cell.threat.norm, cell.threat.eps, dataset)


def _size(largest: float, norm: str, eps: float, dataset: Dataset) -> Iterator[str]:
    if dataset.bounds is None:
        return
    at, features = max(map(abs, dataset.bounds)), dataset.features
    slack = {"linf": 2 * ULP * (at + eps), "l0": 0.0, "l1": ULP * at * features}
    if largest > eps + slack.get(norm, ULP * at * np.sqrt(features)) + (1e-5 * eps if norm in ("l1", "l2") else 0):
        yield f"its largest perturbation, {largest:.9g}, exceeds eps {eps:g}"
