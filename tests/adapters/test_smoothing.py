"""A smoothed model votes under noise of its own, abstains where the votes are too even, and is asked as any other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import adapters
from adapters.errors import NotWrappable, Unsupported
from adapters.fitting import fit
from adapters.smoothing import _told_apart
from adapters.structures import Smoothed
from adapters.structures.wire import packed, unpacked

NAMES = ("0", "1", "2")


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3)).eval()


def smooth(model: Any = None, **given: Any) -> Any:
    return fit(adapters.smoothed(net() if model is None else model, **{"sigma": 0.3, "n": 200} | given), (6,), NAMES)


def inputs(n: int = 12) -> Tensor:
    return torch.rand(n, 6, generator=torch.Generator().manual_seed(3))


def plane(x: np.ndarray) -> np.ndarray:
    return (x[:, 0] > 0.5).astype(int)


def test_an_input_alone_gets_the_votes_that_it_gets_among_others() -> None:
    model, x = smooth(), inputs()
    votes = model.votes(x)
    assert votes.sum(1).tolist() == [200] * 12
    assert torch.equal(torch.cat([model.votes(one[None]) for one in x]), votes)
    assert torch.equal(model.votes(x.flip(0)).flip(0), votes)


def test_the_same_seed_gives_the_same_model_and_another_one_another() -> None:
    x = inputs()
    assert torch.equal(smooth().votes(x), smooth().votes(x))
    assert not torch.equal(smooth(seed=1).votes(x), smooth().votes(x))
    prints = [smooth(**given).fingerprint for given in ({}, {"seed": 1}, {"sigma": 0.2}, {"n": 201}, {"alpha": 0.01})]
    assert len(set(prints)) == 5
    assert smooth().fingerprint == prints[0]


def test_one_stream_of_noise_however_it_is_cut() -> None:
    model, x = smooth(n=50), inputs(1)[0]
    whole = torch.cat(list(model._noise(x, 50)))
    assert torch.equal(torch.cat(list(model._noise(x, 7))), whole)
    assert torch.equal(torch.cat(list(model._noise(-0.0 * x, 50))), torch.cat(list(model._noise(0.0 * x, 50))))
    assert not torch.equal(torch.cat(list(model._noise(x.nextafter(torch.tensor(2.0)), 50))), whole)


def test_noise_is_normal_and_of_its_size() -> None:
    (noise,) = smooth(sigma=0.3, n=20_000)._noise(inputs(1)[0], 20_000)
    assert noise.mean(0).abs().max() < 5 * 0.3 / math.sqrt(20_000)
    assert (noise.std(0) / 0.3 - 1).abs().max() < 5 / math.sqrt(40_000)
    assert ((noise.abs() < 0.3).double().mean(0) - 0.6827).abs().max() < 5 * math.sqrt(0.22 / 20_000)


def test_votes_are_those_of_the_model_under_that_noise() -> None:
    model, x = smooth(), inputs(3)
    for one, votes in zip(x, model.votes(x), strict=True):
        noisy = one + torch.cat(list(model._noise(one, 200))).float()
        assert torch.equal(model.inner.predict(noisy).bincount(minlength=3), votes)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
def test_it_abstains_by_the_test_of_the_paper(alpha: float) -> None:
    for first, second in [(10, 0), (11, 0), (60, 40), (70, 40), (80, 40), (3, 3), (1, 0), (0, 0), (5, 3)]:
        apart = bool(_told_apart(torch.tensor([[second, first, 0]]), alpha))
        assert apart == (first + second > 0 and binomtest(first, first + second).pvalue <= alpha)


def test_the_label_is_the_class_of_most_votes_or_none() -> None:
    model, x = smooth(n=60, sigma=1.5), inputs(60)
    labels, scores, _ = model.outputs(x)
    assert torch.equal(scores.long(), model.votes(x))
    assert {-1} < set(labels.tolist())
    assert (labels == scores.argmax(1))[labels >= 0].all()
    assert torch.equal(labels >= 0, _told_apart(scores.long(), model.alpha))


def test_the_gradient_is_of_the_mean_probability_under_its_noise() -> None:
    model, x = smooth(n=20), inputs(2).double()
    model.inner.module.double() if hasattr(model.inner, "module") else None
    x = x.float()
    noise = torch.stack([torch.cat(list(model._noise(one, 20))) for one in x]).float()
    point = x.clone().requires_grad_()
    mean = torch.stack(
        [model.inner.logits(one + each).softmax(1).mean(0) for one, each in zip(point, noise, strict=True)]
    )
    assert torch.allclose(model.logits(x), mean.log(), atol=1e-5)
    y = torch.tensor([0, 2])
    loss = nn.functional.cross_entropy(mean.log(), y, reduction="sum")
    assert torch.allclose(model.input_gradient(x, y, "cross_entropy"), torch.autograd.grad(loss, point)[0], atol=1e-5)
    assert model.gradient == "surrogate"


def test_a_model_that_gives_labels_alone() -> None:
    model = smooth(adapters.black_box(plane, version="1"))
    assert (model.gradient, model.size) == ("none", 3)
    assert model.outputs(inputs()).scores.shape == (12, 3)
    with pytest.raises(Unsupported):
        model.logits(inputs())


def test_abstentions_of_the_model_are_votes_for_no_class() -> None:
    model = smooth(adapters.black_box(lambda x: np.where(x[:, 0] > 0.5, 1, -1), version="1"))
    votes = model.votes(inputs())
    assert votes[:, [0, 2]].sum() == 0
    assert 0 < votes[:, 1].min() < 200


def test_classes_that_are_not_the_datasets_order() -> None:
    rng = np.random.default_rng(0)
    estimator = LogisticRegression().fit(rng.normal(size=(30, 6)), np.array(["2", "0"])[np.arange(30) % 2])
    model = smooth(estimator)
    labels, scores, _ = model.outputs(inputs())
    assert scores.shape == (12, 3)
    assert set(labels.tolist()) <= {-1, 0, 2}
    assert isinstance(model.structure((6,)), Smoothed)


def test_the_structure_travels_and_scales() -> None:
    structure = smooth().structure((6,))
    assert unpacked(*packed(structure)) == structure
    assert structure.scaled(torch.full((6,), 255.0).double(), torch.zeros(6).double()).sigma == 0.3 / 255
    with pytest.raises(Unsupported, match="scaling by feature"):
        structure.scaled(torch.arange(1.0, 7.0).double(), torch.zeros(6).double())
    with pytest.raises(Unsupported, match="nobody to ask"):
        structure.scores(inputs())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"sigma": 0.0}, "sigma=0.0"),
        ({"sigma": math.nan}, "sigma=nan"),
        ({"n": 0}, "n=0"),
        ({"n": 10**7}, "from 1 to 1,000,000"),
        ({"alpha": 0.0}, "alpha=0.0"),
        ({"alpha": 1}, "alpha=1"),
    ],
)
def test_values_that_make_no_sense(given: dict[str, Any], says: str) -> None:
    with pytest.raises(NotWrappable, match=says):
        adapters.smoothed(net(), **{"sigma": 0.1} | given)
