"""What each training objective does to a small maxout net on the digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from objectives import EPS, MAXOUT, PARAMETERS, Split, error, gradient, logistic, spec, trained
from torch import Tensor
from torch.nn import functional as F

from bench import registry
from bench.errors import UsageError
from bench.training.nets.base import Net
from bench.training.nets.linear import LogisticRegression, SoftmaxRegression
from bench.training.nets.maxout import Maxout, MaxoutSigmoid
from bench.training.objectives import make_objective
from bench.training.spec import ObjectiveSpec, OwnFGSM


def fgsm_error(net: Net, x: Tensor, y: Tensor, eps: float = EPS) -> float:
    return error(net, x + eps * gradient(net, x, y).sign(), y)


def rubbish_error(net: Net) -> float:
    """Share of Gaussian noise that some class claims with more than 50% probability."""
    rubbish = torch.randn(2000, 64, generator=torch.Generator().manual_seed(9))
    return float((net.probabilities(net(rubbish)).amax(1) > 0.5).float().mean())


@pytest.fixture(scope="module")
def threes_and_sevens(digits_flat: Split) -> Split:
    """The two classes as 0 and 1."""
    x, y = digits_flat
    chosen = (y == 3) | (y == 7)
    return x[chosen], (y[chosen] == 7).long()


@pytest.fixture(scope="module")
def adversarial(digits_flat: Split) -> Net:
    return trained(digits_flat, spec("adversarial", masks=1))


def test_objectives_are_made_by_name_and_refuse_what_they_do_not_take() -> None:
    assert set(PARAMETERS) <= set(registry.names("training objective"))
    for kind in PARAMETERS:
        make_objective(spec(kind))
    with pytest.raises(UsageError, match="unknown training objective 'adverserial'; did you mean adversarial"):
        make_objective(ObjectiveSpec(kind="adverserial"))
    with pytest.raises(UsageError, match="unknown key of training objective sign-noise 'epsilon'; did you mean eps"):
        make_objective(ObjectiveSpec(kind="sign-noise", parameters={"epsilon": 0.1}))
    with pytest.raises(UsageError, match="eps of training objective sign-noise: Field required"):
        make_objective(ObjectiveSpec(kind="sign-noise"))
    with pytest.raises(UsageError, match="masks 3 of training objective adversarial"):
        make_objective(spec("adversarial", masks=3))


def test_sizes_in_recipes_are_read_as_those_in_suites() -> None:
    objective = make_objective(spec("adversarial", eps="8/255"))
    assert objective.eps == OwnFGSM(eps="8/255").eps == 8 / 255  # type: ignore[attr-defined,arg-type]
    with pytest.raises(UsageError, match=r"eps 0 of training objective adversarial: .*8/255 or 1e-3"):
        make_objective(spec("adversarial", eps=0))


def test_adversarial_training_lowers_the_fgsm_error(plain: Net, adversarial: Net, test_split: Split) -> None:
    assert fgsm_error(adversarial, *test_split) < 0.7 * fgsm_error(plain, *test_split)
    assert error(adversarial, *test_split) < 0.07


@pytest.mark.parametrize("kind", ["sign-noise", "uniform-noise"])
def test_noise_does_not_nearly_as_much(
    kind: str, plain: Net, adversarial: Net, digits_flat: Split, test_split: Split
) -> None:
    noisy = fgsm_error(trained(digits_flat, spec(kind)), *test_split)
    before, after = fgsm_error(plain, *test_split), fgsm_error(adversarial, *test_split)
    assert before - noisy < 0.5 * (before - after)


@pytest.mark.parametrize(("kind", "values"), [("sign-noise", {-EPS, EPS}), ("uniform-noise", None)])
def test_noise_is_as_large_as_it_says(kind: str, values: set[float] | None) -> None:
    seen: list[Tensor] = []

    class Spy(SoftmaxRegression):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return super().forward(x)

    torch.manual_seed(0)
    make_objective(spec(kind))(Spy(64, 10), torch.zeros(500, 64), torch.zeros(500, dtype=torch.long))
    (noise,) = seen
    assert noise.abs().max() == pytest.approx(EPS, rel=1e-3)
    assert noise.mean().abs() < 0.01
    if values is None:
        assert noise.abs().mean() == pytest.approx(EPS / 2, rel=0.02)
    else:
        assert {round(value, 6) for value in noise.unique().tolist()} == values


@pytest.mark.parametrize("kind", ["maxout", "maxout-sigmoid"])
def test_rubbish_training_unlearns_rubbish_at_no_cost(
    kind: str, plain: Net, digits_flat: Split, test_split: Split
) -> None:
    before = plain if kind == "maxout" else trained(digits_flat, spec("plain"), kind)
    after = trained(digits_flat, spec("gaussian-rubbish"), kind)
    assert rubbish_error(before) > 0.4
    assert rubbish_error(after) < 0.02
    assert error(after, *test_split) < error(before, *test_split) + 0.015


def test_rubbish_loss_is_least_where_no_class_is_claimed() -> None:
    softmax, sigmoid = Maxout(64, 10, **MAXOUT), MaxoutSigmoid(64, 10, **MAXOUT)
    even, biased = torch.zeros(1, 10), torch.arange(10.0)[None]
    assert softmax.rubbish_loss(even).item() == pytest.approx(np.log(10))
    assert softmax.rubbish_loss(even + 5).item() == pytest.approx(np.log(10))
    assert softmax.rubbish_loss(biased) > softmax.rubbish_loss(even)
    assert sigmoid.rubbish_loss(even - 50).item() == pytest.approx(0)
    assert sigmoid.rubbish_loss(even).item() == pytest.approx(10 * np.log(2))


def test_an_independent_sigmoid_a_class(digits_flat: Split, test_split: Split) -> None:
    net = trained(digits_flat, spec("plain"), "maxout-sigmoid")
    assert error(net, *test_split) < 0.07
    logits = net(test_split[0])
    raised = logits + 3 * F.one_hot(torch.tensor(4), 10)
    others = torch.arange(10) != 4
    assert torch.equal(net.probabilities(raised)[:, others], net.probabilities(logits)[:, others])
    total = net.probabilities(logits).sum(1)
    assert (total < 0.9).any()
    assert (total > 1.05).any()
    own = F.one_hot(test_split[1], 10).float()
    expected = F.binary_cross_entropy(net.probabilities(logits), own, reduction="none").sum(1)
    torch.testing.assert_close(net.loss(logits, test_split[1]), expected, rtol=1e-3, atol=1e-4)


def test_l1_decay_shrinks_the_first_layer_alone(plain: Net, digits_flat: Split) -> None:
    decayed = trained(digits_flat, spec("plain"), l1=0.0025)
    assert decayed.first_weights().abs().sum() < 0.4 * plain.first_weights().abs().sum()
    assert decayed.get_parameter("top.weight").norm() > 0.8 * plain.get_parameter("top.weight").norm()


def test_weight_decay_shrinks_every_layer(plain: Net, digits_flat: Split) -> None:
    decayed = trained(digits_flat, spec("plain"), weight_decay=0.01)
    for name, weights in plain.named_parameters():
        if name.endswith("weight"):
            assert decayed.get_parameter(name).norm() < 0.9 * weights.norm()


def test_analytic_loss_is_the_loss_at_the_fgsm_example(threes_and_sevens: Split) -> None:
    net, x, y = logistic(), threes_and_sevens[0].double(), threes_and_sevens[1]
    analytic = make_objective(spec("adversarial-logistic"))(net, x, y)
    moved = x + EPS * gradient(net, x, y).sign()
    torch.testing.assert_close(analytic, F.cross_entropy(net(moved), y, reduction="none"), rtol=0, atol=1e-6)
    random_signs = 2.0 * torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(1)) - 1
    assert (analytic > net.loss(net(x + EPS * random_signs), y)).all()


def test_analytic_training_lowers_the_fgsm_error(threes_and_sevens: Split) -> None:
    before = trained(threes_and_sevens, spec("plain"), "logistic-regression", epochs=100)
    after = trained(threes_and_sevens, spec("adversarial-logistic", eps=0.2), "logistic-regression", epochs=100)
    assert fgsm_error(after, *threes_and_sevens, eps=0.2) < 0.3 * fgsm_error(before, *threes_and_sevens, eps=0.2)
    assert error(after, *threes_and_sevens) < 0.04


def test_analytic_training_is_for_logistic_regression_alone(digits_flat: Split) -> None:
    with pytest.raises(TypeError, match="softmax-regression has no such form"):
        trained(digits_flat, spec("adversarial-logistic"), "softmax-regression", epochs=1)
    with pytest.raises(ValueError, match="2 classes apart, not 10"):
        LogisticRegression(64, 10)
