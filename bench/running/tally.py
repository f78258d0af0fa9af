"""Counting: what a target said of a part's candidates, and the result of a cell whose parts are all there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import InvalidOutput
from bench.attacks import attack_class
from bench.records.cell import Cell
from bench.records.packing import pack_floats, pack_integers
from bench.records.part import CellPart, packed
from bench.records.record import Costs, Examples, Result

if TYPE_CHECKING:
    from adapters.base import Outputs
    from bench.running.judge import Audit

CONFIDENT_KINDS = ("softmax", "sigmoid")
"""Kinds of confidence that a threshold of the paper's sort applies to."""
SOME_ONLY = "the model gives scores or probabilities for some examples only"


class Tally:
    """The columns of one cell over one part, filled batch by batch in whatever order, and kept in the slice's."""

    def __init__(self, cell: Cell, n: int) -> None:
        self.cell = cell
        self._n = n
        self._columns: dict[str, NDArray[Any]] = {}
        self._names: set[str] | None = None
        self._measured: Audit | None = None

    def begin(self, y: NDArray[np.int64], goals: NDArray[np.int64] | None, measured: Audit) -> None:
        """What is known of all candidates before the target is asked; begun anew, a tally forgets what it had.

        Args:
            y: `(n,)` true classes, -1 for generated inputs.
            goals: `(n,)` classes that a targeted attack was set.
            measured: by the judge.
        """
        self._columns, self._names, self._measured = {"true": y}, None, measured
        if goals is not None:
            self._columns["goals"] = goals
        for name in ("distances", "radii", "exact"):
            if (values := getattr(measured, name)) is not None:
                self._columns[name] = values

    def add(self, places: NDArray[np.int64], outputs: Outputs) -> None:
        """Keep what a target said of one batch.

        Args:
            places: `(B,)` of its examples within the part.
            outputs: the target's.

        Raises:
            InvalidOutput: scores or probabilities for some batches only.
        """
        labels, scores, probabilities = outputs
        values: dict[str, Any] = {"labels": labels.cpu().numpy()}
        if probabilities is not None:
            given = probabilities.gather(1, labels.clamp_min(0)[:, None])[:, 0].double()
            values["confidences"] = given.cpu().numpy()
            if self.cell.criterion.asks_confidence:
                values["tops"] = probabilities.amax(1).double().cpu().numpy()
        if scores is not None and (self.cell.criterion.asks_confidence or is_clean(self.cell)):
            best = scores.topk(2, dim=1).values
            values["margins"] = (best[:, 0] - best[:, 1]).float().cpu().numpy()
        if self._names not in (None, set(values)):
            raise InvalidOutput(SOME_ONLY)
        self._names = set(values)
        for name, column in values.items():
            self._columns.setdefault(name, np.empty(self._n, column.dtype))[places] = column

    @property
    def labels(self) -> NDArray[np.int64]:
        """`(n,)` what the target said of all of them."""
        return np.asarray(self._columns["labels"])

    def column(self, name: str) -> NDArray[Any] | None:
        """`(n,)` values; None where there are none."""
        return self._columns.get(name)

    def part(
        self, index: NDArray[np.int64] | None, costs: Costs | None, seconds: float, flags: tuple[str, ...] = ()
    ) -> CellPart:
        """All of it, to be kept. `index` is the examples' positions in their split, where the slice is a sample."""
        assert self._measured is not None
        columns = self._columns | ({} if index is None else {"index": index})
        return CellPart(
            cell=self.cell,
            columns={name: packed(values) for name, values in columns.items()},
            unmoved=self._measured.unmoved,
            largest=self._measured.largest,
            risk=self._measured.risk,
            costs=costs,
            seconds=seconds,
            flags=flags,
        )


def is_clean(cell: Cell) -> bool:
    """Whether the cell is a pass over the examples as they are."""
    return attack_class(cell.craft.attack.name).role == "clean"


