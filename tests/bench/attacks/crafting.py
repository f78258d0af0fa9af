"""What the tests of attacks import: a flat and a curved model, a batch, and what an attack makes of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import adapters
from adapters.base import Adapter
from bench.attacks import attack_class, make_attack
from bench.attacks.base import Certified
from bench.draws import Draws
from bench.pool import Pool
from bench.threats import Threat

GRID = [1e-3, 8 / 255, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
UNIT = (0.0, 1.0)
FEWER: dict[str, dict[str, Any]] = {
    "carlini-wagner": {"searches": 5, "steps": 30, "step_size": 0.1},
    "lbfgs": {"steps": 15},
    "fab": {"steps": 20},
    "sigma-zero": {"steps": 100},
    "jsma": {"share": 1.0},
    "square": {"queries": 60},
    "corners": {"queries": 200},
    "hopskipjump": {"queries": 300},
}
"""Settings of attacks that save time where little is asked of them."""


def sizes(norm: str | None, grid: list[float]) -> list[float]:
    """Budgets of a norm: of L0 they are numbers of features."""
    return [float(k) for k in range(1, 1 + len(grid))] if norm == "l0" else grid


def linear(features: int = 12, classes: int = 4) -> Adapter:
    """A linear classifier: its gradient is the same on a whole line, so FGSM is the best step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return adapters.wrap(nn.Sequential(nn.Flatten(), nn.Linear(features, classes)).eval())


def curved(features: int = 12) -> Adapter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Flatten(), nn.Linear(features, 16), nn.Tanh(), nn.Linear(16, 4))
    return adapters.wrap(net.eval())


def rectified(features: int = 12) -> Adapter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Flatten(), nn.Linear(features, 6), nn.ReLU(), nn.Linear(6, 4))
    return adapters.wrap(net.eval())


def source_of(name: str, features: int = 12) -> Adapter:
    """A model of four classes that has what the attack needs."""
    if attack_class(name).needs != "structure":
        return curved(features)
    x = np.random.default_rng(0).normal(size=(40, features))
    if name == "branch-and-bound":
        return rectified(features)
    kind = RandomForestClassifier(3, random_state=0) if name == "tree-corners" else LogisticRegression()
    return adapters.wrap(kind.fit(x, np.arange(40) % 4))


def batch(n: int = 9) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(n, 3, 2, 2, generator=generator)
    x.view(n, -1)[:, 0], x.view(n, -1)[:, 1] = 0.0, 1.0
    return x, torch.randint(4, (n,), generator=generator)


def draws(indices: Any, features: int = 12) -> Draws:
    """With training examples of four classes, farther from inputs than any budget in some feature."""
    generator = torch.Generator().manual_seed(2)
    points = 3.0 * torch.rand(40, features, generator=generator)
    pool = Pool(points, torch.arange(40) // 10)
    return Draws((0, "checksum", "attack", 1), np.asarray(indices, dtype=np.int64), lambda: pool)


def crafted(
    name: str, source: Any, x: Tensor, y: Tensor, budgets: list[Threat], drawn: Draws | None = None, **parameters: Any
) -> list[Tensor]:
    attack = make_attack(name, parameters)
    drawn = drawn or draws(range(len(x)), x[0].numel())
    goals = attack.goals(source, x, y, drawn)
    found = attack.craft(source, x, y, goals, budgets, drawn)
    return [each.candidates if isinstance(each, Certified) else each for each in found]


def budgets_of(name: str, clip: bool, grid: list[float]) -> list[list[Threat]]:
    """The threats that an attack can be set, a list a norm."""
    limits = UNIT if clip else None
    norms = attack_class(name).norms
    if make_attack(name, {}).measures:
        return [[Threat(norm=norm, clip=limits)] for norm in norms]
    return [[Threat(norm=norm, eps=eps, clip=limits) for eps in sizes(norm, grid)] for norm in norms] or [[Threat()]]


def right(source: Adapter, n: int = 40) -> tuple[Tensor, Tensor]:
    """A batch with the labels that a model gives it."""
    x, _ = batch(n)
    return x, source.predict(x)
