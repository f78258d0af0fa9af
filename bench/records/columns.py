"""What a record's columns must be, and the counts that they come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.records.cell import Cell
from bench.records.packing import unpack_floats, unpack_integers
from bench.threats import MISCLASSIFIED, Criterion

Columns = Mapping[str, NDArray[Any]]
TARGETED = Criterion(kind="targeted")
CLASSES = 1_000_000
"""That a dataset may have, at most."""
FLOATS = ("margin", "distance", "radius")
"""Columns that are no integers."""


def columns(cell: Cell, kept: Iterable[tuple[str, str | None]]) -> dict[str, NDArray[Any]]:
    """`(n,)` values by name.

    Raises:
        ValueError: one is no packing, is of another length, holds what its kind cannot be, or is lacking.
    """
    n, found = cell.craft.slice.n, dict[str, NDArray[Any]]()
    for name, packed in kept:
        if packed is not None:
            found[name] = unpack_floats(packed) if name in FLOATS else unpack_integers(packed)
            if len(found[name]) != n:
                raise ValueError(f"{name} has {len(found[name])} values for {n} examples")
    for name, why in _needed(cell):
        if name not in found:
            raise ValueError(f"a result without {name!r}, which {why} has")
    _check(cell, found)
    return found


def counts(cell: Cell, found: Columns, errors: int | None) -> dict[str, int]:
    """The counts of a result that its own columns tell; `errors` is what it says that they are."""
    labels = found["predicted"]
    there = found["goal"] >= 0 if "goal" in found else np.ones(len(labels), dtype=bool)
    told = {"n": int(there.sum()), "abstentions": int(((labels < 0) & there).sum())}
    if "true" in found:
        told["errors"] = int(((labels != found["true"]) & (labels >= 0) & there).sum())
    if "distance" in found:
        told["successes"] = int(np.isfinite(found["distance"]).sum())
    elif cell.criterion == TARGETED and "goal" in found:
        told["successes"] = int(((labels == found["goal"]) & there).sum())
    elif cell.criterion == MISCLASSIFIED and errors is not None:
        told["successes"] = told.get("errors", errors)
    return told


def _needed(cell: Cell) -> Iterable[tuple[str, str]]:
    """Columns that boards read of such a cell, with the reason."""
    part = cell.craft.slice
    if cell.craft.attack.name == "clean":
        yield "true", "the clean pass"
    if part.partial:
        yield "index", "a sample"
    if cell.criterion.kind == "targeted":
        yield "goal", "a targeted attack"
    if cell.threat.norm is not None and cell.threat.eps is None:
        yield "distance", "an attack without eps"
    if cell.kind == "certificate":
        yield "radius", "a certificate"
        yield "exact", "a certificate"


def _check(cell: Cell, found: Columns) -> None:
    for name in ("predicted", "true", "goal"):
        if name in found and (found[name] >= CLASSES).any():
            raise ValueError(f"{name} holds a class beyond {CLASSES}")
    index = found.get("index")
    if index is not None and ((np.diff(index) <= 0).any() or index[0] < 0 or index[-1] >= cell.craft.slice.of):
        raise ValueError("index does not ascend within the split")
    if "true" in found and (found["true"] < 0).any():
        raise ValueError("true holds classes below 0")
    if "distance" in found and not (found["distance"] >= 0).all():
        raise ValueError("distance holds what is no distance")
    if "radius" in found:
        if not (found["radius"] >= 0).all():
            raise ValueError("radius holds what is no distance")
        near = found.get("distance", np.full(1, np.inf))
        if ((found["radius"] >= near) & (found["radius"] > 0) & np.isfinite(near)).any():
            raise ValueError("radius reaches a candidate that is mislabelled")
    if "exact" in found and not np.isin(found["exact"], (0, 1)).all():
        raise ValueError("exact holds what is neither 0 nor 1")
    if "margin" in found and np.isnan(found["margin"]).any():
        raise ValueError("margin holds NaN")
