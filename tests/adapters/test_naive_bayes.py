"""Naive Bayes: every setting, counts with ties, classes never seen, thresholds, margins that do not underflow."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from families.data import digits
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn_cases import adapter, agrees, fitted, noting, probes

from adapters.errors import Unsupported
from adapters.sklearn.naive_bayes import GaussianNBAdapter
from adapters.sklearn.table import compile_part

SETTINGS: dict[str, Any] = {
    "gaussian-priors": lambda k: GaussianNB(priors=np.arange(1, k + 1) / np.arange(1, k + 1).sum()),
    "gaussian-prior-zero": lambda k: GaussianNB(priors=[0, *[1 / (k - 1)] * (k - 1)]),
    "gaussian-smooth": lambda k: GaussianNB(var_smoothing=0.1),
    "multinomial-priors": lambda k: MultinomialNB(class_prior=np.arange(1, k + 1) / 10),
    "multinomial-evenly": lambda k: MultinomialNB(fit_prior=False, alpha=np.linspace(0.1, 2, 64)),
    "complement": lambda k: ComplementNB(alpha=0.1, class_prior=np.arange(1, k + 1) / 10),
    "complement-norm": lambda k: ComplementNB(norm=True),
    "bernoulli-zero": lambda k: BernoulliNB(),
    "bernoulli-evenly": lambda k: BernoulliNB(binarize=0.3, fit_prior=False, alpha=1e-3),
    "bernoulli-as-is": lambda k: BernoulliNB(binarize=None, class_prior=np.arange(1, k + 1) / 10),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting(name: str) -> None:
    for classes, weighted, narrow in product((10, 2), (False, True), (False, True)):
        with noting(classes, "weighted" if weighted else "even", "float32" if narrow else "float64"):
            keeps_its_word(name, classes, weighted, narrow)


def keeps_its_word(name: str, classes: int, weighted: bool, narrow: bool) -> None:
    x, y, clean, _ = digits()
    weights = np.random.default_rng(0).random(len(x)) if weighted else None
    estimator = SETTINGS[name](classes).fit(x if narrow else x.astype(np.float64), y % classes, sample_weight=weights)
    model = compile_part(estimator)
    inputs = torch.from_numpy(clean)
    noise = torch.rand(inputs.shape, generator=torch.Generator().manual_seed(0))
    for batch in (inputs, inputs * noise, inputs.double()):
        # GaussianNB then computes in float32: at log-likelihoods of a million its probabilities may sum to 1.04.
        agrees(model, batch, 0.1 if narrow else 1e-6)
    labels = model.predict(inputs)
    gradient = model.input_gradient(inputs, labels)
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(1) > 0).all()
    assert model.log_probabilities(inputs).isfinite().all()


@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB, BernoulliNB, GaussianNB])
def test_small_counts_with_ties(kind: Any) -> None:
    """Rows repeated, features constant, classes mirrored: exact ties, which the first class wins."""
    for seed in range(20):
        with noting("seed", seed):
            settles_ties(kind, seed)


def settles_ties(kind: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, features = rng.integers(2, 5), rng.integers(1, 6)
    half = rng.integers(0, 4, (12, features)).astype(np.float64)
    x = np.concatenate([half] * classes)
    x[:, 0] = 1
    y = np.repeat(np.arange(classes), len(half))
    if seed % 2:
        y = rng.permutation(y)
    estimator = kind()
    if isinstance(estimator, GaussianNB):
        x[:, -1] += rng.random(len(x)) if features > 1 else y
    model = fitted(estimator, x, y)
    queries = torch.from_numpy(rng.integers(0, 5, (40, features)).astype(np.float32))
    for batch in (queries, torch.from_numpy(x), queries / 3):
        agrees(model, batch)


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2]])
@pytest.mark.parametrize("absent", [0, 1])
@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB, BernoulliNB, GaussianNB])
def test_a_class_never_seen(kind: Any, absent: int, classes: list[int]) -> None:
    """It has prior zero, and yet finite scores: nothing that an attack computes of them is NaN."""
    x, y, clean, _ = digits()
    x = x.astype(np.float64)
    y = y % len(classes)
    model = compile_part(kind().partial_fit(x[y != absent], y[y != absent], classes=classes))
    inputs = torch.from_numpy(clean)
    agrees(model, inputs)
    labels, scores, _ = model.outputs(inputs)
    assert scores is not None
    assert scores.isfinite().all()
    for target in (labels, torch.full_like(labels, absent)):
        for loss in ("training", "cross_entropy", "margin"):
            assert model.input_gradient(inputs, target, loss).isfinite().all()


@pytest.mark.parametrize("kind", [MultinomialNB, ComplementNB, BernoulliNB, GaussianNB])
def test_a_part_that_knows_one_class(kind: Any) -> None:
    x, _, clean, _ = digits()
    part = compile_part(kind().fit(x, np.full(len(x), "only")))
    agrees(part, torch.from_numpy(clean))


@pytest.mark.parametrize("name", ["multinomial-nb", "gaussian-nb"])
def test_naive_bayes_has_no_decision_function(name: str) -> None:
    model = adapter(name)
    assert model.decision == "none"
    with pytest.raises(Unsupported, match="naive bayes has no decision function"):
        model.decision_values(probes(name))


@pytest.mark.parametrize("threshold", [0.3, np.float64(0.3), np.float32(0.3), 0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_at_and_one_ulp_beside_the_threshold(threshold: float, dtype: Any) -> None:
    """A number of Python's is compared in the precision of the batch, one of NumPy's in its own."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 6)), rng.integers(3, size=200)
    model = fitted(BernoulliNB(binarize=threshold, alpha=0.01), x, y)
    near = [np.float32(threshold), np.float64(threshold), np.float64(np.float32(threshold))]
    near = [dtype(value) for value in near]
    near += [np.nextafter(value, dtype(side)) for value in near for side in (-9, 9)]
    agrees(model, torch.from_numpy(rng.choice(np.array(near, dtype=dtype), (300, 6))))


