"""The multi-prediction deep Boltzmann machine: its inference, its gradients and its training."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import LOSSES
from bench.training.loop import fit
from bench.training.nets.maxout import Maxout
from bench.training.nets.mp_dbm import MPDBM
from bench.training.objectives.multi_prediction import MultiPrediction
from bench.training.spec import ObjectiveSpec, Training
from bench.zoo.adapter import NetAdapter

FEATURES, CLASSES = 6, 3
SMALL = {"units": (5, 4), "connections": (3, 2), "spread": 0.5, "hidden_bias": (-0.3, -0.2)}


def seeded(rounds: int, **options: object) -> MPDBM:
    """A network in float64 whose weights and biases are not all alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = MPDBM(FEATURES, CLASSES, rounds=rounds, **SMALL, **options).double().eval()
        for parameter in net.parameters():
            parameter.data += 0.7 * torch.randn_like(parameter)
    return net


@pytest.fixture
def points() -> tuple[Tensor, Tensor]:
    """`(8, 6)` pixels in float64 and labels of all classes."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(8, FEATURES, generator=generator, dtype=torch.float64), torch.arange(8) % CLASSES


def energy(net: MPDBM, v: Tensor, h1: Tensor, h2: Tensor, y: Tensor) -> Tensor:
    """Of all examples together, by the definition of a deep Boltzmann machine."""
    pairs = (h1 @ net.v_h1_weight * v).sum() + (h2 @ net.h1_h2_weight * h1).sum() + (y @ net.h2_y_weight * h2).sum()
    alone = (v @ net.v_bias).sum() + (h1 @ net.h1_bias).sum() + (h2 @ net.h2_bias).sum() + (y @ net.y_bias).sum()
    return -pairs - alone


def settled(net: MPDBM, x: Tensor, hidden: Tensor, one_hot: Tensor, hidden_class: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of pixels and class at the fixed point of mean field, found from the energy alone: each layer's logits are
    the negative gradient of the energy with respect to its means."""
    states = [x.clone(), torch.full((8, 5), 0.5).double(), torch.full((8, 4), 0.5).double(), one_hot.clone()]
    for _ in range(2000):
        leaves = [state.detach().requires_grad_() for state in states]
        v, h1, h2, y = (-gradient for gradient in torch.autograd.grad(energy(net, *leaves), leaves))
        wanted = [torch.lerp(x, v.sigmoid(), hidden), h1.sigmoid(), h2.sigmoid()]
        wanted.append(torch.lerp(one_hot, y.softmax(1), hidden_class))
        states = [0.5 * (state + new) for state, new in zip(states, wanted, strict=True)]
    return v, y


def test_inference_settles_where_mean_field_does(points: tuple[Tensor, Tensor]) -> None:
    x, labels = points
    net = seeded(rounds=300)
    one_hot = F.one_hot(labels, CLASSES).double()
    hidden = (torch.rand(x.shape, generator=torch.Generator().manual_seed(2)) < 0.5).double()
    hidden_class = (torch.arange(8)[:, None] < 5).double()
    found = net.infer(x, hidden, one_hot, hidden_class)
    for mine, expected in zip(found, settled(net, x, hidden, one_hot, hidden_class), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-8, atol=1e-8)
    given = torch.zeros_like(x)
    expected = settled(net, x, given, torch.zeros_like(one_hot), torch.ones(8, 1).double())[1]
    torch.testing.assert_close(net(x), expected, rtol=1e-8, atol=1e-8)


def test_every_round_brings_inference_closer_to_its_end(points: tuple[Tensor, Tensor]) -> None:
    x, _ = points
    end = seeded(rounds=300)(x)
    away = [(seeded(rounds)(x) - end).abs().max().item() for rounds in (0, 1, 2, 4, 8, 16, 32)]
    assert away == sorted(away, reverse=True)
    assert away[-1] < 1e-3 * away[0]


def test_what_is_hidden_is_not_looked_at(points: tuple[Tensor, Tensor]) -> None:
    x, labels = points
    net = seeded(rounds=3)
    hidden = torch.zeros_like(x)
    hidden[:, :4] = 1
    hidden_class = (torch.arange(8)[:, None] < 4).double()
    one_hot = F.one_hot(labels, CLASSES).double()
    before = net.infer(x, hidden, one_hot, hidden_class)
    other = one_hot.roll(1, dims=1).where(hidden_class.bool(), one_hot)
    after = net.infer((1 - x).where(hidden.bool(), x), hidden, other, hidden_class)
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one, two)
    seen = net.infer(x, hidden, one_hot.roll(1, dims=1), hidden_class)
    assert (seen[0] != before[0]).any(1).tolist() == [False] * 4 + [True] * 4


def test_multi_inference_gives_half_of_every_pixel(points: tuple[Tensor, Tensor]) -> None:
    x, _ = points
    net = seeded(rounds=300, multi_inference=True)
    nothing, unknown = torch.zeros(8, CLASSES).double(), torch.ones(8, 1).double()
    _, expected = settled(net, x, torch.full_like(x, 0.5), nothing, unknown)
    torch.testing.assert_close(net(x), expected, rtol=1e-8, atol=1e-8)
    assert not torch.allclose(net(x), seeded(rounds=300)(x))


