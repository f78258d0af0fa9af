"""One attack by several losses: an example stays right under it where it does by every one of them.

A model whose training loss leads nowhere, saturated or of its owner's making, still has the margin of its logits
(Carlini & Wagner 2017, section V; Croce & Hein 2020, section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Measured, mistaken
from bench.board.view import View

JOINED = "worst-of-losses"
"""What the parameter `loss` is called of an attack by several losses, joined."""


def by_several(measured: Iterable[Measured]) -> list[list[Measured]]:
    """Untargeted white-box rows in groups of more than one that differ in nothing but the loss."""
    groups: dict[tuple[object, ...], list[Measured]] = {}
    for row in measured:
        parameters = dict(row.cell.craft.attack.parameters)
        if parameters.pop("loss", None) is not None and row.cell.white_box and not parameters.get("target"):
            key = row.made.name, repr(parameters), row.threat, row.slices
            groups.setdefault(key, []).append(row)
    return [group for group in groups.values() if len(group) > 1]


def kept(view: View, rows: Sequence[Measured], clean: Measured) -> NDArray[np.bool_]:
    """`(N,)` right on the clean input and under each of these rows' attacks, at its size and at every smaller one."""
    robust = np.asarray(clean.predicted == clean.true)
    for row in rows:
        robust &= ~(mistaken(row.predicted, clean.true) & row.counted)
        for other in view.alike(row):
            if other.threat.within(row.threat):
                robust &= ~mistaken(other.predicted, clean.true)
    return robust


def fooled(rows: Sequence[Measured], clean: Measured) -> NDArray[np.bool_]:
    """`(N,)` labelled wrongly under one of these rows' attacks at the least."""
    return np.asarray(np.any([mistaken(row.predicted, clean.true) for row in rows], axis=0))