def test_bernoulli_gradients_survive_far_from_the_threshold() -> None:
    x, y, clean, _ = digits()
    for scale in (1e-3, 255):
        model = fitted(BernoulliNB(binarize=0.5 * scale), x * scale, y)
        inputs = torch.from_numpy(clean * np.float32(scale))
        labels = model.predict(inputs)
        assert (model.input_gradient(inputs, labels).abs() > 0).any(dim=1).all()


@pytest.mark.parametrize("name", ["gaussian-nb", "gaussian-nb-smooth"])
def test_training_gradients_of_gaussian_nb_outlast_its_cross_entropy(name: str) -> None:
    model = adapter(name)
    x = torch.from_numpy(digits()[2])
    labels = model.predict(x)
    if name == "gaussian-nb":  # smoothed, it is not so sure
        assert (model.input_gradient(x, labels, "cross_entropy") == 0).all(dim=1).any()
    assert (model.input_gradient(x, labels).abs().amax(1) > 0).all()


@pytest.mark.parametrize("narrow", [False, True], ids=["fit64", "fit32"])
@pytest.mark.parametrize("smoothing", [1e-9, 0.01])
def test_the_rounding_bound_of_gaussian_nb_holds_and_opens_few_rows(smoothing: float, narrow: bool) -> None:
    x, y, clean, _ = digits()
    model = fitted(GaussianNB(var_smoothing=smoothing), x if narrow else x.astype(np.float64), y)
    assert isinstance(model, GaussianNBAdapter)
    inputs, batch = probes("gaussian-nb"), torch.from_numpy(clean)
    scores, error = model._bounded(inputs)
    assert ((model._own_scores(inputs) - scores).abs() <= error).all()
    assert len(model._unsure(batch, *model._bounded(batch))) <= (0.15 if narrow else 0) * len(clean)


def test_a_constant_feature_far_from_zero() -> None:
    """Its variance is the smoothing alone, and the terms of the multiplied-out sum cancel almost wholly."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((200, 3)), rng.integers(3, size=200)
    x[:, 0] = 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted(GaussianNB(), x, y)
        agrees(model, torch.from_numpy(x))