@pytest.mark.parametrize("multi_inference", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_input_gradient_is_that_of_finite_differences(
    loss, multi_inference: bool, points: tuple[Tensor, Tensor]
) -> None:
    x, y = points
    adapter = NetAdapter(seeded(rounds=4, multi_inference=multi_inference), FEATURES)
    h = 1e-6
    steps = h * torch.eye(FEATURES, dtype=torch.float64)
    expected = torch.stack(
        [(adapter.loss(x + step, y, loss) - adapter.loss(x - step, y, loss)) / (2 * h) for step in steps], dim=1
    )
    torch.testing.assert_close(adapter.input_gradient(x, y, loss), expected, rtol=1e-5, atol=1e-8)


def test_weights_get_the_gradient_of_both_directions_they_are_used_in(points: tuple[Tensor, Tensor]) -> None:
    x, y = points
    net = seeded(rounds=3)
    parameters, h = list(net.parameters()), 1e-6

    def loss() -> Tensor:
        torch.manual_seed(3)  # the same pixels and labels are hidden every time
        return MultiPrediction(hide=0.5)(net, x, y).sum()

    with torch.random.fork_rng(devices=[]):
        gradients = torch.autograd.grad(loss(), parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            direction = torch.randn_like(parameter)
            values = []
            for step in (h, -2 * h):
                parameter.data += step * direction
                values.append(loss().item())
            parameter.data += h * direction
            assert (values[0] - values[1]) / (2 * h) == pytest.approx((gradient * direction).sum().item(), rel=1e-6)


def test_a_prediction_does_not_depend_on_the_others_in_its_batch(points: tuple[Tensor, Tensor]) -> None:
    x, _ = points
    net = seeded(rounds=4)
    alone = torch.cat([net(row[None]) for row in x])
    torch.testing.assert_close(net(x), alone, rtol=1e-12, atol=1e-12)


def test_only_what_is_hidden_costs(points: tuple[Tensor, Tensor]) -> None:
    x, y = points
    net = seeded(rounds=3)
    assert (MultiPrediction(hide=0.0)(net, x, y) == 0).all()
    pixels, label = net.infer(x, torch.ones_like(x), torch.zeros(8, CLASSES).double(), torch.ones(8, 1).double())
    blind = F.binary_cross_entropy_with_logits(pixels, x, reduction="none").sum(1)
    torch.testing.assert_close(
        MultiPrediction(hide=1.0)(net, x, y), blind + F.cross_entropy(label, y, reduction="none")
    )


def test_other_networks_cannot_be_trained_so(points: tuple[Tensor, Tensor]) -> None:
    net = Maxout(FEATURES, CLASSES, units=[4], pieces=2, spread=0.1)
    with pytest.raises(TypeError, match="maxout"):
        MultiPrediction(hide=0.5)(net, *points)


def test_it_begins_with_the_mean_image_and_few_connections() -> None:
    x = torch.rand(200, FEATURES, generator=torch.Generator().manual_seed(4))
    x[:, 0] = 0  # a pixel that is never on
    net = MPDBM(FEATURES, CLASSES, rounds=1, **SMALL)
    net.prepare(x, torch.zeros(200, dtype=torch.int64))
    torch.testing.assert_close(net.v_bias.sigmoid(), x.mean(0), rtol=1e-4, atol=1e-5)
    assert torch.isfinite(net.v_bias).all()
    assert ((net.v_h1_weight != 0).sum(1) == 3).all()
    assert ((net.h2_y_weight != 0).sum(1) == 2).all()


def test_it_is_built_without_memory_for_weights_that_get_replaced() -> None:
    state = seeded(rounds=2).float().state_dict()
    with torch.device("meta"):
        net = MPDBM(FEATURES, CLASSES, rounds=2, **SMALL)
    net.load_state_dict(state, assign=True)
    x = torch.rand(4, FEATURES, generator=torch.Generator().manual_seed(5))
    assert torch.equal(net(x), seeded(rounds=2).float()(x))


SCHEDULE = Training(
    optimiser="adam",
    rate=0.01,
    epochs=15,
    batch=50,
    objective=ObjectiveSpec(kind="multi-prediction", parameters={"hide": 0.5}),
)
LARGER = {"units": (60, 80), "connections": (10, 10), "spread": 0.01, "hidden_bias": (-0.7, -0.4)}
BUILD = partial(MPDBM, 64, 10, rounds=5, max_norm=(3, 3, 3), **LARGER)


def test_it_learns_digits_within_its_norms(
    digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    shown, labels = (torch.tensor(array) for array in digits_train)
    net = fit(BUILD, shown, labels, SCHEDULE, seed=0).net
    x, y = digits_test[0].flatten(1), digits_test[1]
    assert (net(x).argmax(1) != y).float().mean() < 0.12
    assert isinstance(net, MPDBM)
    norms = [weight.norm(dim=1).max() for weight in (net.v_h1_weight, net.h1_h2_weight, net.h2_y_weight)]
    assert max(norms) <= 3 * (1 + 1e-6)
    assert max(norms) > 2.99  # and it did bind
    # It fills in what it is not shown, too: better than the mean image does.
    generator = torch.Generator().manual_seed(6)
    hidden = (torch.rand(x.shape, generator=generator) < 0.5).float()
    pixels, _ = net.infer(x, hidden, torch.zeros(len(x), 10), torch.ones(len(x), 1))
    mean = shown.mean(0)
    assert (hidden * (pixels.sigmoid() - x).square()).sum() < 0.7 * (hidden * (mean - x).square()).sum()


def test_training_is_decided_by_its_seed(digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = (torch.tensor(array[:200]) for array in digits_train)
    short = SCHEDULE.model_copy(update={"epochs": 2})
    prints = [NetAdapter(fit(BUILD, x, y, short, seed).net, 64).fingerprint for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]
