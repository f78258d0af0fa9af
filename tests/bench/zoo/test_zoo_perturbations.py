"""The perturbations that training objectives make: of inputs, of hidden layers, and what they are a function of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from objectives import EPS, MAXOUT, Split, error, gradient, logistic, spec, trained
from torch import nn

from bench.training.nets.base import Net
from bench.training.nets.linear import SoftmaxRegression
from bench.training.nets.maxout import Maxout
from bench.training.objectives import make_objective
from bench.training.objectives.perturbation import rotated, unit


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
    kind: str, changes: dict[str, Any], plain: Net, digits_flat: Split, test_split: Split
) -> None:
    net = trained(digits_flat, spec(kind, **changes))
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
