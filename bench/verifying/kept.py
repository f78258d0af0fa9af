"""What the adversarial inputs kept with a record bear out of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Dataset
from bench.records.examples import Kept, chosen, order_of
from bench.records.record import Record
from bench.verifying.columns import positions, successes
from bench.verifying.geometry import flat, lengths, outside

NEAR = 1e-6
"""Share by which two sums in float64 of what is kept in float32 may differ."""


def of_kept(record: Record, kept: Kept, dataset: Dataset) -> Iterator[str]:
    """What is wrong with kept inputs, a line each."""
    cell = record.cell
    part, threat = cell.craft.slice, cell.threat
    where = positions(record, dataset)
    places = np.searchsorted(where, kept.index)
    if kept.adversarial.shape[1:] != dataset.input_shape:
        yield f"kept inputs of shape {kept.adversarial.shape[1:]}, and examples of {dataset.input_shape}"
        return
    if places[-1] >= len(where) or not np.array_equal(where[places], kept.index):
        yield "kept inputs of examples that it does not have"
        return
    if not np.array_equal(kept.predicted, record.result.predicted[places]):
        count = int((kept.predicted != record.result.predicted[places]).sum())
        yield f"{count} of the labels kept with inputs are not the record's"
    true = None if part.split is None else dataset.labels(part.split)[where]
    won = successes(record, true)
    if won is not None:
        order = order_of(cell.craft.seed, cell.craft.dataset.checksum, part)
        if not np.array_equal(chosen(order, won, len(kept.index)), places):
            yield "kept inputs other than those that its seed draws"
    moved = flat(kept.adversarial)
    if not np.isfinite(moved).all():
        yield "a kept input holds NaN or infinity"
    if threat.clip is not None and not ((moved >= threat.clip[0]) & (moved <= threat.clip[1])).all():
        yield f"a kept input leaves the range {list(threat.clip)}"
    for name in ("confidence", "clean_confidence"):
        values = getattr(kept, name)
        if values is not None and not ((values >= 0) & (values <= 1.001)).all():
            yield f"a {name} that is no probability"
    if part.split is not None:
        yield from _moved(record, places, flat(dataset.examples(part.split, kept.index)), moved)


def _moved(
    record: Record, places: NDArray[np.int64], x: NDArray[np.float64], moved: NDArray[np.float64]
) -> Iterator[str]:
    """Of inputs that come from clean ones."""
    result, threat = record.result, record.cell.threat
    whole = len(places) == len(result.predicted)
    unmoved = int((x == moved).all(1).sum())
    rest = len(result.predicted) - len(places)
    if not unmoved <= result.unmoved <= unmoved + rest:
        yield f"unmoved is {result.unmoved}, and {unmoved} of {len(places)} kept inputs are"
    if threat.norm is None:
        return
    found = lengths(threat.norm, x, moved)
    if threat.eps is not None and (count := int(outside(threat.norm, x, moved, threat.eps).sum())):
        farthest = float(np.nan_to_num(found, nan=np.inf).max())
        yield f"{count} kept inputs lie outside eps {threat.eps:g}, the farthest at {farthest:.9g}"
    largest = float(found.max())
    told = result.largest
    if told is None or not largest <= told * (1 + NEAR) + 1e-12 or (whole and largest < told * (1 - NEAR) - 1e-12):
        yield f"its largest perturbation is {told}, and that of kept inputs {largest:.9g}"
    if result.distance is not None:
        column = result.distance[places].astype(np.float64)
        ours = np.where(np.isfinite(column), found, np.inf)
        with np.errstate(invalid="ignore"):
            if (np.isfinite(column) & ~(np.abs(column - ours) <= NEAR * ours + 1e-12)).any():
                yield "distances that are not those of kept inputs"
            near = np.isfinite(column) & (ours * (1 + NEAR) < _radius(record, places))
        if near.any():
            yield "a kept input within a certified radius"


def _radius(record: Record, places: NDArray[np.int64]) -> NDArray[np.float64]:
    if record.cell.kind != "certificate":
        return np.zeros(len(places))
    return record.result.radius[places].astype(np.float64)
