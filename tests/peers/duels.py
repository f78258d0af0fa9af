"""Attack against attack: ours beside another library's of the same name, on the same net and examples."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.attacks import make_attack
from bench.draws import Draws
from bench.running.metered import Metered
from bench.threats import Threat
from tests.peers.judged import allowed, distances, fooled
from tests.peers.pieces import piece
from tests.peers.subjects import Asked, Subject

NETS = ("maxout", "wong-kolter")
FARTHER = 1.02
"""From this ratio of distances on, one success counts as farther than the other."""

Craft = Callable[[Asked, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Duel:
    """Two attacks of one name."""

    attack: str
    norm: str
    parameters: Mapping[str, Any]
    library: str
    craft: Craft
    eps: float | None = None
    """The size at which successes are counted; without, distances are compared."""
    n: int = 100


def _torchattacks(name: str, eps: float, **options: Any) -> Craft:
    def craft(net: Asked, x: Tensor, y: Tensor) -> Tensor:
        attack = getattr(importlib.import_module("torchattacks"), name)
        return Tensor(attack(net, norm="Linf", eps=eps, seed=0, n_restarts=1, **options)(x, y))

    return craft


def _foolbox(name: str, **options: Any) -> Craft:
    def craft(net: Asked, x: Tensor, y: Tensor) -> Tensor:
        lib = importlib.import_module("foolbox")
        model = lib.PyTorchModel(net, bounds=(0, 1), device="cpu")
        return Tensor(getattr(lib.attacks, name)(**options)(model, x, y, epsilons=None)[1])

    return craft


EPS, STEPS, QUERIES = 0.1, 100, 1000
DUELS = {
    "apgd-ce": Duel(
        "apgd",
        "linf",
        {"loss": "cross_entropy", "steps": STEPS},
        "torchattacks",
        _torchattacks("APGD", EPS, loss="ce", steps=STEPS),
        EPS,
    ),
    "apgd-targeted": Duel(
        "apgd",
        "linf",
        {"loss": "targeted_dlr", "steps": STEPS},
        "torchattacks",
        _torchattacks("APGDT", EPS, n_classes=10, steps=STEPS),
        EPS,
    ),
    "square": Duel(
        "square", "linf", {"queries": QUERIES}, "torchattacks", _torchattacks("Square", EPS, n_queries=QUERIES), EPS
    ),
    "deepfool-linf": Duel("deepfool", "linf", {}, "foolbox", _foolbox("LinfDeepFoolAttack")),
    "deepfool-l2": Duel("deepfool", "l2", {}, "foolbox", _foolbox("L2DeepFoolAttack")),
    "fmn-linf": Duel("fmn", "linf", {}, "foolbox", _foolbox("LInfFMNAttack", steps=STEPS)),
    "fmn-l2": Duel("fmn", "l2", {}, "foolbox", _foolbox("L2FMNAttack", steps=STEPS)),
    "fmn-l1": Duel("fmn", "l1", {}, "foolbox", _foolbox("L1FMNAttack", steps=STEPS)),
    "fmn-l0": Duel("fmn", "l0", {}, "foolbox", _foolbox("L0FMNAttack", steps=STEPS)),
    "fmn-l0-from-one": Duel("fmn", "l0", {"first": "one"}, "foolbox", _foolbox("L0FMNAttack", steps=STEPS)),
    "carlini-wagner": Duel("carlini-wagner", "l2", {}, "foolbox", _foolbox("L2CarliniWagnerAttack", steps=1000), n=20),
}


def duel(subject: Subject, key: str, *, kept: bool = False) -> dict[str, Any]:
    """Both sides: successes or distances, and what they asked for, of an example; `kept` as in `outcome`."""
    one = DUELS[key]
    says = {
        "model": subject.adapter.fingerprint,
        "examples": subject.index[: one.n].tolist(),
        "duel": [one.attack, one.norm, dict(one.parameters), one.eps],
        "revision": make_attack(one.attack, dict(one.parameters)).revision,
        "library": [one.library, version(one.library)],
    }
    return piece(f"duel-{subject.name}-{key}", says, None if kept else lambda: _fight(subject, one))


def _fight(subject: Subject, one: Duel) -> dict[str, Any]:
    x, y = subject.x[: one.n], subject.y[: one.n]
    right = subject.adapter.predict(x) == y
    x, y, places = x[right], y[right], subject.index[: one.n][right.numpy()]
    return {
        "n": len(x),
        "ours": _side(subject, one, x, y, *_ours(subject, one, x, y, places)),
        "theirs": _side(subject, one, x, y, *_theirs(subject, one, x, y)),
    }


def _ours(subject: Subject, one: Duel, x: Tensor, y: Tensor, places: Any) -> tuple[Tensor, int, int]:
    source = Metered(subject.adapter)
    attack = make_attack(one.attack, dict(one.parameters))
    draws = Draws((0, "peers", one.attack, attack.revision), places)
    threat = Threat(norm=one.norm, eps=one.eps, clip=(0.0, 1.0))
    (points,) = attack.craft(source, x, y, attack.goals(source, x, y, draws), [threat], draws)
    assert isinstance(points, Tensor)
    if not bool(allowed(x, points, threat).all()):
        raise ValueError(f"{one.attack} leaves the ball")
    costs = source.costs()
    return points, costs.forwards + costs.gradients + costs.queries, costs.gradients


def _theirs(subject: Subject, one: Duel, x: Tensor, y: Tensor) -> tuple[Tensor, int, int]:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  # the packages draw from it
    torch.manual_seed(0)
    net = Asked(subject.adapter, "scores")
    points = one.craft(net, x.clone(), y).detach()
    return points, net.queries, net.gradients


def _side(
    subject: Subject, one: Duel, x: Tensor, y: Tensor, points: Tensor, queries: int, gradients: int
) -> dict[str, Any]:
    costs = {"queries": queries / len(x), "gradients": gradients / len(x)}
    if one.eps is not None:
        return {"fooled": fooled(subject.adapter, x, y, points, one.eps).tolist(), **costs}
    return {"distances": distances(subject.adapter, x, y, points, one.norm).tolist(), **costs}


@dataclass(frozen=True)
class Bout:
    """What a duel came to on one net, for a line of the table."""

    net: str
    key: str
    n: int
    ours: str
    theirs: str
    nearer: int
    """Examples on which ours alone succeeds, or is nearer by more than 2%,"""
    farther: int
    """and the other way round."""
    gradients: tuple[float, float]
    queries: tuple[float, float]
    better: bool
    """No fewer successes, or no larger median."""
    cheaper: bool
    """No more gradients, or where there are none no more queries."""


def bouts(net: str, found: Mapping[str, dict[str, Any]]) -> Iterator[Bout]:
    """From what `duel` gives, by key."""
    for key, both in found.items():
        ours, theirs = both["ours"], both["theirs"]
        what = "fooled" if "fooled" in ours else "distances"
        a, b = (np.array(side[what], dtype=float) for side in (ours, theirs))
        if what == "fooled":
            nearer, farther = int((a > b).sum()), int((b > a).sum())
            shown, better = [f"{int(side.sum())}" for side in (a, b)], bool(a.sum() >= b.sum())
        else:
            nearer, farther = int((b > FARTHER * a).sum()), int((a > FARTHER * b).sum())
            medians = [float(np.median(side)) for side in (a, b)]
            shown, better = [f"{median:.4g}" for median in medians], medians[0] <= medians[1]
        gradients, queries = ((ours[name], theirs[name]) for name in ("gradients", "queries"))
        cost = gradients if gradients[1] else queries
        yield Bout(net, key, both["n"], *shown, nearer, farther, gradients, queries, better, cost[0] <= cost[1])
