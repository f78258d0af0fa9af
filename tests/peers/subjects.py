"""Who is attacked: the reference models, the examples that their published records cover, and plain wrappers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from adapters.base import Adapter
from adapters.fitting import fit
from bench import zoo
from bench.board.ranking import worst_case
from bench.board.view import View
from bench.errors import UsageError
from bench.planning.suite import load_suite
from bench.progress import quiet
from bench.running.shelf import Shelf, dataset_of

SIZES = (0.01, 0.02, 0.05, 0.1, 0.25)
LARGE = (0.25, 0.1, 0.05)
"""Where a run for each size takes long."""


@dataclass(frozen=True)
class Subject:
    """A model and what its records say of some examples."""

    name: str
    adapter: Adapter
    index: NDArray[np.int64]
    """`(n,)` positions in the test split, ascending."""
    x: Tensor
    """`(n, 1, 28, 28)` float32."""
    y: Tensor
    """`(n,)`."""
    fooled: dict[float, NDArray[np.bool_]]
    """For each size, `(n,)` which of them are mislabelled as they are or under any attack of the suite."""


@dataclass(frozen=True)
class Case:
    """Which model, at which sizes, on how many examples, by the records of which suite."""

    sizes: tuple[float, ...] = SIZES
    n: int = 200
    suite: str = "mnist-worst-case"
    chunk: int = 50
    """Examples that a peer is given at once, and that an interruption costs."""


CASES = {
    "softmax-regression": Case(LARGE),
    "maxout": Case(LARGE),
    "rbf-network": Case(LARGE),
    "raghunathan": Case((0.1,), suite="mnist-anchors"),
    "wong-kolter": Case((0.1,), suite="mnist-anchors"),
    "linear-svm": Case(),
    "rbf-svm": Case(),
    "knn": Case(n=50),
    "decision-tree": Case((0.01, 0.02, 0.05)),
    "random-forest": Case((0.01, 0.02, 0.05), chunk=25),
}


@cache
def _view(suite: str, out: Path) -> View:
    read, contents = load_suite(suite), Shelf(out).contents(quiet)
    return View(
        read,
        dataset_of(read),
        contents.records,
        contents.failures,
        published=contents.published,
        asked=contents.asked,
    )


def subject(name: str, out: Path) -> Subject:
    """The model as the zoo has it, on some of the examples that all attacks of the suite cover.

    Args:
        name: in `CASES`.
        out: a folder whose records are read beside the published ones.

    Raises:
        UsageError: there are no complete records of this very model.
    """
    case = CASES[name]
    view = _view(case.suite, out)
    data, by = view.dataset, view.suite.rank_by
    assert by is not None
    adapter = fit(zoo.load(data, name), data.input_shape, data.classes)
    target = next((one for one in view.targets() if one.fingerprint == adapter.fingerprint), None)
    worst = {}
    for eps in case.sizes:
        found = target and worst_case(view, target, by.model_copy(update={"eps": eps}))
        if not found or found.status != "ok":
            raise UsageError(f"no records of {name} as it is here; make them with: bench suite {case.suite}")
        worst[eps] = found
    index = worst[case.sizes[0]].index
    drawn = np.random.Generator(np.random.Philox(0)).permutation(len(index))[: case.n]
    taken = np.sort(index[drawn])
    fooled = {eps: ~found.robust[np.searchsorted(found.index, taken)] for eps, found in worst.items()}
    x = torch.from_numpy(data.examples("test", taken))
    y = torch.as_tensor(data.labels("test")[taken]).long()
    return Subject(name, adapter, taken, x, y, fooled)


class _Counted(torch.autograd.Function):
    """The identity, which counts the examples that a gradient is asked of."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, asked: Asked) -> Tensor:
        ctx.asked = asked
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        ctx.asked.gradients += len(slopes[0])
        return slopes[0], None


class Asked(nn.Module):
    """A model as peers take it, which counts what is asked of it, in examples.

    Of `scores` it gives the logits that our own attacks climb, with their gradient; of `probabilities` the model's own,
    as its `predict_proba` does, without; of `labels` a one for the label and a zero for any other, as packages take
    models that give labels alone.
    """

    def __init__(self, adapter: Adapter, gives: str) -> None:
        super().__init__()
        self.adapter, self.gives = adapter, gives
        self.placed = nn.Parameter(torch.zeros(1))  # packages ask the first parameter where the model lives
        self.queries = self.gradients = 0
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        self.queries += len(x)
        if self.gives == "scores":
            return self.adapter.logits(_Counted.apply(x, self))
        if self.gives == "probabilities":
            found = self.adapter.probabilities(x.detach())
            assert found is not None
            return found.float()
        labels = self.adapter.predict(x.detach())
        return nn.functional.one_hot(labels, 10).float()

    def answer(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """The same for packages that know no torch."""
        with torch.no_grad():
            given = self(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)))
        return given.numpy()
