"""What was measured of stand-ins, as lines and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from bench.table import Table

SUITE = ("training", "margin")
"""What FGSM of the suites climbs, pointwise."""
HEAD = """# Stand-ins

What an attack on a compiled estimator climbs is chosen for its strength, not for its likeness to the rule
(`adapters/sklearn/`). The suites climb two losses by FGSM, the training loss and the `margin`, and count an example as
wrong if either makes it so: these two are to be the two strongest *different* directions known for a family. This page
is written by `python -m tests.stand_ins`, which measures every loss in `tests/stand_ins/losses.py` on every family and
on three data sets: scikit-learn's digits, 2,000 images of MNIST, and a table of clustered features.

A cell is the error under FGSM by the training loss, by the margin, by both pointwise, and by all losses that were
tried, pointwise: how far the last two are apart is what the suites' two losses leave to be found. The size of the
perturbation is in the column's head, for the table in standard deviations.

- Where parts are sure and disagree (bagged or voting SGD classifiers), the logarithm of their mean share is flat.
  Logits are therefore the weighted sum of the parts' normalised logits, unless all parts are trees or neighbours, which
  are never sure for long. The other loss is the sum of the parts' own training losses; of votes the margin of the mean
  share.
- A stack of sure parts leaves its final estimator next to no gradient: its margin is that of the parts' summed logits.
- Calibrated classifiers train by a margin, so that their other loss is the log-odds; one-vs-rest and output codes have
  the summed cross entropies of their parts, one-vs-one the class's weakest pair.
- Where both losses are the same margin (linear classifiers, forests), the log-odds would find a little more. They are
  as they were when the published results of the reference models were made.
"""


class Measured(NamedTuple):
    """One model on one data set."""

    data: str
    model: str
    gradient: str
    eps: tuple[float, ...]
    clean: float
    """Error without an attack."""
    wrong: dict[str, list[Tensor]]
    """Loss -> `(N,)` whether each example is wrong under FGSM by it, at every size."""

    def error(self, losses: Iterable[str], size: int) -> float:
        """Error under all these attacks, pointwise, at the size of this place."""
        return float(torch.stack([self.wrong[loss][size] for loss in losses]).any(0).double().mean())


def lines(entry: Measured) -> list[str]:
    """What the command prints of one model."""
    head = f"{entry.data} | {entry.model} ({entry.gradient}), clean {entry.clean:.3f}, eps {entry.eps}"
    rows = [*((name, (name,)) for name in entry.wrong), ("of the suites", SUITE), ("all", tuple(entry.wrong))]
    best = max(combinations(entry.wrong, 2), key=lambda pair: sum(_errors(entry, pair)))
    rows.append((f"best two: {best[0]} + {best[1]}", best))
    return [head, *(f"    {name:54}" + " ".join(f"{value:.3f}" for value in _errors(entry, of)) for name, of in rows)]


def document(found: Sequence[Measured]) -> str:
    """The page of all models on all data sets, at each one's largest perturbation."""
    data = {entry.data: entry.eps[-1] for entry in found}
    models = {entry.model: entry.gradient for entry in found}
    cells = {(entry.model, entry.data): _cell(entry) for entry in found}
    columns = ("model", "gradient", *(f"{name}, {eps:g}" for name, eps in data.items()))
    rows = tuple((model, kind, *(cells[model, name] for name in data)) for model, kind in models.items())
    return f"{HEAD}\n{Table('Error under FGSM, in %', columns, rows, '').markdown().rstrip()}\n"


def _cell(entry: Measured) -> str:
    alone = [(loss,) for loss in SUITE]
    return " / ".join(f"{100 * entry.error(losses, -1):.1f}" for losses in (*alone, SUITE, tuple(entry.wrong)))


def _errors(entry: Measured, losses: Iterable[str]) -> list[float]:
    return [entry.error(losses, size) for size in range(len(entry.eps))]
