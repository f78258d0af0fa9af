"""Short trainings of a small net, and listeners that kill them."""

from __future__ import annotations

from functools import partial

import torch
from told import Told

from bench.training.nets.base import Net
from bench.training.nets.maxout import Maxout
from bench.training.spec import EarlyStopping, ObjectiveSpec, Training

SGD = Training(optimiser="sgd", rate=0.1, decay=1.001, momentum=(0.5, 0.7), epochs=6, batch=50)
STOPPING = EarlyStopping(held_out=200, eps=0.1, patience=2)
NOISY = ObjectiveSpec(kind="uniform-noise", parameters={"eps": 0.1})
BUILD = partial(Maxout, 64, 10, units=[16], pieces=2, spread=0.1, input_dropout=0.1, hidden_dropout=0.3)


class Killed(Exception):
    """In place of the signal."""


class Killer(Told):
    """Listens to so many epochs, then kills."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def doing(self, text: str, share: float) -> None:
        super().doing(text, share)
        if len(self.doings) == self.after:
            raise Killed


def same(a: Net, b: Net) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


SCHEDULES = {
    "sgd": SGD,
    "noise": SGD.model_copy(update={"objective": NOISY}),
    "adam": Training(optimiser="adam", rate=0.01, epochs=6, batch=50),
    "stopping": SGD.model_copy(update={"early_stopping": STOPPING}),
}
