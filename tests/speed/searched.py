"""What branch and bound closes of networks: these commands write it into docs/worst-case.md.

`python -m tests.speed.searched`: of a published net of rectifiers, the examples that the published records of the suite
`mnist-anchors` leave open. `python -m tests.speed.searched maxima`: of networks of maxima, the examples that
`worst-case` leaves open of the first test images that are labelled right. One thread; seconds are the processor's.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import adapters
from adapters import Adapter
from adapters.fitting import fit
from bench import zoo
from bench.attacks.branch_and_bound import BranchAndBound
from bench.attacks.worst_case import WorstCase
from bench.board.ranking import worst_case
from bench.datasets import open_dataset
from bench.datasets.base import Dataset
from bench.progress import quiet
from bench.running.asked_suite import suite_at
from bench.running.shelf import Shelf, dataset_of, view_of
from bench.table import Table
from bench.threats import Threat
from bench.training.loop import fit as trained
from bench.training.nets.maxout import Maxout
from bench.training.spec import Training
from tests.speed.placed import place

EXACT = 4.38
"""Published (arXiv 1711.07356, table 1), %."""
COMMAND = "python -m tests.speed.searched"
SUITE, MODEL, SECONDS = "mnist-anchors", "wong-kolter", 2.0
CLIP = (0.0, 1.0)
SHOWN, IMAGES = 50, 20_000
"""Test images of each network of maxima, and the first images that small ones are trained on."""


def decided(attack: WorstCase, adapter: Adapter, x: Tensor, y: Tensor, eps: float) -> tuple[Tensor, Tensor, float]:
    """`(N,)` what is proved, `(N,)` what is mislabelled within the threat, and seconds an example."""
    threat, unused = Threat(norm="linf", eps=eps, clip=CLIP), None  # by what is drawn at random
    began = time.process_time()
    (found,) = attack.craft(adapter, x, y, None, [threat], unused)  # type: ignore[arg-type]
    took = (time.process_time() - began) / max(1, len(x))
    allowed = (threat.violation(x, found.candidates) <= 0) & (found.candidates >= 0).flatten(1).all(1)
    allowed &= (found.candidates <= 1).flatten(1).all(1)
    return found.radius >= eps, (adapter.predict(found.candidates) != y) & allowed, took


def measured() -> str:
    """The paragraph about the published net.

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
    attack = BranchAndBound(sizes=(by.eps,), seconds=SECONDS)
    proved, fooled, took = decided(attack, adapter, x, y, by.eps)
    n, robust = len(worst.robust), int(worst.robust.sum())
    return told(n, len(left), int(proved.sum()), int(fooled.sum()), took, int(certified.sum()), robust)


def told(n: int, left: int, proved: int, fooled: int, took: float, certified: int, robust: int) -> str:
    """In words."""
    errors = [100 * (n - certified - proved) / n, 100 * (n - robust + fooled) / n]
    assert errors[1] <= EXACT <= errors[0], "a closure is wrong"
    text = (
        f"On the MNIST net of Wong & Kolter at L_inf .1, the records of `{SUITE}` leave {left} of {n:,} open, neither "
        f"proved by linear bounds nor fooled by an attack. Asked of those, the entry above proves {proved} robust and "
        f"finds {fooled} mislabelled, in {took:.1f} seconds of one processor an example: certified error "
        f"{errors[0]:.2f}%, attacked {errors[1]:.2f}%. Wrong closures: 0, for of those proved no recorded attack fools "
        "any, and the published exact error lies between the two."
    )
    return textwrap.fill(text, 120)


def networks(data: Dataset) -> Iterator[tuple[str, Adapter, tuple[float, ...]]]:
    """What it is, and the sizes that it is asked at: the small ones trained alike, and the reference model."""
    images, labels = data.examples("train", slice(IMAGES)).reshape(IMAGES, -1), data.labels("train")[:IMAGES]
    training = Training(optimiser="adam", rate=0.002, epochs=6, batch=100)

    def made(pieces: int) -> Adapter:
        def build() -> Maxout:
            return Maxout(784, 10, units=[20, 20], pieces=pieces, spread=0.05)

        net = trained(build, torch.tensor(images), torch.tensor(labels), training, 0).net
        return adapters.wrap(net, input_shape=(784,))

    for pieces in (3, 5):
        yield f"maxout, two layers of 20 units, {pieces} pieces", made(pieces), (0.02, 0.05, 0.1)
    yield "maxout, the reference model", zoo.load(data, "maxout"), (0.01, 0.02)


def rows() -> Iterator[tuple[str, ...]]:
    """One a network and size, as they come."""
    data = open_dataset("mnist")
    test, truth = torch.tensor(data.examples("test", slice(500))), torch.tensor(data.labels("test")[:500]).long()
    for name, plain, sizes in networks(data):
        adapter = fit(plain, data.input_shape, data.classes)
        right = adapter.predict(test) == truth
        x, y = test[right][:SHOWN], truth[right][:SHOWN]
        for eps in sizes:
            before, _, cost = decided(WorstCase(sizes=(eps,), seconds=SECONDS), adapter, x, y, eps)
            some, labels = x[~before], y[~before]
            counts = (len(x), int(before.sum()), len(some))
            if len(some):
                attack = BranchAndBound(sizes=(eps,), seconds=SECONDS)
                proved, fooled, took = decided(attack, adapter, some, labels, eps)
                closed = (int(proved.sum()), int(fooled.sum()), int((~proved & ~fooled).sum()))
            else:
                closed, took = (0, 0, 0), 0.0
            row = (name, f"{eps:g}", *map(str, (*counts, *closed)), f"{cost:.2g}", f"{took:.2g}" if len(some) else "-")
            sys.stderr.write(" ".join(row) + "\n")
            yield row


HEADERS = ("network", "eps", "n", "proved", "left", "proved of these", "mislabelled", "open", "s", "s of these")

if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:] == ["maxima"]:
        table = Table("Maxima", HEADERS, tuple(rows()))
        place(f"{COMMAND} maxima", table.markdown().partition("\n\n")[2])
    else:
        place(COMMAND, measured())
