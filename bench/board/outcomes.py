"""What became of every example under every attack: what two models of a suite are compared by, pair by pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.board.losses import JOINED, by_several, kept
from bench.board.measured import Measured
from bench.board.ranking import worst_case
from bench.board.view import View
from bench.records.record import ModelInfo


@dataclass(frozen=True)
class Outcome:
    """One attack within one threat on one model, example by example."""

    attack: str
    """`worst-of-all` of the worst of all attacks within the suite's threat."""
    parameters: dict[str, Any]
    norm: str | None
    eps: float | None
    clip: bool | None
    source: str | None
    """Another model that the candidates were crafted on; None for the model's own, and for noise."""
    index: NDArray[np.int64]
    """`(n,)` the examples' positions in their split."""
    robust: NDArray[np.bool_]
    """`(n,)` right when clean and under the attack up to that size."""

    @property
    def question(self) -> tuple[object, ...]:
        """What two models must have in common for their outcomes to be compared."""
        return self.attack, repr(sorted(self.parameters.items())), self.norm, self.eps, self.clip, self.source


def outcomes(view: View, target: ModelInfo) -> Iterator[Outcome]:
    """Of a model all that has a number on labelled examples: the worst of all first, then the clean pass, then attacks
    by all their losses, then what is left in the suite's order.
    """
    by = view.suite.rank_by
    worst = None if by is None else worst_case(view, target, by)
    if by is not None and worst is not None and worst.status == "ok":
        yield Outcome("worst-of-all", {}, by.norm, by.eps, by.clip, None, worst.index, worst.robust)
    measured = [row for row in view.of(target.name) if row.status == "ok" and row.n and not row.made.generates]
    groups = [group for group in by_several(view.of(target.name)) if all(row.status == "ok" for row in group)]
    clean_first = [[row] for row in measured if row.made.role == "clean"]
    for group in [*clean_first, *groups, *([row] for row in measured if row.made.role != "clean")]:
        clean = view.clean_of(group[0])
        if clean is not None and (group[0].threat.eps is not None or group[0].made.role == "clean"):
            yield _outcome(view, group, clean)


def _outcome(view: View, group: list[Measured], clean: Measured) -> Outcome:
    row = group[0]
    counted = row.counted
    parameters = {**row.cell.craft.attack.parameters, **({"loss": JOINED} if len(group) > 1 else {})}
    return Outcome(
        attack=row.made.name,
        parameters=parameters,
        norm=row.threat.norm,
        eps=row.threat.eps,
        clip=None if row.threat.norm is None else row.threat.clip is not None,
        source=None if row.source is None or row.cell.white_box else row.source.name,
        index=row.index[counted],
        robust=kept(view, group, clean)[counted],
    )
