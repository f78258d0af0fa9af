"""A small suite on digits, and what records of it tell."""

from __future__ import annotations

import json
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np

SUITE = """\
suite: tiny
dataset: {name: digits, split: train}
models: [softmax-regression, decision-tree]
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2], sources: all}
  - {attack: iterated-fgsm, norm: l2, eps: [0.5, 1.0], steps: 3}
  - {attack: sign-noise, norm: linf, eps: [0.1]}
  - {attack: gaussian-rubbish, n: 1500}
rank_by: {eps: 0.2}
"""


def told(out: Path) -> dict[str, str]:
    """What every record says of its cell and its result."""
    found = {}
    for path in (out / "results/cells").glob("*.json"):
        plain = json.loads(path.read_text())
        found[path.name] = json.dumps([plain["cell"], plain["result"], plain["sha256"]])
    return found


class Dying(Executor):
    """Runs in this process, and now and then loses a task as if its process had died."""

    def __init__(self, lost: set[int]) -> None:
        self.lost, self.count = lost, 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.count += 1
        if self.count in self.lost:
            future.set_exception(OSError("the worker is gone"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


class Failing:
    """Fails while it is told to, and answers otherwise; by its version one and the same model."""

    fails = True

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if self.fails:
            raise ValueError("not today")
        return np.zeros(len(x), dtype=np.int64)


FAILING = "suite: f\ndataset: {name: digits, split: train}\nattacks: [{attack: sign-noise, norm: linf, eps: 0.1}]"
