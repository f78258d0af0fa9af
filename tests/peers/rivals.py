"""The peers: attacks of other libraries, each as its documentation says to call it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.peers.subjects import Asked, Subject

QUERIES = 5000
"""What an example may ask for, at most."""
ROUNDS = 16
"""Of HopSkipJump: with 100 questions times the root of the round's number in each, they come to that."""

Craft = Callable[[Subject, Asked, Tensor, Tensor, float | None], Tensor]


@dataclass(frozen=True)
class Rival:
    """One attack of a library."""

    library: str
    """Name of its distribution."""
    title: str
    gives: str
    """What it is shown of a model: `scores` (and their gradient), `probabilities` or `labels`."""
    craft: Craft
    models: tuple[str, ...]
    by_size: bool = False
    """Whether it is run for each size; else it looks for the nearest point, once."""


def _auto_attack(subject: Subject, net: Asked, x: Tensor, y: Tensor, eps: float | None) -> Tensor:
    """AutoAttack's four, with the paper's 100 steps: the library's own class takes 10."""
    lib = importlib.import_module("torchattacks")
    common = {"norm": "Linf", "eps": eps, "seed": 0, "verbose": False, "n_restarts": 1}
    parts = [
        lib.APGD(net, loss="ce", steps=100, **common),
        lib.APGDT(net, steps=100, n_classes=10, **common),
        lib.FAB(net, steps=100, multi_targeted=True, n_classes=10, **common),
        lib.Square(net, n_queries=QUERIES, **common),
    ]
    # What is fooled as it is has no part in it: the library would go on with it all the same.
    left = net.adapter.predict(x) == y
    found = x.clone()
    if left.any():
        found[left] = lib.MultiAttack(parts)(x[left], y[left]).float()
    return found


def _foolbox_hsj(subject: Subject, net: Asked, x: Tensor, y: Tensor, eps: float | None) -> Tensor:
    lib = importlib.import_module("foolbox")
    model = lib.PyTorchModel(net, bounds=(0, 1), device="cpu")
    attack = lib.attacks.HopSkipJumpAttack(steps=ROUNDS, constraint="linf")

    def craft(a: Tensor, b: Tensor) -> Tensor:
        try:
            found: Tensor = attack(model, a, b, epsilons=None)[1]
        except ValueError:  # its noise finds no start for some: these get an image of another class
            start = lib.attacks.LinearSearchBlendedUniformNoiseAttack(steps=50).run(model, a, lib.Misclassification(b))
            start = torch.where((net(start).argmax(1) == b)[:, None, None, None], _of_another_class(net, a, b), start)
            found = attack(model, a, b, epsilons=None, starting_points=start)[1]
        return found

    return _from_right(net, x, y, craft)


def _of_another_class(net: Asked, x: Tensor, y: Tensor) -> Tensor:
    """For each example the first of the others that is labelled otherwise."""
    labels = net(x).argmax(1)
    return x[(labels[None] != y[:, None]).float().argmax(1)]


def _black_box(net: Asked) -> Any:
    wrapped = importlib.import_module("art.estimators.classification")
    return wrapped.BlackBoxClassifier(net.answer, (1, 28, 28), 10, clip_values=(0.0, 1.0))


def _art_hsj(subject: Subject, net: Asked, x: Tensor, y: Tensor, eps: float | None) -> Tensor:
    lib = importlib.import_module("art.attacks.evasion")
    attack = lib.HopSkipJump(_black_box(net), norm=np.inf, max_iter=ROUNDS, max_eval=10_000, verbose=False)
    return _from_right(net, x, y, lambda a, b: torch.from_numpy(attack.generate(a.numpy())))


def _art_tree(subject: Subject, net: Asked, x: Tensor, y: Tensor, eps: float | None) -> Tensor:
    lib = importlib.import_module("art.attacks.evasion")
    wrapped = importlib.import_module("art.estimators.classification.scikitlearn")
    estimator = getattr(subject.adapter, "inner", subject.adapter).estimator
    attack = lib.DecisionTreeAttack(wrapped.ScikitlearnDecisionTreeClassifier(estimator), verbose=False)
    given = attack.generate(x.flatten(1).numpy().copy())
    return torch.from_numpy(np.asarray(given)).view_as(x)


def _art_zoo(subject: Subject, net: Asked, x: Tensor, y: Tensor, eps: float | None) -> Tensor:
    """As the library's own example attacks trees; 12 features at once come to the queries allowed."""
    lib = importlib.import_module("art.attacks.evasion")
    attack = lib.ZooAttack(
        _black_box(net),
        learning_rate=0.1,
        max_iter=20,
        binary_search_steps=10,
        use_resize=False,
        use_importance=False,
        nb_parallel=12,
        batch_size=1,
        variable_h=0.2,
        verbose=False,
    )
    return _from_right(net, x, y, lambda a, b: torch.from_numpy(attack.generate(a.numpy(), b.numpy())))


def _from_right(net: Asked, x: Tensor, y: Tensor, craft: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Only what is right as it is needs attacking; peers stop with an error on the rest, or spend questions on it."""
    left = net.adapter.predict(x) == y
    found = x.clone()
    if left.any():
        found[left] = craft(x[left], y[left]).float()
    return found


NETS = ("softmax-regression", "maxout", "rbf-network", "raghunathan", "wong-kolter")
OTHERS = ("linear-svm", "rbf-svm", "knn", "decision-tree", "random-forest")

RIVALS: Mapping[str, Rival] = {
    "autoattack": Rival("torchattacks", "AutoAttack", "scores", _auto_attack, NETS, by_size=True),
    "art-tree": Rival("adversarial-robustness-toolbox", "DecisionTreeAttack", "labels", _art_tree, ("decision-tree",)),
    "foolbox-hsj": Rival("foolbox", "HopSkipJump", "labels", _foolbox_hsj, OTHERS),
    "art-hsj": Rival("adversarial-robustness-toolbox", "HopSkipJump", "labels", _art_hsj, OTHERS),
    "art-zoo": Rival("adversarial-robustness-toolbox", "ZOO", "probabilities", _art_zoo, ("random-forest",)),
}
