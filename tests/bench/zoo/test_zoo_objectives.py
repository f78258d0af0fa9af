"""What each training objective does to a small maxout net on the digits."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import registry
from bench.errors import UsageError
from bench.training.loop import fit
from bench.training.nets.base import Net
from bench.training.nets.linear import LogisticRegression, SoftmaxRegression
from bench.training.nets.maxout import Maxout, MaxoutSigmoid
from bench.training.objectives import make_objective
from bench.training.objectives.perturbation import rotated, unit
from bench.training.spec import ObjectiveSpec, OwnFGSM, Training
from bench.zoo.kinds import kind_class

Split = tuple[Tensor, Tensor]
EPS = 0.1
MAXOUT: dict[str, Any] = {
    "units": [32, 32],
    "pieces": 3,
    "spread": 0.1,
    "input_dropout": 0.1,
    "hidden_dropout": 0.2,
    "max_norm": 1.9365,
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "adversarial": {"alpha": 0.5, "eps": EPS, "clip": None, "masks": 2},
    "adversarial-logistic": {"eps": EPS},
    "rotation": {"alpha": 0.5, "angle": 0.3, "masks": 2},
    "scaled-gradient": {"alpha": 0.5, "eps": 0.8, "masks": 2},
    "hidden-perturbation": {"alpha": 0.5, "masks": 2, "form": "rotation", "size": 0.3},
    "sign-noise": {"eps": EPS},
    "uniform-noise": {"eps": EPS},
    "gaussian-rubbish": {"weight": 1.0},
}


def spec(kind: str, **changes: Any) -> ObjectiveSpec:
    """An objective with the parameters above, some of them changed."""
    return ObjectiveSpec(kind=kind, parameters=PARAMETERS[kind] | changes)


def trained(data: Split, objective: ObjectiveSpec, kind: str = "maxout", epochs: int = 20, **schedule: Any) -> Net:
    """A small net trained on the digits, its weights open to gradients."""
    parameters = MAXOUT if kind.startswith("maxout") else {}
    build = partial(kind_class(kind), 64, len(data[1].unique()), **parameters)
    training = Training(
        optimiser="sgd", rate=0.1, momentum=(0.5, 0.7), epochs=epochs, batch=50, objective=objective, **schedule
    )
    return fit(build, *data, training, seed=0).net.requires_grad_()


def gradient(net: Net, x: Tensor, y: Tensor) -> Tensor:
    """Of the loss with respect to `x`."""
    point = x.clone().requires_grad_()
    return torch.autograd.grad(net.loss(net(point), y).sum(), point)[0]


def error(net: Net, x: Tensor, y: Tensor) -> float:
    return float((net(x).argmax(1) != y).float().mean())


def fgsm_error(net: Net, x: Tensor, y: Tensor, eps: float = EPS) -> float:
    return error(net, x + eps * gradient(net, x, y).sign(), y)


def rubbish_error(net: Net) -> float:
    """Share of Gaussian noise that some class claims with more than 50% probability."""
    rubbish = torch.randn(2000, 64, generator=torch.Generator().manual_seed(9))
    return float((net.probabilities(net(rubbish)).amax(1) > 0.5).float().mean())


@pytest.fixture(scope="module")
def train_split(digits_train: tuple[np.ndarray, np.ndarray]) -> Split:
    x, y = digits_train
    return torch.tensor(x), torch.tensor(y)


@pytest.fixture(scope="module")
def test_split(digits_test: Split) -> Split:
    return digits_test[0].flatten(1), digits_test[1]


@pytest.fixture(scope="module")
def threes_and_sevens(train_split: Split) -> Split:
    """The two classes as 0 and 1."""
    x, y = train_split
    chosen = (y == 3) | (y == 7)
    return x[chosen], (y[chosen] == 7).long()


@pytest.fixture(scope="module")
def plain(train_split: Split) -> Net:
    return trained(train_split, spec("plain"))


@pytest.fixture(scope="module")
def adversarial(train_split: Split) -> Net:
    return trained(train_split, spec("adversarial", masks=1))


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
    kind: str, plain: Net, adversarial: Net, train_split: Split, test_split: Split
) -> None:
    noisy = fgsm_error(trained(train_split, spec(kind)), *test_split)
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
    kind: str, plain: Net, train_split: Split, test_split: Split
) -> None:
    before = plain if kind == "maxout" else trained(train_split, spec("plain"), kind)
    after = trained(train_split, spec("gaussian-rubbish"), kind)
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


def test_an_independent_sigmoid_a_class(train_split: Split, test_split: Split) -> None:
    net = trained(train_split, spec("plain"), "maxout-sigmoid")
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


def test_l1_decay_shrinks_the_first_layer_alone(plain: Net, train_split: Split) -> None:
    decayed = trained(train_split, spec("plain"), l1=0.0025)
    assert decayed.first_weights().abs().sum() < 0.4 * plain.first_weights().abs().sum()
    assert decayed.get_parameter("top.weight").norm() > 0.8 * plain.get_parameter("top.weight").norm()


def test_weight_decay_shrinks_every_layer(plain: Net, train_split: Split) -> None:
    decayed = trained(train_split, spec("plain"), weight_decay=0.01)
    for name, weights in plain.named_parameters():
        if name.endswith("weight"):
            assert decayed.get_parameter(name).norm() < 0.9 * weights.norm()


def logistic(seed: int = 0) -> LogisticRegression:
    """In float64, with weights that are not zero."""
    net = LogisticRegression(64, 2).double()
    net.linear.weight.data.normal_(generator=torch.Generator().manual_seed(seed))
    net.linear.bias.data.fill_(0.3)
    return net


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


def test_analytic_training_is_for_logistic_regression_alone(train_split: Split) -> None:
    with pytest.raises(TypeError, match="softmax-regression has no such form"):
        trained(train_split, spec("adversarial-logistic"), "softmax-regression", epochs=1)
    with pytest.raises(ValueError, match="2 classes apart, not 10"):
        LogisticRegression(64, 10)


def perturbed_loss(net: Net, kind: str, changes: dict[str, Any], data: Split) -> float:
    """The loss under the objective's perturbation alone."""
    return make_objective(spec(kind, **changes, alpha=0.0))(net, *data).mean().item()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("rotation", {}),
        ("scaled-gradient", {}),
        ("hidden-perturbation", {"form": "rotation", "size": 0.2}),
        ("hidden-perturbation", {"form": "additive", "size": 0.1, "layers": [0]}),
    ],
    ids=["rotation", "scaled-gradient", "hidden-rotation", "hidden-additive"],
)
def test_training_on_a_perturbation_lowers_the_loss_under_it(
    kind: str, changes: dict[str, Any], plain: Net, train_split: Split, test_split: Split
) -> None:
    net = trained(train_split, spec(kind, **changes))
    assert perturbed_loss(net, kind, changes, test_split) < 0.9 * perturbed_loss(plain, kind, changes, test_split)
    assert error(net, *test_split) < 0.08


