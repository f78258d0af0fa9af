"""Certificate against certificate: ours of networks beside auto_LiRPA's, of the same nets, examples and size.

It is compared where it can be imported. No release of it on the package index takes a torch of today, and the newest
of its repository, which does run on one, says that it does not:

    pip install --no-deps git+https://github.com/Verified-Intelligence/auto_LiRPA@a050a3d
    pip install appdirs graphviz sortedcontainers tqdm
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.attacks import make_attack
from bench.threats import Threat
from tests.peers.pieces import piece
from tests.peers.subjects import CASES, Subject

LIBRARY = "auto_LiRPA"
METHODS = ("CROWN", "CROWN-Optimized")
"""The bounds of Zhang et al. 2018, and those of Xu et al. 2021 with 20 steps of its slopes, those of layers within
included."""
NETS = ("raghunathan", "wong-kolter")
CLASSES = 10
AT_ONCE = 10
SECONDS = 10.0
"""Of ours an example, at most, as by default."""


@dataclass(frozen=True)
class Bounded:
    """What one method proves of a net beside ours."""

    net: str
    eps: float
    n: int
    method: str
    ours: int
    theirs: int
    only_ours: int
    only_theirs: int
    seconds: tuple[float, float]
    """Of the processor, an example, ours and theirs; one thread."""


def is_there() -> bool:
    """Whether the library can be imported."""
    try:
        importlib.import_module(LIBRARY)
    except ImportError:
        return False
    return True


def bounded(subject: Subject, *, kept: bool = False) -> Iterator[Bounded]:
    """A line for each method; of what is there already where `kept`, or where the library is not."""
    for eps in CASES[subject.name].sizes:
        right = subject.adapter.predict(subject.x) == subject.y
        says = {"model": subject.adapter.fingerprint, "examples": subject.index[right.numpy()].tolist(), "eps": eps}
        ours = _piece(subject, "ours", {**says, "seconds": SECONDS}, kept, right, eps)
        for method in METHODS:
            # Read where the library is not: its version is part of what was found, not of what was asked.
            theirs = _piece(subject, method, says, kept or not is_there(), right, eps)
            if not ours or not theirs:
                continue
            a, b = (torch.tensor(found["proved"]) for found in (ours, theirs))
            counts = (int(mask.sum()) for mask in (a, b, a & ~b, b & ~a))
            seconds = (ours["each"], theirs["each"])
            yield Bounded(subject.name, eps, len(a), method, *counts, seconds)


def _piece(subject: Subject, who: str, says: dict[str, Any], kept: bool, right: Tensor, eps: float) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        x, y = subject.x[right], subject.y[right]
        began = time.process_time()
        proved = _ours(subject, x, y, eps) if who == "ours" else _theirs(subject, x, y, eps, who)
        took = (time.process_time() - began) / len(x)
        return {"proved": proved.tolist(), "each": took}

    return piece(f"bounds-{subject.name}-{eps:g}-{who}", says, None if kept else measure)


def _ours(subject: Subject, x: Tensor, y: Tensor, eps: float) -> Tensor:
    attack: Any = make_attack("worst-case", {"sizes": [eps], "seconds": SECONDS})
    (found,) = attack.craft(subject.adapter, x, y, None, [Threat(norm="linf", eps=eps, clip=(0.0, 1.0))], None)
    return Tensor(found.radius >= eps)


def _theirs(subject: Subject, x: Tensor, y: Tensor, eps: float, method: str) -> Tensor:
    library, net = importlib.import_module(LIBRARY), _network(subject)
    flat = x.flatten(1)
    model = library.BoundedModule(net, torch.zeros(1, flat.shape[1]))
    proved = []
    for some, labels in zip(flat.split(AT_ONCE), y.split(AT_ONCE), strict=True):
        low, high = ((some + move).clamp(0, 1) for move in (-eps, eps))
        ball = library.PerturbationLpNorm(norm=float("inf"), x_L=low, x_U=high)
        inputs = (library.BoundedTensor(some, ball),)
        bound, _ = model.compute_bounds(x=inputs, C=_leads(labels), method=method, bound_upper=False)
        proved.append((bound.detach() > 0).all(1))
    return torch.cat(proved)


def _network(subject: Subject) -> nn.Module:
    adapter: Any = subject.adapter
    while not hasattr(adapter, "net"):
        adapter = adapter.inner
    net: nn.Module = adapter.net
    return net.eval()


def _leads(labels: Tensor) -> Tensor:
    """`(N, 9, 10)` how far the true class is before each rival, of the scores."""
    each = torch.eye(CLASSES)
    every = each[labels][:, None] - each[None]
    return every[labels[:, None] != torch.arange(CLASSES)].view(len(labels), CLASSES - 1, CLASSES)