def joined(parts: Sequence[CellPart], classes: int) -> Result:
    """The result of a cell from all its parts, in order. The same sums in the same order, whoever made the parts.

    Args:
        parts: of one cell, none of them broken.
        classes: number of classes of the dataset.

    Raises:
        InvalidOutput: scores or probabilities in some parts only.
    """
    if len({frozenset(part.columns) for part in parts}) > 1:
        raise InvalidOutput(SOME_ONLY)
    cell = parts[0].cell
    clean, generated = is_clean(cell), cell.craft.slice.split is None

    def column(name: str) -> NDArray[Any] | None:
        found = [values for part in parts if (values := part.column(name)) is not None]
        return np.concatenate(found) if found else None

    labels, true, goals, index = column("labels"), column("true"), column("goals"), column("index")
    assert labels is not None
    assert true is not None
    confidences, margins, distances = column("confidences"), column("margins"), column("distances")
    radii, exact = column("radii"), column("exact")
    counted, mistakes, found = outcome(cell, column, classes)
    success = mistakes if found is None else found
    if generated:  # whatever the model is taken in by is a mistake: there is no right answer
        mistakes = success
    if radii is not None and distances is not None and ((radii >= distances) & (radii > 0))[success].any():
        raise InvalidOutput("a certificate reaches a candidate that the model mislabels; please report it")
    return Result(
        status="ok",
        n=int(counted.sum()),
        errors=None if generated else int(mistakes.sum()),
        abstentions=int(((labels < 0) & counted).sum()),
        successes=None if found is None else int(found.sum()),
        confidence_on_mistakes=_mean(confidences, mistakes & (labels >= 0)),
        confidence=_mean(confidences, counted & (labels >= 0)),
        unmoved=sum(part.unmoved for part in parts),
        largest=max((part.largest for part in parts if part.largest is not None), default=None),
        risk=max((part.risk for part in parts if part.risk is not None), default=None),
        median_margin=_median(margins, (labels == true) & counted) if clean else None,
        success_classes=_by_class(labels, success, classes) if generated and found is not None else None,
        flags=tuple(sorted({flag for part in parts for flag in part.flags})),
        costs=_sum([part.costs for part in parts if part.costs is not None]),
        examples=Examples(
            predicted=pack_integers(labels),
            true=pack_integers(true) if clean else None,
            goal=None if goals is None else pack_integers(goals),
            index=None if index is None else pack_integers(index),
            margin=None if margins is None or clean else pack_floats(margins),
            distance=None if distances is None else pack_floats(_rounded_up(np.where(success, distances, np.inf))),
            radius=None if radii is None else pack_floats(-_rounded_up(-radii)),
            exact=None if exact is None else pack_integers(exact),
        ),
    )


def outcome(
    cell: Cell, column: Callable[[str], NDArray[Any] | None], classes: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_] | None]:
    """`(N,)` each: which examples count, where a labelled one is mistaken, and where the criterion holds, which is None
    where it does not apply to the target.
    """
    labels, true, goals = column("labels"), column("true"), column("goals")
    assert labels is not None
    counted = np.ones(len(labels), dtype=bool) if goals is None else goals >= 0
    mistakes = (labels != true) & (labels >= 0) & counted & (cell.craft.slice.split is not None)
    # Where the nearest success is looked for, an abstention is one: boards hold it for a mistake.
    nothing = (labels < 0) & counted & (column("distances") is not None)
    found = _successes(cell, labels, goals, mistakes | nothing, column("confidences"), column("tops"), classes)
    return counted, mistakes, found


def _successes(
    cell: Cell,
    labels: NDArray[np.int64],
    goals: NDArray[np.int64] | None,
    mistakes: NDArray[np.bool_],
    confidences: NDArray[np.float64] | None,
    tops: NDArray[np.float64] | None,
    classes: int,
) -> NDArray[np.bool_] | None:
    """`(N,)` where the criterion holds; None where it does not apply to the target."""
    kind, bar = cell.criterion.kind, cell.criterion.bar
    if bar is not None:
        comparable = classes > 2 and cell.target.confidence_kind in CONFIDENT_KINDS
        if tops is None or confidences is None or not comparable:
            return None
        if kind == "confident":
            return np.asarray(tops > bar)
        return np.asarray((labels == goals) & (labels >= 0) & (confidences > bar))
    if goals is None or kind == "misclassified":
        return mistakes
    return np.asarray((labels == goals) & (goals >= 0))


def _rounded_up(distances: NDArray[np.float64]) -> NDArray[np.float32]:
    """In float32 and no nearer than they are: a success just outside a ball is none within."""
    found = distances.astype(np.float32)
    return np.where(found < distances, np.nextafter(found, np.float32(np.inf)), found)


def _median(margins: NDArray[Any] | None, right: NDArray[np.bool_]) -> float | None:
    if margins is None or not right.any():
        return None
    median = float(np.median(margins[right].astype(np.float32)))
    return median if np.isfinite(median) else None  # a model of a single class has no second best


def _sum(costs: Sequence[Costs]) -> Costs | None:
    if not costs:
        return None
    return Costs(**{name: sum(getattr(cost, name) for cost in costs) for name in Costs.model_fields})


def _by_class(labels: NDArray[np.int64], where: NDArray[np.bool_], classes: int) -> tuple[int, ...]:
    """How often each class was given."""
    return tuple(int(((labels == k) & where).sum()) for k in range(classes))


def _mean(values: NDArray[np.float64] | None, where: NDArray[np.bool_]) -> float | None:
    return float(values[where].mean()) if values is not None and where.any() else None
