"""What branch and bound closes of a published net: `python -m tests.speed.searched` writes it into docs/worst-case.md.

The examples are those that the published records of the suite `mnist-anchors` leave open. One thread.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from adapters.fitting import fit
from bench import zoo
from bench.attacks.branch_and_bound import BranchAndBound
from bench.board.ranking import worst_case
from bench.progress import quiet
from bench.running.asked_suite import suite_at
from bench.running.shelf import Shelf, dataset_of, view_of
from bench.threats import Threat
from tests.speed.placed import place

COMMAND = "python -m tests.speed.searched"
SUITE, MODEL, SECONDS = "mnist-anchors", "wong-kolter", 2.0


def measured() -> str:
    """The paragraph.

    Raises:
        AssertionError: the records are of another model, or of no whole suite.
    """
    suite = suite_at(SUITE, None)
    view = view_of(suite, dataset_of(suite), Shelf(Path()).contents(quiet))
    data, by = view.dataset, suite.rank_by
    adapter = fit(zoo.load(data, MODEL), data.input_shape, data.classes)
    target = next(one for one in view.targets() if one.fingerprint == adapter.fingerprint)
    assert by is not None
    worst = worst_case(view, target, by)
    assert worst is not None
    assert worst.complete
    assert worst.certified is not None
    certified = worst.robust & worst.certified.mask
    left = worst.index[worst.robust & ~certified]
    x, y = torch.from_numpy(data.examples("test", left)), torch.from_numpy(data.labels("test")[left]).long()
    attack, threat = BranchAndBound(sizes=(by.eps,), seconds=SECONDS), Threat(norm="linf", eps=by.eps, clip=(0.0, 1.0))
    asked: Any = None
    began = time.process_time()
    (found,) = attack.craft(adapter, x, y, None, [threat], asked)
    took = (time.process_time() - began) / len(left)
    proved = int((found.radius >= by.eps).sum())
    allowed = (threat.violation(x, found.candidates) <= 0) & (found.candidates >= 0).flatten(1).all(1)
    allowed &= (found.candidates <= 1).flatten(1).all(1)
    fooled = int(((adapter.predict(found.candidates) != y) & allowed).sum())
    n = len(worst.robust)
    return told(n, len(left), proved, fooled, took, int(certified.sum()), int(worst.robust.sum()))


def told(n: int, left: int, proved: int, fooled: int, took: float, certified: int, robust: int) -> str:
    """In words."""
    errors = [100 * (n - certified - proved) / n, 100 * (n - robust + fooled) / n]
    return (
        f"On the MNIST net of Wong & Kolter at L_inf .1, the records of `{SUITE}` leave {left} of {n:,} open, neither "
        f"proved by\nlinear bounds nor fooled by an attack. Asked of those, the entry above proves {proved} robust and "
        f"finds {fooled} mislabelled, in {took:.1f}\nseconds of one processor an example: certified error "
        f"{errors[0]:.2f}%, attacked {errors[1]:.2f}%."
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    place(COMMAND, measured())
