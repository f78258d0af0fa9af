"""Asked afresh: what a run kept of its candidates, shown to a process of the model that was told no true class.

To attack a model by its loss is to tell it which class an input has: a loss of its author's is handed that, and code
can look at who calls it. What a model makes of it shows where another process of the same model, which is only ever
asked for labels, is shown the same inputs.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from adapters.base import Adapter, Outputs
from bench.checks.again import REPEAT, Given, answered, settled
from bench.records.record import Record
from bench.records.store import Store
from bench.records.usable import Unusable
from bench.running.judge import ask

if TYPE_CHECKING:
    from bench.records.examples import Kept

MOST = 512
"""Inputs of a model that are shown again, drawn anew in every run."""
LARGEST = 64
"""Inputs in a batch, at most."""
LOOKED_INTO = 6
"""Changed labels that are looked into."""


def kept_of(store: Store, records: Sequence[Record]) -> dict[str, Kept]:
    """What was kept of some cells, by their ids."""
    found = {}
    for record in records:
        try:
            kept = store.examples(record)
        except Unusable:
            continue
        if kept is not None:
            found[record.id] = kept
    return found


def differs(fresh: Adapter, kept: Mapping[str, Kept], classes: int) -> str | None:
    """The id of a cell whose labels a process that knows nothing does not give; None where it stands by all of them.

    Args:
        fresh: the same model in a process of its own, which has never been told a class.
        kept: inputs with the labels that the model gave them, by the ids of their cells.
        classes: number of classes of the dataset.
    """
    chance = secrets.SystemRandom()
    places = [(id, place) for id, found in kept.items() for place in range(len(found.index))]
    places = chance.sample(places, min(MOST, len(places)))
    changed: list[tuple[str, Given, Given]] = []

    def asked(batch: Tensor) -> Outputs:
        return ask(fresh, batch, classes)

    while places:
        count = chance.randint(1, LARGEST)
        now, places = places[:count], places[count:]
        shown = np.stack([kept[id].adversarial[place] for id, place in now])
        batch = torch.from_numpy(shown).to(fresh.device)
        labels, _ = answered(asked, batch)
        for spot, (id, place) in enumerate(now):
            told = int(kept[id].predicted[place])
            if labels[spot] != told:
                alone = Given(batch[spot : spot + 1], 0, int(labels[spot]))
                changed.append((id, Given(batch, spot, told), alone))
    for id, first, second in chance.sample(changed, min(LOOKED_INTO, len(changed))):
        span = first.batch.amax(0) - first.batch.amin(0)
        if settled(asked, first, second, span) is not None:
            return id
    return None


def put_down(store: Store, record: Record) -> None:
    """Take down in a record that its model does not stand by its labels; its result stays."""
    found = tuple(sorted({REPEAT, *(record.run.findings or ())}))
    run = record.run.model_copy(update={"findings": found})
    store.replace(record.id, record.model_copy(update={"run": run}).json_text().encode())
