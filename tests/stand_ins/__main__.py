"""Measure what FGSM does to every compiled family by the loss that it climbs, and write `docs/stand-ins.md`.

`python -m tests.stand_ins [PART OF A NAME ...]` prints the tables of the models so named; without names it goes
through all of them, in some ten minutes on one core, and writes the document.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import adapters
from adapters.compiled import SklearnAdapter
from tests.stand_ins.data import DATA, Data
from tests.stand_ins.losses import Loss, candidates
from tests.stand_ins.models import MODELS
from tests.stand_ins.report import Measured, document, lines

DOCUMENT = Path(__file__).parents[2] / "docs" / "stand-ins.md"


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")  # of unfinished fits
    chosen = [model for model in MODELS if not names or any(part in model for part in names)]
    found: list[Measured] = []
    for name, data in ((name, make()) for name, make in DATA.items()):
        for model in chosen:
            entry = measured(name, model, data)
            found.append(entry)
            sys.stdout.write("\n".join(lines(entry)) + "\n")
            sys.stdout.flush()
    if not names:
        DOCUMENT.write_text(document(found), encoding="utf-8")
    return 0


def measured(name: str, model: str, data: Data) -> Measured:
    """The errors of one model under FGSM by every loss, at the sizes of the data set."""
    fitted = adapters.wrap(MODELS[model]().fit(data.fit_x, data.fit_y))
    assert isinstance(fitted, SklearnAdapter)
    wrong = {loss: list(attacked(fitted, climbed, data)) for loss, climbed in candidates(fitted, data.y)}
    clean = float((fitted.predict(data.x) != data.y).double().mean())
    return Measured(name, model, fitted.gradient, data.eps, clean, wrong)


def attacked(model: SklearnAdapter, loss: Loss, data: Data) -> Iterator[Tensor]:
    """`(N,)` whether each example is wrong under FGSM by this loss, at every size."""
    point = data.x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(point).sum(), point)
    for eps in data.eps:
        moved = data.x + eps * gradient.sign()
        yield model.predict(moved if data.clip is None else moved.clamp(*data.clip)) != data.y


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
