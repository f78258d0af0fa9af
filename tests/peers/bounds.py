"""Certificate against certificate: ours beside other libraries', of the same models, examples and sizes.

auto_LiRPA is compared where it can be imported. No release of it on the package index takes a torch of today, and the
newest of its repository, which does run on one, says that it does not:

    pip install --no-deps git+https://github.com/Verified-Intelligence/auto_LiRPA@a050a3d
    pip install appdirs graphviz sortedcontainers tqdm
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.attacks import make_attack
from bench.threats import Threat
from tests.peers.judged import fooled
from tests.peers.pieces import piece
from tests.peers.provers import PROVERS, SECONDS, Proved
from tests.peers.subjects import CASES, Subject


@dataclass(frozen=True)
class Bounded:
    """What a library decides of a model at one size, beside what ours does."""

    model: str
    eps: float
    n: int
    prover: str
    ours: tuple[int, int]
    """Examples proved, and fooled by a witness."""
    theirs: tuple[int, int]
    only_ours: int
    """Decided by ours alone,"""
    only_theirs: int
    """and by theirs."""
    against: int
    """Proved by one and fooled by the other."""
    seconds: tuple[float, float]
    """Of the processor, an example, ours and theirs; one thread."""


def bounded(subject: Subject, *, kept: bool = False) -> Iterator[Bounded]:
    """A line for each library and size; of what is there already where `kept`, or where the library is not."""
    right = subject.adapter.predict(subject.x) == subject.y
    for key, prover in PROVERS.items():
        for eps in CASES[subject.name].sizes if subject.name in prover.models else ():
            says = {"model": subject.adapter.fingerprint, "examples": subject.index[right.numpy()].tolist(), "eps": eps}
            ours = _piece(subject, "ours", {**says, "seconds": SECONDS}, kept, right, eps)
            # Its version is told on the page, and not asked for: a piece is read where the library is not installed.
            theirs = _piece(subject, key, says, kept or not prover.is_there(), right, eps)
            if ours and theirs:
                yield _line(subject.name, eps, key, ours, theirs)


def _line(model: str, eps: float, key: str, ours: dict[str, Any], theirs: dict[str, Any]) -> Bounded:
    (held, wrong), (their_held, their_wrong) = (
        [torch.tensor(found[what], dtype=torch.bool) for what in ("proved", "fooled")] for found in (ours, theirs)
    )
    mine, other = held | wrong, their_held | their_wrong
    return Bounded(
        model,
        eps,
        len(held),
        key,
        (int(held.sum()), int(wrong.sum())),
        (int(their_held.sum()), int(their_wrong.sum())),
        int((mine & ~other).sum()),
        int((other & ~mine).sum()),
        int((held & their_wrong | their_held & wrong).sum()),
        (ours["each"], theirs["each"]),
    )


def _piece(subject: Subject, who: str, says: dict[str, Any], kept: bool, right: Tensor, eps: float) -> dict[str, Any]:
    def measure() -> dict[str, Any]:
        x, y = subject.x[right], subject.y[right]
        model = None if who == "ours" else PROVERS[who].ready(subject)
        began = time.process_time()
        proved, wrong = _ours(subject, x, y, eps) if who == "ours" else PROVERS[who].prove(model, subject, x, y, eps)
        took = (time.process_time() - began) / len(x)
        return {"proved": proved.tolist(), "fooled": wrong.tolist(), "each": took}

    return piece(f"bounds-{subject.name}-{eps:g}-{who}", says, None if kept else measure)


def _ours(subject: Subject, x: Tensor, y: Tensor, eps: float) -> Proved:
    attack: Any = make_attack("worst-case", {"sizes": [eps], "seconds": SECONDS})
    (found,) = attack.craft(subject.adapter, x, y, None, [Threat(norm="linf", eps=eps, clip=(0.0, 1.0))], None)
    return found.radius >= eps, torch.from_numpy(fooled(subject.adapter, x, y, found.candidates, eps))
