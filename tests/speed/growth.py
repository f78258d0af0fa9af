"""What a certificate costs as models grow: `python -m tests.speed.growth` writes the table of docs/worst-case.md.

Models are fitted on the first MNIST images of the training split, and proved of the first test images that they label
right, in L_inf with the pixels' range, one thread. Seconds are the processor's, so that work
beside it costs little. What it takes to fit is not counted.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import adapters
from bench.datasets import open_dataset
from bench.exact import certificate_of
from bench.exact.base import Effort
from bench.table import Table
from bench.threats import Threat
from tests.speed.placed import place

SIZES = (0.01, 0.02, 0.05, 0.1)
SECONDS = 10.0
"""An example, as by default."""
Fit = Callable[[int], Any]
FAMILIES: dict[str, tuple[str, int, tuple[int, ...], int, Fit]] = {
    "linear": ("images", 1000, (1000, 5000), 1000, lambda size: LogisticRegression(max_iter=30)),
    "decision tree": (
        "images", 60_000, (1000, 10_000, 60_000), 1000, lambda size: DecisionTreeClassifier(random_state=0)
    ),
    "forest": ("trees", 10_000, (10, 30, 100), 20, lambda size: RandomForestClassifier(size, random_state=0)),
    "Gaussian naive Bayes": ("images", 5000, (5000,), 200, lambda size: GaussianNB(var_smoothing=0.1)),
    "1-NN": ("images", 10_000, (1000, 3000, 10_000), 10, lambda size: KNeighborsClassifier(1)),
    "5-NN": ("images", 10_000, (1000, 3000, 10_000), 50, lambda size: KNeighborsClassifier(5)),
    "RBF SVC": ("images", 10_000, (1000, 3000, 10_000), 50, lambda size: SVC(C=5, gamma=0.02)),
    "ReLU network, two layers": (
        "width", 5000, (32, 128, 512), 50, lambda size: MLPClassifier((size, size), max_iter=15, random_state=0)
    ),
}  # fmt: skip
"""What grows, images to fit on where that is another thing, its sizes, examples, and the model of a size."""


def percent(mask: torch.Tensor) -> str:
    """The share that holds, in whole percent."""
    return f"{100 * float(mask.float().mean()):.0f}"


def measured() -> Iterator[tuple[str, ...]]:
    """The rows, as they come."""
    mnist = open_dataset("mnist")
    x, y = mnist.examples("train", slice(60_000)).reshape(60_000, -1), mnist.labels("train")
    test, truth = torch.from_numpy(mnist.examples("test", slice(2000))), torch.from_numpy(mnist.labels("test")[:2000])
    threat = Threat(norm="linf", clip=(0.0, 1.0))
    for name, (grows, most, sizes, n, fit) in FAMILIES.items():
        for size in sizes:
            count = size if grows == "images" else most
            adapter = adapters.wrap(fit(size).fit(x[:count], y[:count]))
            structure = adapter.structure(mnist.input_shape)
            right = adapter.predict(test) == truth
            some, labels = test[right][:n], truth[right][:n]
            started = time.process_time()
            proof = certificate_of(structure).prove(structure, some, labels, threat, Effort(SIZES, SECONDS))
            took = (time.process_time() - started) / len(some)
            witness = (proof.witness - some).flatten(1).abs().amax(1)
            changed = adapter.predict(proof.witness) != labels
            shares = []
            for eps in SIZES:
                proved, fooled = proof.radius >= eps, changed & (witness <= eps)
                shares.append(
                    f"{100 * float(proved.float().mean()):.0f} / {100 * float((proved | fooled).float().mean()):.0f}"
                )
            row = (name, f"{size:,} {grows}", str(len(some)), f"{took:.2g}", *shares)
            sys.stderr.write(" ".join(row) + "\n")
            yield row


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = tuple(measured())
    headers = ("model", "size", "n", "s an example", *(f"at {eps:g}" for eps in SIZES))
    place("python -m tests.speed.growth", Table("Growth", headers, rows).markdown().partition("\n\n")[2])


if __name__ == "__main__":
    main()
