"""What exact answers and bounds take, beside their goals, on MNIST; one thread, seconds of the processor.

`python -m tests.speed.goals` writes it into docs/worst-case.md.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

import adapters
from adapters.base import Adapter
from adapters.fitting import fit
from bench import zoo
from bench.datasets import open_dataset
from bench.datasets.base import Dataset
from bench.exact import certificate_of
from bench.exact.base import Effort, Proof
from bench.table import Table
from bench.threats import Threat
from tests.speed.placed import place

COMMAND = "python -m tests.speed.goals"
Goal = tuple[str, str, str, bool]
"""What, what was measured, the goal, and whether it is met."""


def proved(
    adapter: Adapter, x: Tensor, y: Tensor, norm: str, sizes: tuple[float, ...], seconds: float
) -> tuple[Proof, float]:
    """Of examples that are right; and seconds an example."""
    structure, threat = adapter.structure(tuple(x.shape[1:])), Threat(norm=norm, clip=(0.0, 1.0))
    started = time.process_time()
    proof = certificate_of(structure).prove(structure, x, y, threat, Effort(sizes, seconds))
    return proof, (time.process_time() - started) / len(x)


def right(
    adapter: Adapter, mnist: Dataset, n: int, classes: tuple[int, ...] = tuple(range(10))
) -> tuple[Tensor, Tensor]:
    """The first `n` test images of some classes, those that are labelled right."""
    y = np.asarray(mnist.labels("test"))
    places = np.flatnonzero(np.isin(y, classes))[:n]
    x, truth = torch.from_numpy(mnist.examples("test", places)), torch.from_numpy(y[places]).long()
    held = adapter.predict(x) == truth
    return x[held], truth[held]


def reference(mnist: Dataset, name: str) -> Adapter:
    """One of the zoo's."""
    return fit(zoo.load(mnist, name), mnist.input_shape, mnist.classes)


def tree(mnist: Dataset) -> Goal:
    adapter = reference(mnist, "decision-tree")
    x, y = right(adapter, mnist, 10_000)
    proof, each = proved(adapter, x, y, "linf", (), 10.0)
    flipped = int((adapter.predict(proof.witness) != y).sum())
    took = each * 10_000
    told = f"{took:.2g} s; {flipped:,} of {len(x):,} witnesses mislabelled"
    return "decision tree, 10,000 images", told, "2 s; all", took <= 2 and flipped == len(x)


def nearest(mnist: Dataset) -> Goal:
    x, y = mnist.examples("train", slice(10_000)).reshape(10_000, -1), mnist.labels("train")[:10_000]
    adapter = adapters.wrap(KNeighborsClassifier(1).fit(x, y))
    some, labels = right(adapter, mnist, 50)
    proof, each = proved(adapter, some, labels, "l2", (), 10.0)
    told = f"{each:.2g} s an image; exact of {int(proof.exact.sum())} of {len(some)}"
    return "1-NN of 10,000 points, L2", told, "at most .2 s", each <= 0.2 and bool(proof.exact.all())


def forest(mnist: Dataset) -> Goal:
    y = np.asarray(mnist.labels("train"))
    places = np.flatnonzero(np.isin(y, (2, 6)))
    x = mnist.examples("train", places).reshape(len(places), -1)
    adapter = adapters.wrap(RandomForestClassifier(25, max_depth=8, random_state=0).fit(x, y[places]))
    adapter = fit(adapter, mnist.input_shape, mnist.classes)
    some, labels = right(adapter, mnist, 200, (2, 6))
    sizes = (0.01, 0.02, 0.05, 0.1)
    proof, each = proved(adapter, some, labels, "linf", sizes, 1.0)
    far = (proof.witness - some).flatten(1).abs().amax(1)
    fooled = adapter.predict(proof.witness) != labels
    shares = [float(((proof.radius >= eps) | (fooled & (far <= eps))).float().mean()) for eps in sizes]
    told = f"{100 * min(shares):.1f}% decided at .01 to .1; {each:.2g} s an image"
    return "forest of 25 trees of depth 8, 2 against 6", told, "95%; 1 s", min(shares) >= 0.95 and each <= 1


def kernel(mnist: Dataset) -> Goal:
    adapter = reference(mnist, "rbf-svm")
    x, y = right(adapter, mnist, 100)
    proof, each = proved(adapter, x, y, "linf", (0.02,), 10.0)
    share = float((proof.radius >= 0.02).float().mean())
    told = f"{100 * share:.1f}% proved at .02; {each:.2g} s an image"
    return "the reference SVC", told, "90%", share >= 0.9


def convolutional(mnist: Dataset) -> Goal:
    adapter = reference(mnist, "wong-kolter")
    x, y = right(adapter, mnist, 200)
    proof, each = proved(adapter, x, y, "linf", (0.1,), 10.0)
    share = float((proof.radius >= 0.1).float().mean())
    told = f"{each:.2g} s an image; {100 * share:.1f}% proved at .1"
    return "convolutional net of Wong & Kolter, slopes optimised", told, "at most .1 s", each <= 0.1


MEASURED: tuple[Callable[[Dataset], Goal], ...] = (tree, nearest, forest, kernel, convolutional)


def rows() -> Iterator[tuple[str, ...]]:
    """As they come."""
    mnist: Any = open_dataset("mnist")
    for measure in MEASURED:
        what, told, goal, met = measure(mnist)
        sys.stderr.write(f"{what}: {told}\n")
        yield what, told, goal, "yes" if met else "**no**"


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = tuple(rows())
    place(COMMAND, Table("Goals", ("what", "measured", "goal", "met"), found).markdown().partition("\n\n")[2])


if __name__ == "__main__":
    main()
