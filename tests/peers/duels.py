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
ALIKE = 1.001
"""Up to this ratio, two medians are the same: searches for a minimum end near it, not at it."""

Craft = Callable[[Asked, Tensor, Tensor, int], Tensor]
"""Candidates for a model, examples and their classes, and a seed."""


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
    seeds: int = 1
    """Runs of each side, of attacks that draw: on examples that only luck decides one run says nothing."""


def _torchattacks(name: str, eps: float, **options: Any) -> Craft:
    def craft(net: Asked, x: Tensor, y: Tensor, seed: int) -> Tensor:
        attack = getattr(importlib.import_module("torchattacks"), name)
        return Tensor(attack(net, norm="Linf", eps=eps, seed=seed, n_restarts=1, **options)(x, y))

    return craft


def _foolbox(name: str, **options: Any) -> Craft:
    def craft(net: Asked, x: Tensor, y: Tensor, seed: int) -> Tensor:
        lib = importlib.import_module("foolbox")
        model = lib.PyTorchModel(net, bounds=(0, 1), device="cpu")
        return Tensor(getattr(lib.attacks, name)(**options)(model, x, y, epsilons=None)[1])

    return craft


EPS, STEPS, QUERIES = 0.1, 100, 1000
HALF = {"steps": STEPS // 2, "restarts": 1}
"""APGD's steps as two runs: theirs starts at random, ours at the example, and only then at random."""
FEWER = {"steps": STEPS - 9}
"""FMN's steps less what it asks for besides: labels at the start, and while the nearest success is drawn nearer."""
DUELS = {
    "apgd-ce": Duel(
        "apgd",
        "linf",
        {"loss": "cross_entropy", **HALF},
        "torchattacks",
        _torchattacks("APGD", EPS, loss="ce", steps=STEPS),
        EPS,
        seeds=4,
    ),
    "apgd-targeted": Duel(
        "apgd",
        "linf",
        {"loss": "targeted_dlr", "steps": STEPS},
        "torchattacks",
        _torchattacks("APGDT", EPS, n_classes=10, steps=STEPS),
        EPS,
        seeds=4,
    ),
    "square": Duel(
        "square",
        "linf",
        {"queries": QUERIES},
        "torchattacks",
        _torchattacks("Square", EPS, n_queries=QUERIES),
        EPS,
        seeds=4,
    ),
    "deepfool-linf": Duel("deepfool", "linf", {}, "foolbox", _foolbox("LinfDeepFoolAttack")),
    "deepfool-l2": Duel("deepfool", "l2", {}, "foolbox", _foolbox("L2DeepFoolAttack")),
    "fmn-linf": Duel("fmn", "linf", FEWER, "foolbox", _foolbox("LInfFMNAttack", steps=STEPS)),
    "fmn-l2": Duel("fmn", "l2", FEWER, "foolbox", _foolbox("L2FMNAttack", steps=STEPS)),
    "fmn-l1": Duel("fmn", "l1", FEWER, "foolbox", _foolbox("L1FMNAttack", steps=STEPS)),
    "fmn-l0": Duel("fmn", "l0", FEWER, "foolbox", _foolbox("L0FMNAttack", steps=STEPS)),
    "fmn-l0-from-one": Duel("fmn", "l0", {**FEWER, "first": "one"}, "foolbox", _foolbox("L0FMNAttack", steps=STEPS)),
    "carlini-wagner": Duel("carlini-wagner", "l2", {}, "foolbox", _foolbox("L2CarliniWagnerAttack", steps=1000), n=20),
}


def duel(subject: Subject, key: str, *, kept: bool = False) -> dict[str, Any]:
    """Both sides: successes or distances, and what they asked for, of an example; `kept` as in `outcome`."""
    one = DUELS[key]
    says = {
        "model": subject.adapter.fingerprint,
        "examples": subject.index[: one.n].tolist(),
        "duel": [one.attack, one.norm, dict(one.parameters), one.eps, one.seeds],
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
        "ours": _side(subject, one, x, y, lambda seed: _ours(subject, one, x, y, places, seed)),
        "theirs": _side(subject, one, x, y, lambda seed: _theirs(subject, one, x, y, seed)),
    }


def _ours(subject: Subject, one: Duel, x: Tensor, y: Tensor, places: Any, seed: int) -> tuple[Tensor, int, int]:
    source = Metered(subject.adapter)
    attack = make_attack(one.attack, dict(one.parameters))
    draws = Draws((seed, "peers", one.attack, attack.revision), places)
    threat = Threat(norm=one.norm, eps=one.eps, clip=(0.0, 1.0))
    (points,) = attack.craft(source, x, y, attack.goals(source, x, y, draws), [threat], draws)
    assert isinstance(points, Tensor)
    if not bool(allowed(x, points, threat).all()):
        raise ValueError(f"{one.attack} leaves the ball")
    costs = source.costs()
    return points, costs.forwards + costs.gradients + costs.queries, costs.gradients


def _theirs(subject: Subject, one: Duel, x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, int, int]:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # the packages draw from it
    torch.manual_seed(seed)
    net = Asked(subject.adapter, "scores")
    points = one.craft(net, x.clone(), y, seed).detach()
    return points, net.queries, net.gradients


def _side(
    subject: Subject, one: Duel, x: Tensor, y: Tensor, run: Callable[[int], tuple[Tensor, int, int]]
) -> dict[str, Any]:
    """Of each example, the share of the runs that fool it, or the mean distance; and what a run asks for."""
    found = [run(seed) for seed in range(one.seeds)]
    queries, gradients = (sum(each[place] for each in found) / len(found) / len(x) for place in (1, 2))
    if one.eps is None:
        what, each = "distances", [distances(subject.adapter, x, y, points, one.norm).numpy() for points, _, _ in found]
    else:
        what, each = "fooled", [fooled(subject.adapter, x, y, points, one.eps) for points, _, _ in found]
    return {what: np.mean(each, axis=0).tolist(), "queries": queries, "gradients": gradients}


@dataclass(frozen=True)
class Bout:
    """What a duel came to on one net, for a line of the table."""

    net: str
    key: str
    n: int
    ours: str
    theirs: str
    nearer: int
    """Examples on which ours succeeds in more runs, or is nearer by more than 2%,"""
    farther: int
    """and the other way round."""
    gradients: tuple[float, float]
    queries: tuple[float, float]
    better: bool
    """No fewer successes, or no larger median."""
    cheaper: bool
    """No more gradients and no more queries."""


def bouts(net: str, found: Mapping[str, dict[str, Any]]) -> Iterator[Bout]:
    """From what `duel` gives, by key."""
    for key, both in found.items():
        ours, theirs = both["ours"], both["theirs"]
        what = "fooled" if "fooled" in ours else "distances"
        a, b = (np.array(side[what], dtype=float) for side in (ours, theirs))
        if what == "fooled":
            nearer, farther = int((a > b).sum()), int((b > a).sum())
            shown, better = [f"{side.sum():g}" for side in (a, b)], bool(a.sum() >= b.sum())
        else:
            nearer, farther = int((b > FARTHER * a).sum()), int((a > FARTHER * b).sum())
            medians = [float(np.median(side)) for side in (a, b)]
            shown, better = [f"{median:.4g}" for median in medians], medians[0] <= ALIKE * medians[1]
        gradients, queries = ((ours[name], theirs[name]) for name in ("gradients", "queries"))
        cheaper = all(own <= other for own, other in (gradients, queries))
        yield Bout(net, key, both["n"], *shown, nearer, farther, gradients, queries, better, cheaper)
