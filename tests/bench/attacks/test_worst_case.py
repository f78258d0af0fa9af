"""What a certificate is held to: the model's own labels, the judge's tolerance, and its time."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from crafting import batch, draws
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import Normalizer
from torch import Tensor

import adapters
from adapters import InvalidOutput, Unsupported
from adapters.base import Adapter
from adapters.structures.base import Structure
from bench.attacks.base import Certified
from bench.attacks.worst_case import WorstCase
from bench.running.judge import InvalidCandidate, audit, proved
from bench.threats import NORMS, Threat

CLIP = (0.0, 1.0)


def fitted(seed: int = 0, scale: float = 1.0) -> Any:
    x = np.random.default_rng(seed).random(size=(60, 12))
    return adapters.wrap(
        LogisticRegression(C=100).fit(scale * x, np.arange(60) % 4), **({} if scale == 1 else {"scale": scale})
    )


def certified(source: Adapter, x: Tensor, y: Tensor, norm: str = "linf", **parameters: Any) -> Certified:
    found = WorstCase(**parameters).craft(source, x, y, None, [Threat(norm=norm, clip=CLIP)], draws(range(len(x))))
    (one,) = found
    return one


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_a_ball_of_the_radius_holds_nothing_mislabelled_as_the_judge_measures_it(norm: str, scale: float) -> None:
    source, (x, _) = fitted(scale=scale), batch(40)
    y = source.predict(x)
    found = certified(source, x, y, norm)
    threat = Threat(norm=norm, clip=CLIP)
    assert (source.predict(found.candidates) != y).all()
    distance = torch.from_numpy(audit(found.candidates, x, threat).distances)
    assert (found.radius < distance).all()
    assert (found.radius > 0.99 * distance - 1e-5).all()
    assert found.exact.all()
    for place in range(0, len(x), 7):
        at = threat.model_copy(update={"eps": float(found.radius[place])})
        with pytest.raises(InvalidCandidate):
            audit(found.candidates[place : place + 1], x[place : place + 1], at)


def test_what_is_mislabelled_already_has_a_radius_of_nothing() -> None:
    source, (x, _) = fitted(), batch(6)
    y = (source.predict(x) + 1) % 4
    found = certified(source, x, y)
    assert torch.equal(found.candidates, x)
    assert found.radius.tolist() == [0] * 6
    assert found.exact.all()


def test_without_time_nothing_is_proved() -> None:
    source, (x, _) = fitted(), batch(6)
    found = certified(source, x, source.predict(x), seconds=0)
    assert found.radius.tolist() == [0] * 6
    assert not found.exact.any()


class Telling(Adapter):
    """A model that tells of another structure than it labels by."""

    family, gradient = "telling", "none"

    def __init__(self, inner: Adapter, told: Structure) -> None:
        super().__init__(input_shape=inner.input_shape, classes=None)
        self.inner, self.told = inner, told

    def _outputs(self, x: Tensor) -> Any:
        return self.inner.outputs(x)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        return self.told

    def _state(self) -> Any:
        yield self.inner.fingerprint


def test_a_structure_that_is_not_the_models_is_an_error() -> None:
    source, (x, _) = fitted(), batch(40)
    told = source.structure((12,))
    y = source.predict(x)
    assert certified(Telling(source, told), x, y).exact.all()
    lie = dataclasses.replace(told, weight=-told.weight)
    with pytest.raises(InvalidOutput, match=r"what the model tells of its structure labels \d+ examples otherwise"):
        certified(Telling(source, lie), x, y)


def test_a_model_that_cannot_be_opened_says_so() -> None:
    x, y = batch(4)
    closed = adapters.black_box(lambda x: np.zeros(len(x), dtype=int), version="1")
    with pytest.raises(Unsupported, match="nothing is known to be proved of"):
        certified(closed, x, y)


def test_a_model_that_answers_at_random_is_not_certified() -> None:
    source, (x, y) = fitted(), batch(4)
    source.stochastic = True
    with pytest.raises(Unsupported, match="at random"):
        certified(source, x, y)


def test_a_norm_in_which_nothing_is_known() -> None:
    source, (x, _) = fitted(), batch(4)
    attack = WorstCase().craft(source, x, source.predict(x), None, [Threat(norm="l0", clip=CLIP)], draws(range(4)))
    with pytest.raises(Unsupported, match="linear model in l0"):
        next(attack)


@pytest.mark.parametrize("radius", [torch.full((3,), -1.0), torch.full((3,), torch.nan), torch.zeros(2)])
def test_a_radius_that_is_no_distance_is_an_invalid_candidate(radius: Tensor) -> None:
    x = torch.rand(3, 4)
    threat = Threat(norm="linf")
    with pytest.raises(InvalidCandidate, match="a radius of at least 0 for each example"):
        proved(audit(x, x, threat), Certified(x, radius, torch.zeros(3)), x)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_what_the_judge_lets_pass_is_taken_off(norm: str) -> None:
    """A change that the judge still takes for one of the smaller radius is none of the larger."""
    geometry, x = NORMS[norm], 255 * torch.rand(20, 6, generator=torch.Generator().manual_seed(0))
    radius = torch.linspace(1e-3, 5, 20).double()
    inner = geometry.inward(radius, x)
    direction = torch.randn(20, 6, generator=torch.Generator().manual_seed(1)).double()
    direction /= geometry.lengths(direction)[:, None]
    for place in range(20):
        change = direction[place : place + 1] * radius[place]
        assert geometry.violation(change, x[place : place + 1], float(inner[place])) > -1e-12
        assert 0.999 * radius[place] - 1e-3 < inner[place] < radius[place]


def test_a_transformer_in_front_is_told() -> None:
    """A pipeline is another model: it says what cannot be proved of it."""
    from sklearn.pipeline import make_pipeline

    x, y = batch(4)
    given = np.random.default_rng(0).random((40, 12))
    source = adapters.wrap(make_pipeline(Normalizer(), LogisticRegression()).fit(given, np.arange(40) % 4))
    with pytest.raises(Unsupported, match="behind a Normalizer, which is not affine"):
        certified(source, x, y)
