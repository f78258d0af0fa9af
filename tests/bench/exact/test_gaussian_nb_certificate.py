"""Gaussian naive Bayes: the least difference of scores in a box, feature by feature, and its root."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from proving import UNIT, examples, gaussian_nb, labels, proved
from scipy.optimize import brentq
from sklearn.naive_bayes import GaussianNB as Estimator

import adapters
from adapters.errors import Unsupported
from adapters.structures import GaussianNB
from bench.attacks import make_attack
from bench.draws import Draws
from bench.exact.base import Effort
from bench.exact.gaussian_nb import GaussianNBCertificate
from bench.threats import Threat


def least(structure: GaussianNB, x: np.ndarray, own: int, rival: int, radius: float, clip: bool) -> float:
    """The least difference of the scores of two classes in a box, by trying both ends and the vertex of a feature."""
    (m, n), (p, q) = ((part[[own, rival]].numpy() / 1) for part in (structure.mean, structure.inverse))
    low, high = x - radius, x + radius
    if clip:
        low, high = np.maximum(low, 0), np.minimum(high, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.nan_to_num((q * n - p * m) / (q - p))
    points = np.stack([low, high, np.clip(vertex, low, high)])
    values = (q * (points - n) ** 2 - p * (points - m) ** 2) / 2
    return float(structure.constant[own] - structure.constant[rival] + values.min(0).sum())


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_radius_is_the_root_of_the_least_difference(clip: bool, seed: int) -> None:
    structure, x = gaussian_nb(seed), examples(seed, n=15)
    y = labels(structure, x)
    found = proved(structure, x, y, "linf", UNIT if clip else None)
    for each, own, radius in zip(x.double().numpy(), y.tolist(), found.radius.tolist(), strict=True):
        far = 1.0 if clip else 1e3
        roots = [
            brentq(lambda radius, *pair: least(structure, *pair, radius, clip), 0, far, args=(each, own, rival))
            for rival in set(range(4)) - {own}
            if least(structure, each, own, rival, far, clip) <= 0
        ]
        if roots:
            assert radius == pytest.approx(min(roots), rel=1e-8, abs=1e-10)
        else:
            assert radius == torch.inf
    reached = found.radius.isfinite()
    assert bool(found.exact.all())
    assert bool((labels(structure, found.witness) != y)[reached].all())
    assert bool(((found.witness - x).abs().amax(1).double() <= found.radius + 1e-6)[reached].all())


def test_one_feature_of_two_classes() -> None:
    """Means 0 and 1, the same variance: the border is at 1/2."""
    structure = GaussianNB.computed(
        (0, 1), torch.tensor([[0.0], [1.0]]).double(), torch.ones(2, 1).double(), torch.zeros(2).double(),
        torch.zeros(2).double(), torch.float64,
    )  # fmt: skip
    x, y = torch.tensor([[0.2], [0.9]]), torch.tensor([0, 1])
    np.testing.assert_allclose(proved(structure, x, y, "linf").radius, [0.3, 0.4], atol=1e-6)


def test_a_wide_class_all_around_a_narrow_one_and_a_narrow_one_out_of_reach() -> None:
    """The narrow class is left on the nearer side; from far out in the wide one it is reached through its vertex."""
    mean, inverse = torch.tensor([[0.5], [0.4]]).double(), torch.tensor([[100.0], [1.0]]).double()
    zero = torch.zeros(2).double()
    structure = GaussianNB.computed((0, 1), mean, inverse, zero, zero, torch.float64)
    x = torch.tensor([[0.5], [1.0]])
    y = labels(structure, x)
    assert y.tolist() == [0, 1]
    # 100 (z - .5)^2 = (z - .4)^2 where 10 |z - .5| = |z - .4|: z = .5 + .1 / 9 and .5 - .1 / 11.
    np.testing.assert_allclose(proved(structure, x, y, "linf").radius, [0.1 / 11, 0.5 - 0.1 / 9], rtol=1e-6)
    unreachable = GaussianNB.computed((0, 1), mean, inverse, torch.tensor([-9.0, 0]).double(), zero, torch.float64)
    far = proved(unreachable, x[1:], torch.ones(1, dtype=torch.int64), "linf", None)
    assert float(far.radius) == torch.inf
    assert bool(far.exact)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("smoothing", [1e-9, 0.1])
def test_worst_case_of_the_estimator(dtype: type, smoothing: float, digits_train: tuple[np.ndarray, np.ndarray],
                                     digits_test: tuple[torch.Tensor, torch.Tensor]) -> None:  # fmt: skip
    """Every witness is mislabelled by its own predict, and noise in the ball never is."""
    x, y = digits_train
    model = adapters.wrap(Estimator(var_smoothing=smoothing).fit(x.reshape(len(x), -1).astype(dtype), y))
    images, truth = digits_test[0][:100].flatten(1), digits_test[1][:100]
    threat = Threat(norm="linf", clip=UNIT)
    attack = make_attack("worst-case", {})
    (found,) = attack.craft(model, images, truth, None, [threat], Draws((0,), np.arange(100)))
    right = model.predict(images) == truth
    assert bool((model.reference_predict(found.candidates) != truth)[right & found.radius.isfinite()].all())
    far, rounded = (found.candidates - images).abs().amax(1), 1e-5 if dtype is np.float64 else 0.02
    assert bool((found.radius <= far)[right].all())
    assert bool((far <= found.radius + rounded)[right].all())
    for seed in range(20):
        sign = torch.randint(2, images.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        moved = (images + sign * found.radius[:, None].float()).clamp(0, 1)
        assert bool((model.reference_predict(moved) == truth)[right & (found.radius > 0)].all())


def test_nothing_is_claimed_when_time_is_over() -> None:
    structure, x = gaussian_nb(0), examples(0)
    y = labels(structure, x)
    found = GaussianNBCertificate().prove(structure, x, y, Threat(norm="linf"), Effort(seconds=0.0))
    assert not bool(found.exact.any())
    assert float(found.radius.max()) == 0


def test_other_norms_are_not_claimed() -> None:
    model = adapters.wrap(Estimator().fit(examples(0).numpy(), np.arange(20) % 4))
    attack = make_attack("worst-case", {})
    with pytest.raises(Unsupported, match="gaussian-nb model in l2"):
        list(
            attack.craft(
                model, examples(0), model.predict(examples(0)), None, [Threat(norm="l2")], Draws((0,), np.arange(20))
            )
        )