def test_the_adversarial_example_is_no_function_of_the_weights_but_a_rotated_one_is(test_split: Split) -> None:
    torch.manual_seed(0)
    net, (x, y) = Maxout(64, 10, units=[8], pieces=2, spread=0.5), (test_split[0][:50], test_split[1][:50])
    for kind, through in (("adversarial", False), ("rotation", True), ("scaled-gradient", True)):
        objective = make_objective(spec(kind, alpha=0.0))
        (found,) = torch.autograd.grad(objective(net, x, y).sum(), net.top.weight)
        moved = objective.perturbed(x, gradient(net, x, y))  # type: ignore[attr-defined]
        (constant,) = torch.autograd.grad(net.loss(net(moved), y).sum(), net.top.weight)
        assert torch.allclose(found, constant, rtol=1e-4, atol=1e-5) is not through


def test_adversarial_examples_are_unclipped_unless_asked(test_split: Split) -> None:
    x, y = test_split
    net = logistic().float()
    step = gradient(net, x, (y == 7).long())
    unclipped = make_objective(spec("adversarial")).perturbed(x, step)  # type: ignore[attr-defined]
    clipped = make_objective(spec("adversarial", clip=[0.0, 1.0])).perturbed(x, step)  # type: ignore[attr-defined]
    torch.testing.assert_close(unclipped, x + EPS * step.sign())
    assert unclipped.min() < -0.09
    assert torch.equal(clipped, unclipped.clamp(0, 1))


