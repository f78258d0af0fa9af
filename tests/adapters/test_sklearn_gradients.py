"""Input gradients of compiled scikit-learn estimators: exact ones are exact, surrogates attack, none vanishes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn_cases import CASES, KERNELS, NAMES, SURROGATE, TREES, TWO, adapter, digits, fitted, noting, refitted
from torch import Tensor

from adapters.base import LOSSES, Adapter, Loss
from adapters.compiled import SklearnAdapter
from adapters.sklearn.svm import SVCAdapter

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


def images(name: str, labelling: str | None, count: int = 300) -> tuple[Tensor, Tensor]:
    """Test images and what the model says of them: the loss of a right label is where gradients vanish first."""
    x = torch.from_numpy(digits()[2][:count])
    return x, adapter(name, labelling).predict(x)


def differences(model: Adapter, x: Tensor, y: Tensor, loss: Loss, step: float = 1e-6) -> Tensor:
    """Central finite differences of the loss, all features of all inputs in one batch."""
    steps, points = step * torch.eye(x.shape[1], dtype=torch.float64), x.double()[:, None]
    batch = torch.cat([points + steps, points - steps]).flatten(0, 1)
    labels = y.repeat_interleave(x.shape[1]).repeat(2)
    above, below = model.loss(batch, labels, loss).detach().chunk(2)
    return ((above - below) / (2 * step)).view(x.shape)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_equal_finite_differences(name: str) -> None:
    """Of exact models and of surrogates alike: a surrogate's gradient is that of the logits it declares."""
    for labelling, loss in product(TWO[name], LOSSES):
        with noting(labelling, loss):
            assert adapter(name, labelling).gradient == CASES[name].gradient
            equals_differences(adapter(name, labelling), *images(name, labelling, 8), loss)


def equals_differences(model: SklearnAdapter, x: Tensor, y: Tensor, loss: Loss) -> None:
    x = x + 0.01 * torch.rand(x.shape, generator=torch.Generator().manual_seed(2))  # off the kinks of chebyshev
    if loss == "cross_entropy":  # of a sure model's own label it is below rounding: then of the next one
        faint = model.loss(x.double(), y, loss) < 1e-3
        y = torch.where(faint, (y + 1) % len(model.estimator.classes_), y)
    wide = model.input_gradient(x.double(), y, loss)
    expected = differences(model, x, y, loss)
    assert (torch.cosine_similarity(wide, expected, dim=1) > 0.999).all()
    narrow = model.input_gradient(x, y, loss)
    assert narrow.dtype == torch.float32
    if loss != "cross_entropy":  # saturates in float32, which is why no training loss is computed so
        assert (torch.cosine_similarity(narrow.double(), wide, dim=1) > 0.999).all()


@pytest.mark.parametrize("name", KERNELS)
def test_the_exact_gradient_of_svc_is_that_of_its_decision_function(name: str) -> None:
    """Against scikit-learn itself: the difference of two classes' sums of signed one-to-one decision values."""
    model = adapter(name)
    estimator = model.estimator
    point, (i, j), step = torch.from_numpy(digits()[2][3]).double(), (2, 7), 1e-5
    steps = step * np.eye(64)
    shape, estimator.decision_function_shape = estimator.decision_function_shape, "ovo"
    above, below = (estimator.decision_function(point.numpy() + sign * steps) for sign in (1, -1))
    estimator.decision_function_shape = shape
    pairs = np.argwhere(np.triu(np.ones((10, 10)), 1))
    sums = (pairs[:, [0]] == np.arange(10)).astype(float) - (pairs[:, [1]] == np.arange(10))
    slope = ((above - below) @ sums / (2 * step)).T
    variable = point[None].requires_grad_()
    logits = model.logits(variable)
    (gradient,) = torch.autograd.grad(logits[0, i] - logits[0, j], variable)
    np.testing.assert_allclose(gradient[0], slope[i] - slope[j], rtol=1e-4, atol=1e-5)


def test_linear_svc_on_ten_digits_falls_as_it_should() -> None:
    """With the wrong dual row, as elsewhere, FGSM at .2 leaves 62% of the digits; the true gradient about 17%."""
    model = adapter("svc-linear")
    _, _, clean, labels = digits()
    x, y = torch.from_numpy(clean), torch.from_numpy(labels)
    for loss in LOSSES:
        attacked = (x + 0.2 * model.input_gradient(x, y, loss).sign()).clamp(0, 1)
        assert (model.predict(attacked) == y).float().mean() < 0.2
    assert (model.predict(x) == y).float().mean() > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_no_training_gradient_vanishes(name: str) -> None:
    for labelling in TWO[name]:
        with noting(labelling):
            gradient = adapter(name, labelling).input_gradient(*images(name, labelling))
            assert gradient.isfinite().all()
            assert (gradient.abs().amax(1) > 0).all()


@pytest.mark.parametrize("name", SURROGATE)
def test_surrogate_attacks_beat_noise_by_far(name: str) -> None:
    model = adapter(name)
    x, y = images(name, None)
    gradient = model.input_gradient(x, y).sign()
    noise = torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    attacked, shaken = ((model.predict((x + 0.2 * step).clamp(0, 1)) != y).float().mean() for step in (gradient, noise))
    assert attacked > shaken + CASES[name].beats_noise_by


def test_a_very_sure_logistic_regression_keeps_its_gradient() -> None:
    x, y, clean, _ = digits()
    model = fitted(LogisticRegression(C=1e4, max_iter=200), x, y % 2)
    batch = torch.from_numpy(clean)
    labels, _, probabilities = model.outputs(batch)
    assert probabilities is not None
    sure = probabilities.amax(1) > 1 - 1e-9
    assert sure.any()
    assert (model.input_gradient(batch[sure], labels[sure]).abs().amax(1) > 0).all()


def test_far_from_all_support_vectors_a_gradient_survives() -> None:
    """Every exp(-gamma d^2) is zero in float32 there, and the labels are those of the biases."""
    x, y, clean, _ = digits()
    model = fitted(SVC(gamma=20.0), x, y)
    batch = torch.from_numpy(clean) + 1
    labels = model.predict(batch)
    assert isinstance(model, SVCAdapter)
    assert (model._kernel_values(batch) == 0).all()
    for loss in LOSSES:
        gradient = model.input_gradient(batch, labels, loss)
        assert gradient.isfinite().all()
        assert (gradient.abs().amax(1) > 0).all()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 255.0])
def test_trees_on_any_scale_have_the_same_attack(scale: float) -> None:
    x, y, clean, labels = digits()
    model = fitted(DecisionTreeClassifier(max_depth=8, random_state=0), x * scale, y)
    batch, truth = torch.from_numpy(clean * np.float32(scale)), torch.from_numpy(labels)
    gradient = model.input_gradient(batch, truth)
    assert (gradient.abs().amax(1) > 0).all()
    assert (model.predict(batch + 0.1 * scale * gradient.sign()) == truth).float().mean() < 0.3


@pytest.mark.parametrize("name", TREES)
def test_relaxed_trees_walk_examples_and_trees_in_blocks_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from adapters.trees import soft as soft_trees

    model = adapter(name)
    x, y = images(name, None, 50)
    expected = model.input_gradient(x, y)
    monkeypatch.setattr(soft_trees, "NODES", 150)
    monkeypatch.setattr(soft_trees, "EXAMPLES", 7)
    again = refitted(name)
    torch.testing.assert_close(again.input_gradient(x, y), expected, rtol=1e-3, atol=1e-6)
