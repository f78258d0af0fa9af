"""Boards of many models, made by hand: records of guests that met eight references in transfer, noise and own FGSM."""

from __future__ import annotations

from typing import Any

import numpy as np
from handmade import model, shelved, suite_of, toy

from bench.board.rows import rows
from bench.board.view import View
from bench.records.record import Cell
from bench.report.boards import tables

REFERENCES = [model(f"reference-{k}") for k in range(8)]
ATTACKS = """\
  - {attack: fgsm, norm: linf, eps: [0.05, 0.1, 0.2]}
  - {attack: fgsm, norm: linf, eps: 0.1, sources: all}
  - {attack: sign-noise, norm: linf, eps: 0.1}
  - {attack: iterated-fgsm, norm: linf, eps: 0.1, n: 30}"""
"""A guest has 23 records of these: two of its clean passes, and eight each of transfer from and to the references."""
SUITE = suite_of(ATTACKS, [info.name for info in REFERENCES], 0.1)
DATA = toy([k % 3 for k in range(60)])


def labels(asked: Cell) -> list[int]:
    """Some wrong ones, that depend on the model and the attack alone."""
    n, seed = asked.craft.slice.n, int(asked.id[:8], 16)
    if asked.craft.attack.name == "clean":
        seed = int(asked.target.fingerprint[:8], 16)
    return np.random.default_rng(seed).integers(0, 3, n).tolist()


def records(guests: int) -> dict[str, Any]:
    """What is recorded of so many guests and the references."""
    visiting = [model(f"guest-{k}") for k in range(guests)]
    return shelved(SUITE, labels, dataset=DATA, references=REFERENCES, guests=visiting)[0]


def laid_out(found: dict[str, Any]) -> int:
    """Make the board and its tables; the number of rows."""
    made = rows(View(SUITE, DATA, found, {}))
    tables(SUITE, made)
    return len(made)
