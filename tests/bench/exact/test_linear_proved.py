"""The nearest mislabelled input of a linear model, against a linear programme and a quadratic one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from torch import Tensor

from adapters.structures import Linear
from bench.exact.base import Effort, Proof
from bench.exact.linear import LinearCertificate
from bench.threats import Threat

RANGES = [(0.0, 1.0), None]


def model(seed: int, classes: int = 4, features: int = 9) -> Linear:
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(classes, features, generator=draw, dtype=torch.float64)
    return Linear(tuple(range(classes)), weight, 0.1 * torch.randn(classes, generator=draw).double(), single=False)


def examples(structure: Linear, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs, some of them on the walls of the range, with the model's own labels."""
    x = torch.rand(n, structure.weight.shape[1], generator=torch.Generator().manual_seed(seed))
    x = torch.where(x < 0.1, 0.0, torch.where(x > 0.9, 1.0, x))
    return x, structure.scores(x).argmax(1)


def proof(structure: Linear, x: Tensor, y: Tensor, norm: str, clip: tuple[float, float] | None) -> Proof:
    return LinearCertificate().prove(structure, x, y, Threat(norm=norm, clip=clip), Effort())


def by_programme(toward: np.ndarray, margin: float, low: np.ndarray, high: np.ndarray, norm: str) -> float:
    """The least norm of a change d with `toward . d = margin` within bounds, by HiGHS; infinite where there is none."""
    size = len(toward)
    one, none = np.eye(size), np.zeros(size)
    if norm == "linf":
        cost, beside = np.append(none, 1), np.ones((size, 1))
    else:
        cost, beside = np.concatenate([none, np.ones(size)]), one
    upper = np.block([[one, -beside], [-one, -beside]])
    bounds = [*zip(low, high, strict=True), *[(0, None)] * beside.shape[1]]
    equal = np.concatenate([toward, np.zeros(beside.shape[1])])[None]
    found = linprog(cost, upper, np.zeros(2 * size), equal, [margin], bounds=bounds)
    return float(found.fun) if found.status == 0 else np.inf


def by_descent(toward: np.ndarray, margin: float, low: np.ndarray, high: np.ndarray) -> float:
    """The same in L2, by sequential least squares."""
    within = {"type": "eq", "fun": lambda change: toward @ change - margin, "jac": lambda change: toward}
    start = np.clip(margin * toward / (toward @ toward), low, high)
    options = {"maxiter": 500, "ftol": 1e-14}
    found = minimize(
        lambda change: change @ change, start, jac=lambda change: 2 * change, bounds=list(zip(low, high, strict=True)),
        constraints=[within], method="SLSQP", options=options,
    )  # fmt: skip
    return float(np.sqrt(found.fun)) if found.success else np.inf


def oracle(structure: Linear, x: Tensor, label: int, norm: str, clip: tuple[float, float] | None) -> float:
    point = x.double().numpy()
    low, high = (np.full(len(point), side) for side in ((-np.inf, np.inf) if clip is None else clip))
    scores = structure.scores(x[None])[0]
    found = np.inf
    for rival in range(len(structure.classes)):
        if rival != label:
            toward = (structure.weight[rival] - structure.weight[label]).numpy()
            asked = toward, float(scores[label] - scores[rival]), low - point, high - point
            found = min(found, by_descent(*asked) if norm == "l2" else by_programme(*asked, norm))
    return found


@pytest.mark.parametrize("clip", RANGES, ids=["in the range", "anywhere"])
@pytest.mark.parametrize(("norm", "close"), [("linf", 1e-9), ("l1", 1e-9), ("l2", 1e-5)])
def test_it_is_the_optimum(norm: str, close: float, clip: tuple[float, float] | None) -> None:
    structure = model(0)
    x, y = examples(structure, 25)
    found = proof(structure, x, y, norm, clip)
    expected = [oracle(structure, one, int(label), norm, clip) for one, label in zip(x, y, strict=True)]
    np.testing.assert_allclose(found.radius, expected, rtol=close, atol=1e-12)
    assert found.exact.all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    norm=st.sampled_from(["linf", "l2", "l1"]),
    clip=st.sampled_from(RANGES),
    classes=st.integers(2, 5),
    features=st.integers(1, 12),
)
def test_witnesses_flip_and_nothing_nearer_does(
    seed: int, norm: str, clip: tuple[float, float] | None, classes: int, features: int
) -> None:
    structure = model(seed, classes, features)
    x, y = examples(structure, 8, seed)
    threat = Threat(norm=norm, clip=clip)
    found = proof(structure, x, y, norm, clip)
    there = found.radius.isfinite()
    witness = threat.cut(found.witness)
    assert (structure.scores(witness).argmax(1) != y)[there].all()
    distance = threat.geometry.lengths((witness.double() - x.double()).flatten(1))
    torch.testing.assert_close(distance[there], found.radius[there], rtol=1e-4, atol=1e-6)
    assert torch.equal(witness[~there], x[~there])
    draw = torch.Generator().manual_seed(seed)
    reach = found.radius.where(there, 10.0)
    for _ in range(50):
        change = torch.randn(x.shape, generator=draw, dtype=torch.float64)
        change *= (reach * (1 - 1e-6) / threat.geometry.lengths(change))[:, None]
        moved = threat.cut(x.double() + change)
        assert torch.equal(structure.scores(moved).argmax(1), y)


def test_what_the_range_keeps_out_of_reach_is_infinitely_far() -> None:
    structure = Linear((0, 1), torch.tensor([[0.0], [1.0]]).double(), torch.tensor([0.0, -2.0]).double(), single=False)
    x, y = torch.tensor([[0.5]]), torch.tensor([0])
    assert proof(structure, x, y, "linf", (0.0, 1.0)).radius.tolist() == [torch.inf]
    assert proof(structure, x, y, "linf", None).radius.tolist() == pytest.approx([1.5])


def test_one_class_cannot_be_mislabelled() -> None:
    structure = Linear((7,), torch.ones(1, 3).double(), torch.zeros(1).double(), single=False)
    assert proof(structure, torch.rand(2, 3), torch.tensor([7, 7]), "l2", (0.0, 1.0)).radius.isinf().all()


def test_classes_are_told_by_their_names() -> None:
    structure = model(3)
    x, y = examples(structure, 6)
    named = structure.named([5, 2, 8, 9])
    as_named = torch.tensor([5, 2, 8, 9])[y]
    assert torch.equal(proof(named, x, as_named, "linf", None).radius, proof(structure, x, y, "linf", None).radius)
