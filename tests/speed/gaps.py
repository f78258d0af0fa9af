"""How far the two sides of an exact answer are apart: `python -m tests.speed.gaps` writes it into docs/worst-case.md.

From the published records alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bench.records.record import Record
from bench.records.store import Store
from bench.table import Table
from tests.speed.placed import place

COMMAND = "python -m tests.speed.gaps"
RESULTS = Path(__file__).parents[2] / "results"
MODELS = ("linear-svm", "decision-tree", "softmax-regression", "rbf-network")
SIZES = (0.01, 0.02, 0.05, 0.1, 0.25)


def answers(records: Iterable[Record]) -> Iterator[Record]:
    """Certificates of those models in L_inf, of all 10,000 test images of MNIST."""
    for record in records:
        cell = record.cell
        whole = cell.craft.dataset.name == "mnist" and record.result.n == 10_000 and cell.threat.norm == "linf"
        if cell.craft.attack.name == "worst-case" and whole and cell.target.name in MODELS:
            yield record


def row(record: Record) -> tuple[str, ...]:
    """Of the images that are right as they are."""
    result = record.result
    radius, exact, distance = result.radius.astype(float), result.exact, result.distance
    assert distance is not None
    right = distance > 0
    apart = (distance.astype(float) - radius)[right]
    between = [int(((radius < eps) & (distance > eps) & right).sum()) for eps in SIZES]
    middle, most = np.quantile(apart, [0.5, 0.99])
    share = f"{100 * exact[right].mean():.0f}"
    return (record.cell.target.name, f"{right.sum():,}", share, f"{middle:.1g}", f"{most:.1g}", *map(str, between))


def measured() -> str:
    """The table."""
    found = {record.cell.target.name: row(record) for record in answers(Store(RESULTS).records().values())}
    headers = ("model", "right", "exact, %", "apart, median", "99%", *(f"between at {eps:g}" for eps in SIZES))
    return Table("Gaps", headers, tuple(found[name] for name in MODELS)).markdown().partition("\n\n")[2]


if __name__ == "__main__":
    place(COMMAND, measured())