@pytest.mark.parametrize("kind", ["adversarial", "hidden-perturbation"])
@pytest.mark.parametrize("masks", [1, 2])
def test_dropout_is_drawn_once_or_twice(kind: str, masks: int, test_split: Split) -> None:
    """A perturbation of next to no size tells: with one mask both losses are the same, with two they are not."""
    torch.manual_seed(0)
    net = Maxout(64, 10, **MAXOUT | {"hidden_dropout": 0.5}).train()
    size = {"eps": 1e-30} if kind == "adversarial" else {"form": "additive", "size": 0.0}
    losses = []
    for alpha in (0.0, 1.0):
        torch.manual_seed(1)
        losses.append(make_objective(spec(kind, alpha=alpha, masks=masks, **size))(net, *test_split))
    assert torch.equal(*losses) is (masks == 1)


def test_hidden_layers_can_be_chosen_and_are_left_as_they_were(test_split: Split) -> None:
    torch.manual_seed(0)
    x, y = test_split
    net = Maxout(64, 10, units=[16, 16], pieces=2, spread=0.3)
    additive = {"form": "additive", "size": 0.2, "alpha": 0.0}
    before = net.loss(net(x), y)
    both, first, last = (
        make_objective(spec("hidden-perturbation", **additive, layers=layers))(net, x, y).mean()
        for layers in ("all", [0], [1])
    )
    assert both > max(first, last)
    assert min(first, last) > before.mean()
    assert torch.equal(net.loss(net(x), y), before)
    with pytest.raises(TypeError, match="softmax-regression has no hidden layers"):
        make_objective(spec("hidden-perturbation"))(SoftmaxRegression(64, 10), x, y)


def test_a_perturbed_last_layer_is_what_the_top_sees(test_split: Split) -> None:
    """Where only the last layer is perturbed, the loss is that of the top on h + size sign(g)."""
    torch.manual_seed(0)
    x, y = test_split
    net = Maxout(64, 10, units=[16], pieces=2, spread=0.3)
    found = make_objective(spec("hidden-perturbation", form="additive", size=0.2, alpha=0.0))(net, x, y)
    h = net.hidden[0](x).detach().requires_grad_()
    (direction,) = torch.autograd.grad(net.loss(net.top(h), y).sum(), h)
    torch.testing.assert_close(found, net.loss(net.top(h + 0.2 * direction.sign()), y))


def test_rotation_keeps_lengths_and_turns_by_its_angle() -> None:
    generator = torch.Generator().manual_seed(0)
    x, towards = (torch.randn(100, 20, generator=generator, dtype=torch.float64) for _ in range(2))
    turned = rotated(x, towards * 1e-12, 0.3)
    torch.testing.assert_close(turned.norm(dim=1), x.norm(dim=1))
    torch.testing.assert_close(nn.functional.cosine_similarity(turned, x), torch.full((100,), np.cos(0.3)).double())
    assert ((turned * towards).sum(1) > (x * towards).sum(1)).all()
    torch.testing.assert_close(rotated(x, torch.zeros_like(x), 0.3), x)
    torch.testing.assert_close(rotated(torch.zeros_like(x), towards, 0.3), torch.zeros_like(x))


def test_directions_have_finite_gradients_at_zero() -> None:
    zero = torch.zeros(2, 5, requires_grad=True)
    for made in (unit(zero), rotated(torch.ones(2, 5), zero, 0.3)):
        (found,) = torch.autograd.grad(made.sum(), zero)
        assert torch.isfinite(found).all()
