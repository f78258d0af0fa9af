"""A support vector machine opened: arrays that label as it does, whatever its kernel, votes and surroundings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC
from test_remote import Loopback

import adapters
from adapters import Unsupported
from adapters.aligned import align
from adapters.remote import Remote
from adapters.structures import KernelVotes, Linear, LinearVotes

RNG = np.random.default_rng(1)
X = RNG.random((150, 6)).astype(np.float32)
SEEN = torch.from_numpy(RNG.random((300, 6)).astype(np.float32))
KERNELS: list[dict[str, Any]] = [
    {"kernel": "rbf"},
    {"kernel": "linear"},
    {"kernel": "poly", "degree": 3},
    {"kernel": "poly", "degree": 2, "coef0": 1.0},
    {"kernel": "poly", "degree": 0},
    {"kernel": "sigmoid", "gamma": 0.1},
]


def truth(classes: int) -> np.ndarray:
    """The nearest of as many random points, three times out of four: votes are often tied."""
    centres = RNG.random((classes, 6))
    nearest = ((X[:, None] - centres) ** 2).sum(2).argmin(1)
    return np.where(RNG.random(len(X)) < 0.75, nearest, np.arange(len(X)) % classes)


def agrees(model: adapters.Adapter, x: torch.Tensor = SEEN, share: float = 0.75) -> None:
    """It gives the model's labels wherever rounding leaves them no choice: but for tied votes nearly everywhere."""
    told = model.structure(tuple(x.shape[1:]))
    scores = told.scores(x)
    top = scores.topk(2, dim=1)
    clear = top.values[:, 0] - top.values[:, 1] > told.roundoff(x)
    assert clear.float().mean() >= share
    assert torch.equal(torch.tensor(told.classes)[top.indices[:, 0]][clear], model.predict(x)[clear])


@pytest.mark.parametrize("settings", KERNELS, ids=lambda each: "-".join(map(str, each.values())))
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("breaks_ties", [False, True])
def test_it_labels_as_the_model_does(settings: dict[str, Any], classes: int, breaks_ties: bool) -> None:
    """Also where votes are tied: to the lowest class, or by the sums."""
    model = adapters.wrap(SVC(**settings, C=5, break_ties=breaks_ties).fit(X, truth(classes)))
    agrees(model, share=0.0 if settings.get("degree") == 0 else 0.7)
    told = model.structure((6,))
    labels = torch.tensor(told.classes)[told.scores(SEEN).argmax(1)]
    assert torch.equal(labels, model.predict(SEEN))


def test_what_kind_it_is() -> None:
    kinds = {
        (kernel, classes): type(adapters.wrap(SVC(kernel=kernel).fit(X, truth(classes))).structure((6,)))
        for kernel in ("linear", "rbf")
        for classes in (2, 3)
    }
    assert kinds == {
        ("linear", 2): Linear, ("linear", 3): LinearVotes, ("rbf", 2): KernelVotes, ("rbf", 3): KernelVotes,
    }  # fmt: skip


def test_probabilities_change_no_label() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        estimator = SVC(probability=True, random_state=0, C=5).fit(X, truth(4))
        model = adapters.wrap(estimator)
        agrees(model)
        told = model.structure((6,))
        assert told.scores(SEEN).argmax(1).tolist() == estimator.predict(SEEN.numpy()).tolist()


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("classes", [2, 4])
def test_around_and_in_front_of_it(kernel: str, classes: int) -> None:
    y = truth(classes)
    for estimator in (NuSVC(nu=0.3, kernel=kernel), SVC(kernel=kernel, decision_function_shape="ovo")):
        model = adapters.wrap(estimator.fit(X, y))
        agrees(model)
        agrees(align(model, [str(k) for k in range(6)]))
        agrees(Remote(Loopback(model)))
    agrees(adapters.wrap(SVC(kernel=kernel, C=5 / 255**2).fit(255 * X, y), scale=255))
    agrees(adapters.wrap(make_pipeline(StandardScaler(), SVC(kernel=kernel)).fit(X, y)))
    agrees(adapters.wrap(make_pipeline(StandardScaler(), SelectKBest(k=3), SVC(kernel=kernel)).fit(X, y)))


def test_a_projection_in_front_of_hyperplanes_is_another_of_them() -> None:
    agrees(adapters.wrap(make_pipeline(PCA(4), SVC(kernel="linear")).fit(X, truth(4))))
    behind = adapters.wrap(make_pipeline(PCA(4), SVC()).fit(X, truth(4)))
    with pytest.raises(Unsupported, match="kernel-votes behind a projection"):
        behind.structure((6,))


def test_vectors_that_speak_against_their_own_class() -> None:
    estimator = SVC().fit(X, truth(3))
    estimator._dual_coef_[0, 0] *= -1
    with pytest.raises(Unsupported, match="against their own class"):
        adapters.wrap(estimator).structure((6,))
