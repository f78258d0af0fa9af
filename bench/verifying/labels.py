"""Whether a model at hand gives the labels that a record tells of."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Dataset
from bench.records.examples import Kept
from bench.records.record import Record
from bench.verifying.columns import positions
from bench.verifying.eight_bit import is_image, pixels, rounded

BATCH = 250
NEAR = 1e-4
"""A label that another machine moved is a near-tie where its two best scores are within that share of the largest."""
Ask = Callable[[NDArray[np.float32]], tuple[NDArray[np.int64], NDArray[np.float64] | None]]
"""From `(N, *input_shape)` to `(N,)` labels and `(N, K)` scores, if the model gives any."""


@dataclass(frozen=True)
class Model:
    """A model at hand."""

    fingerprint: str
    ask: Ask
    stochastic: bool = False


@dataclass
class Relabelled:
    """What asking it came to."""

    problems: list[str]
    notes: list[str]
    asked: int = 0
    other: bool = False
    """Whether the model at hand is another version of the one that was judged."""


def of_labels(record: Record, kept: Kept | None, dataset: Dataset, model: Model, *, both: bool = False) -> Relabelled:
    """Ask a model for the labels that a record tells of: of kept inputs, and of the clean pass of all examples.

    A fingerprint tells of code as well as of weights, so that another one alone does not make a record wrong. A model
    of another one that gives other labels is another model.

    Args:
        record: of which the arithmetic holds.
        kept: its inputs, if there are any.
        dataset: of the record.
        model: of its target's name.
        both: whether the folder has records of the model at hand, too: this one is then of another version of it.
    """
    if model.fingerprint == record.cell.target.fingerprint:
        return _asked(record, kept, dataset, model)
    another = f"the model at hand has another fingerprint, {model.fingerprint[:16]}"
    if both:
        return Relabelled([], [f"{another}, of which there are records, too: it was not asked"], other=True)
    found = _asked(record, kept, dataset, model)
    if found.problems:
        found.problems = [f"{another}, and is another model: {'; '.join(found.problems)}"]
        return found
    if not found.asked:
        return Relabelled([], [f"{another}, and there is nothing to ask it", *found.notes], other=True)
    changed = ", ".join(_changed(record)) or "versions of packages are the same"
    why = f"its code or this program's has changed since ({changed}), or it is another that agrees on these"
    found.notes = [f"{another}, and gives the same labels: {why}", *found.notes]
    found.other = True
    return found


def _changed(record: Record) -> Iterator[str]:
    """Packages that the record was made with in another version than is here."""
    for name, told in sorted(record.run.versions.items()):
        try:
            here = platform.python_version() if name == "python" else version(name)
        except PackageNotFoundError:
            here = "none"
        if here.partition("+")[0] != told.partition("+")[0]:
            yield f"{name} {told[:20]} then, {here} now"


def _asked(record: Record, kept: Kept | None, dataset: Dataset, model: Model) -> Relabelled:
    if model.stochastic:
        return Relabelled([], ["its labels are drawn at random, and were not asked for"])
    part = record.cell.craft.slice
    if kept is not None:
        found = _compared(model, kept.adversarial, kept.predicted, "kept input")
        if part.split is not None and is_image(dataset):
            found.notes += list(_eight_bit(record, kept, dataset, model))
        return found
    if record.cell.craft.attack.name == "clean" and part.split is not None:
        where = positions(record, dataset)
        found = Relabelled([], [])
        for start in range(0, len(where), 10 * BATCH):
            cut = slice(start, start + 10 * BATCH)
            given = _compared(model, dataset.examples(part.split, where[cut]), record.result.predicted[cut], "example")
            found.problems += given.problems
            found.notes += given.notes
            found.asked += given.asked
        return found
    return Relabelled([], [])


def _compared(model: Model, x: NDArray[np.float32], told: NDArray[np.int64], what: str) -> Relabelled:
    labels, near = [], []
    for start in range(0, len(x), BATCH):
        given, scores = model.ask(x[start : start + BATCH])
        labels.append(given)
        near.append(np.zeros(len(given), dtype=bool) if scores is None else _near_ties(scores))
    moved = np.concatenate(labels) != told
    tied = moved & np.concatenate(near)
    wrong = int((moved & ~tied).sum())
    return Relabelled(
        [f"the model labels {wrong} of {len(x)} {what}s otherwise than it tells"] if wrong else [],
        [f"{int(tied.sum())} labels are near-ties that rounding moved"] if tied.any() else [],
        len(x),
    )


def _near_ties(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    best = np.sort(scores, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0] <= NEAR * np.maximum(np.abs(scores).max(1), 1e-30))


def _eight_bit(record: Record, kept: Kept, dataset: Dataset, model: Model) -> Iterator[str]:
    """How many successes last in a file of 8 bits."""
    split = record.cell.craft.slice.split
    assert split is not None
    true = dataset.labels(split)[kept.index]
    won = kept.predicted != true
    if not won.any():
        return
    x = dataset.examples(split, kept.index)
    labels, _ = model.ask(pixels(rounded(x, kept.adversarial))[won])
    yield f"{int((labels != true[won]).sum())} of {int(won.sum())} mistakes on kept inputs last in 8 bits"
