"""Certificates of other libraries: linear bounds of networks, and a search through ensembles of trees."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.peers.judged import fooled
from tests.peers.subjects import Subject

CLASSES = 10
AT_ONCE = 10
"""Examples of a network."""
SECONDS = 1.0
"""Of a search, an example and size, at most."""

Proved = tuple[Tensor, Tensor]
"""`(N,)` bool: nothing within the size is mislabelled; something is, by the model's own answer."""


@dataclass(frozen=True)
class Prover:
    """One way of a library."""

    library: str
    """The module to import."""
    title: str
    models: tuple[str, ...]
    ready: Callable[[Subject], Any]
    """Hands the model over; not counted as time."""
    prove: Callable[[Any, Subject, Tensor, Tensor, float], Proved]
    """Of that and examples that are right, at one size, L_inf within [0, 1]."""

    def is_there(self) -> bool:
        """Whether it can be imported."""
        try:
            importlib.import_module(self.library)
        except ImportError:
            return False
        return True


def _linear(method: str) -> Callable[[Any, Subject, Tensor, Tensor, float], Proved]:
    def prove(model: Any, subject: Subject, x: Tensor, y: Tensor, eps: float) -> Proved:
        library, flat, proved = importlib.import_module("auto_LiRPA"), x.flatten(1), []
        for some, labels in zip(flat.split(AT_ONCE), y.split(AT_ONCE), strict=True):
            low, high = ((some + move).clamp(0, 1) for move in (-eps, eps))
            ball = library.PerturbationLpNorm(norm=float("inf"), x_L=low, x_U=high)
            inputs = (library.BoundedTensor(some, ball),)
            bound, _ = model.compute_bounds(x=inputs, C=leads(labels), method=method, bound_upper=False)
            proved.append((bound.detach() > 0).all(1))
        held = torch.cat(proved)
        return held, torch.zeros_like(held)

    return prove


def _network(subject: Subject) -> Any:
    adapter: Any = subject.adapter
    while not hasattr(adapter, "net"):
        adapter = adapter.inner
    library = importlib.import_module("auto_LiRPA")
    return library.BoundedModule(adapter.net.eval(), torch.zeros(1, subject.x[0].numel()))


def leads(labels: Tensor) -> Tensor:
    """`(N, 9, 10)` how far the true class is before each rival, of the scores."""
    each = torch.eye(CLASSES)
    every = each[labels][:, None] - each[None]
    return every[labels[:, None] != torch.arange(CLASSES)].view(len(labels), CLASSES - 1, CLASSES)


def _veritas(ensembles: Any, subject: Subject, x: Tensor, y: Tensor, eps: float) -> Proved:
    """One search for each rival of each example, of the trees cut down to the box."""
    library = importlib.import_module("veritas")
    proved, wrong = (torch.zeros(len(x), dtype=torch.bool) for _ in range(2))
    for place, (row, own) in enumerate(zip(x.flatten(1).numpy(), y.tolist(), strict=True)):
        box, began, held = _box(library, row, eps), time.process_time(), True
        for rival in (other for other in range(CLASSES) if other != own):
            safe, point = _searched(library, ensembles[own, rival], box, row, began)
            held = held and safe
            if point is not None and fooled(subject.adapter, x[place][None], y[place][None], point, eps)[0]:
                wrong[place] = True
                break
        proved[place] = held and not wrong[place]
    return proved, wrong


def _box(library: Any, row: NDArray[np.float32], eps: float) -> list[Any]:
    low, high = np.maximum(row - np.float32(eps), 0), np.minimum(row + np.float32(eps), 1)
    beyond = np.nextafter(high, np.float32(np.inf))  # intervals exclude their end
    return [library.Interval(float(a), float(b)) for a, b in zip(low, beyond, strict=True)]


def _searched(library: Any, ensemble: Any, box: list[Any], row: Any, began: float) -> tuple[bool, Tensor | None]:
    """Whether the rival is behind everywhere, and a point where it seems to lead; as `VeritasRobustnessSearch`."""
    config = library.Config(library.HeuristicType.MAX_OUTPUT)
    config.stop_when_optimal, config.ignore_state_when_worse_than = True, 0.0
    config.stop_when_num_solutions_exceeds, config.focal_eps, config.max_focal_size = 1, 0.2, 1000
    config.max_memory = 2**30
    search = config.get_search(ensemble.prune(box), box)
    reason = search.step_for(max(1e-3, SECONDS - (time.process_time() - began)), 100)
    if search.num_solutions() and search.get_solution(0).output > 0:
        near = library.get_closest_example(search.get_solution(0), row, 1e-9)
        return False, torch.tensor(np.asarray(near), dtype=torch.float32).view(1, 1, 28, 28)
    return search.current_bounds().best < 0 or reason == library.StopReason.NO_MORE_OPEN, None


def _ensembles(subject: Subject) -> dict[tuple[int, int], Any]:
    """For each class and rival what the trees add to the rival's lead.

    Handed over by us, float32 for float32: the library's own reading of scikit-learn's thresholds puts them one float64
    above, where a float32 input is on the other side.
    """
    estimator = getattr(subject.adapter, "inner", subject.adapter).estimator
    pairs = [(own, rival) for own in range(CLASSES) for rival in range(CLASSES) if own != rival]
    return {pair: _ensemble(estimator, *pair) for pair in pairs}


def _ensemble(estimator: Any, own: int, rival: int) -> Any:
    library = importlib.import_module("veritas")
    found = library.AddTree(1, library.AddTreeType.REGR)
    for one in estimator.estimators_:
        tree, into = one.tree_, found.add_tree()
        down = tree.threshold.astype(np.float32)
        down = np.where(down > tree.threshold, np.nextafter(down, np.float32(-np.inf)), down)
        cuts = np.nextafter(down, np.float32(np.inf), dtype=np.float32)  # <= of one is < of the next
        share = tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True)
        gain, todo = share[:, rival] - share[:, own], [(0, into.root())]
        while todo:
            node, at = todo.pop()
            left, right = int(tree.children_left[node]), int(tree.children_right[node])
            if left == right:
                into.set_leaf_value(at, 0, float(gain[node]))
                continue
            into.split(at, int(tree.feature[node]), float(cuts[node]))
            todo += [(left, into.left(at)), (right, into.right(at))]
    return found


NETS = ("raghunathan", "wong-kolter")
PROVERS: Mapping[str, Prover] = {
    "CROWN": Prover("auto_LiRPA", "CROWN", NETS, _network, _linear("CROWN")),
    "CROWN-Optimized": Prover("auto_LiRPA", "CROWN-Optimized", NETS, _network, _linear("CROWN-Optimized")),
    "veritas": Prover("veritas", "search", ("random-forest",), _ensembles, _veritas),
}
