"""Model by model: what our suite fools, what each peer does, on the same examples."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.peers.judged import fooled
from tests.peers.pieces import piece
from tests.peers.rivals import RIVALS, Rival
from tests.peers.subjects import CASES, Asked, Subject


@dataclass(frozen=True)
class Outcome:
    """One peer on one model."""

    rival: str
    fooled: dict[float, NDArray[np.bool_]]
    """For each size, `(n,)`; False where it was not run."""
    run: dict[float, NDArray[np.bool_]]
    """For each size, `(n,)` which examples it was run on."""
    queries: dict[float, float]
    """Of an example, the mean: questions, and forward passes of nets,"""
    gradients: dict[float, float]
    """and gradients. The same at every size where the peer looks for the nearest point."""


def rivals_of(name: str) -> list[str]:
    """Names of the peers that attack a model."""
    return [key for key, rival in RIVALS.items() if name in rival.models]


def outcome(subject: Subject, key: str, *, kept: bool = False) -> Outcome:
    """Run a peer, or read what it came to; `kept`: only the latter, of the examples that it has been run on."""
    rival, sizes, n = RIVALS[key], list(subject.fooled), len(subject.index)
    masks, run = ({eps: np.zeros(n, dtype=bool) for eps in sizes} for _ in range(2))
    asked = {eps: np.zeros(2) for eps in sizes}
    for together in [[eps] for eps in sizes] if rival.by_size else [sizes]:
        for start in range(0, n, CASES[subject.name].chunk):
            part = slice(start, start + CASES[subject.name].chunk)
            found = _piece(subject, key, part, together, kept)
            for eps in together if found else ():
                masks[eps][part] = found["fooled"][str(eps)]
                run[eps][part] = True
                asked[eps] += (found["queries"], found["gradients"])
    each = {eps: asked[eps] / max(1, run[eps].sum()) for eps in sizes}
    return Outcome(key, masks, run, *({eps: float(each[eps][place]) for eps in sizes} for place in (0, 1)))


def _piece(subject: Subject, key: str, part: slice, sizes: list[float], kept: bool) -> dict[str, Any]:
    rival = RIVALS[key]
    says = {
        "model": subject.adapter.fingerprint,
        "examples": subject.index[part].tolist(),
        "sizes": sizes,
        "library": [rival.library, version(rival.library)],
    }
    size = f"-{sizes[0]:g}" if rival.by_size else ""
    name = f"{subject.name}-{key}{size}-{part.start}"
    return piece(name, says, None if kept else lambda: _run(subject, rival, part, sizes))


def _run(subject: Subject, rival: Rival, part: slice, sizes: list[float]) -> dict[str, Any]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # the packages draw from it
    torch.manual_seed(0)
    x, y, net = subject.x[part], subject.y[part], Asked(subject.adapter, rival.gives)
    candidates = rival.craft(subject, net, x.clone(), y, sizes[0] if rival.by_size else None).detach()
    return {
        "fooled": {str(eps): fooled(subject.adapter, x, y, candidates, eps).tolist() for eps in sizes},
        "queries": net.queries,
        "gradients": net.gradients,
    }


@dataclass(frozen=True)
class Row:
    """A model at one size: ours beside each peer."""

    model: str
    eps: float
    index: NDArray[np.int64]
    ours: NDArray[np.bool_]
    peers: dict[str, NDArray[np.bool_]]
    costs: dict[str, tuple[float, float]]
    """Of each peer, queries and gradients an example."""

    @property
    def best(self) -> int:
        """How many the best peer fools."""
        return max(int(mask.sum()) for mask in self.peers.values())

    @property
    def missed(self) -> NDArray[np.int64]:
        """Positions in the test split of what some peer fools and we don't."""
        return self.index[self._any & ~self.ours]

    @property
    def only_ours(self) -> int:
        return int((self.ours & ~self._any).sum())

    @property
    def met(self) -> bool:
        """No example fewer than the best of them but one."""
        return int(self.ours.sum()) >= self.best - 1

    @property
    def _any(self) -> NDArray[np.bool_]:
        return np.asarray(np.any(list(self.peers.values()), axis=0))


def rows(subject: Subject, found: list[Outcome]) -> Iterator[Row]:
    """A row for each size, of the examples that every peer was run on; none where there are none."""
    for eps, ours in subject.fooled.items():
        met = np.all([one.run[eps] for one in found], axis=0)
        peers = {one.rival: one.fooled[eps][met] for one in found}
        costs = {one.rival: (one.queries[eps], one.gradients[eps]) for one in found}
        if met.any():
            yield Row(subject.name, eps, subject.index[met], ours[met], peers, costs)
