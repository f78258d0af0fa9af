"""The reference networks and their training."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from told import Told

from adapters.base import LOSSES
from bench.training.loop import fit
from bench.training.nets.base import Net
from bench.training.nets.linear import LogisticRegression, SoftmaxRegression
from bench.training.nets.maxout import Maxout, MaxoutLayer, MaxoutSigmoid
from bench.training.nets.rbf_network import RBFNetwork, log1mexp
from bench.training.spec import Training
from bench.zoo.adapter import NetAdapter

FEATURES, CLASSES = 6, 3


def seeded(build: partial[Net], scale: float = 1.0) -> Net:
    """A network in float64 with weights that are not all alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(FEATURES, CLASSES).double().eval()
        for parameter in net.parameters():
            parameter.data += scale * torch.randn_like(parameter)
    return net


BUILDS = {
    "softmax-regression": partial(SoftmaxRegression),
    "maxout": partial(Maxout, units=[5, 4], pieces=3, spread=0.5, input_dropout=0.5, hidden_dropout=0.5),
    "maxout-sigmoid": partial(MaxoutSigmoid, units=[5, 4], pieces=3, spread=0.5),
    "rbf-network": partial(RBFNetwork, initial_beta=0.5),
}


@pytest.fixture
def points() -> tuple[torch.Tensor, torch.Tensor]:
    """`(8, 6)` inputs in float64 and labels of all classes."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, FEATURES, generator=generator, dtype=torch.float64), torch.arange(8) % CLASSES


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", BUILDS)
def test_input_gradient_is_that_of_finite_differences(
    kind: str, loss, points: tuple[torch.Tensor, torch.Tensor]
) -> None:
    x, y = points
    adapter = NetAdapter(seeded(BUILDS[kind]), FEATURES)
    h = 1e-6
    steps = h * torch.eye(FEATURES, dtype=torch.float64)
    expected = torch.stack(
        [(adapter.loss(x + step, y, loss) - adapter.loss(x - step, y, loss)) / (2 * h) for step in steps], dim=1
    )
    torch.testing.assert_close(adapter.input_gradient(x, y, loss), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", BUILDS)
def test_outputs_agree_with_each_other(kind: str, points: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, _ = points
    adapter = NetAdapter(seeded(BUILDS[kind]), FEATURES)
    labels, scores, probabilities = adapter.outputs(x.reshape(8, 1, 2, 3))
    assert scores is not None
    assert probabilities is not None
    assert torch.equal(labels, scores.argmax(1))
    assert torch.equal(labels, probabilities.argmax(1))
    torch.testing.assert_close(adapter.logits(x), scores)
    total = probabilities.sum(1)
    if adapter.confidence_kind == "softmax":
        torch.testing.assert_close(total, torch.ones_like(total))


def test_rbf_loss_is_the_binary_cross_entropy_of_each_class(points: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = points
    net = seeded(BUILDS["rbf-network"], scale=0.3)
    logits = net(x)
    own = torch.nn.functional.one_hot(y, CLASSES).double()
    expected = torch.nn.functional.binary_cross_entropy(net.probabilities(logits), own, reduction="none").sum(1)
    torch.testing.assert_close(net.loss(logits, y), expected)


def test_rbf_rubbish_loss_says_no_for_every_class(points: tuple[torch.Tensor, torch.Tensor]) -> None:
    net = seeded(BUILDS["rbf-network"], scale=0.3)
    logits = net(points[0])
    none = torch.zeros_like(logits)
    expected = torch.nn.functional.binary_cross_entropy(net.probabilities(logits), none, reduction="none").sum(1)
    torch.testing.assert_close(net.rubbish_loss(logits), expected)


def test_logistic_regression_is_a_sigmoid_of_one_score(points: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, y = points[0], points[1] % 2
    net = LogisticRegression(FEATURES, 2).double()
    assert not net(x).any(), "it starts from zero"
    net.linear.weight.data += torch.arange(FEATURES)
    score = net.linear(x)[:, 0]
    sign = 2 * y - 1
    torch.testing.assert_close(net.probabilities(net(x))[:, 1], score.sigmoid())
    torch.testing.assert_close(net.loss(net(x), y), torch.nn.functional.softplus(-sign * score))


def test_rbf_gradient_does_not_vanish_where_the_probabilities_do() -> None:
    net = RBFNetwork(FEATURES, CLASSES, initial_beta=1.0)
    net.mu.data = torch.arange(CLASSES).float()[:, None].expand(CLASSES, FEATURES).clone()
    adapter = NetAdapter(net, FEATURES)
    far = torch.full((1, FEATURES), 1000.0)
    labels, _, probabilities = adapter.outputs(far)
    assert probabilities is not None
    assert (probabilities == 0).all()
    assert labels.item() == CLASSES - 1  # still the nearest one: the label is decided in the log domain
    gradient = adapter.input_gradient(far, torch.tensor([0]))
    assert torch.isfinite(gradient).all()
    assert (gradient > 1000).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log1mexp_keeps_its_digits_and_its_gradient(dtype: torch.dtype) -> None:
    a = torch.tensor([-1e-30, -1e-12, -1e-3, -0.5, -0.693, -0.694, -2.0, -30.0, -80.0], dtype=dtype)
    exact = torch.log(-torch.expm1(a.double()))
    exact[-2:] = -torch.exp(a[-2:].double())  # 1 - exp(a) rounds to 1, its logarithm does not to 0
    torch.testing.assert_close(log1mexp(a).double(), exact, rtol=1e-6 if dtype == torch.float32 else 1e-12, atol=0)
    ends = torch.tensor([0.0, -1e-3, -0.69314718, -1e4], dtype=dtype, requires_grad=True)
    log1mexp(ends).sum().backward()
    assert ends.grad is not None
    assert torch.isfinite(log1mexp(ends)).all()
    assert torch.isfinite(ends.grad).all()


def test_maxout_unit_is_its_largest_piece() -> None:
    layer = MaxoutLayer(4, units=3, pieces=2, spread=1.0)
    layer.bias.data.normal_(generator=torch.Generator().manual_seed(0))
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    pieces = torch.stack([x @ layer.weight[k].T + layer.bias[k] for k in range(2)])
    torch.testing.assert_close(layer(x), pieces.max(0).values)


def digits_like() -> tuple[torch.Tensor, torch.Tensor]:
    """Three blobs, `(300, 6)`."""
    generator = torch.Generator().manual_seed(2)
    y = torch.arange(300) % CLASSES
    return torch.randn(300, FEATURES, generator=generator) * 0.3 + y[:, None], y


def test_max_norm_holds_after_training() -> None:
    x, y = digits_like()
    build = partial(Maxout, FEATURES, CLASSES, units=[8, 8], pieces=2, spread=1.0, max_norm=0.5)
    schedule = Training(optimiser="sgd", rate=0.5, momentum=(0.5, 0.7), epochs=3, batch=20)
    net = fit(build, x, y, schedule, seed=0).net
    norms = torch.cat([weights.norm(dim=-1).flatten() for name, weights in net.named_parameters() if "weight" in name])
    assert norms.max() <= 0.5 * (1 + 1e-6)
    assert norms.max() > 0.499  # and it did bind
    assert all(weights.shape[-1] in (FEATURES, 8) for name, weights in net.named_parameters() if "weight" in name)


def test_training_is_decided_by_its_seed_and_leaves_no_trace() -> None:
    x, y = digits_like()
    build = partial(Maxout, FEATURES, CLASSES, units=[8], pieces=2, spread=0.5, hidden_dropout=0.5)
    schedule = Training(optimiser="sgd", rate=0.1, epochs=2, batch=20)
    before = torch.random.get_rng_state()
    told = Told()
    nets = [fit(build, x, y, schedule, seed, told.doing).net for seed in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    prints = [NetAdapter(net, FEATURES).fingerprint for net in nets]
    assert prints[0] == prints[1] != prints[2]
    assert [share for _, share in told.doings[:2]] == [0.5, 1.0]
    assert not any(net.training or any(p.requires_grad for p in net.parameters()) for net in nets)


def test_rates_decay_and_momentum_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = digits_like()
    seen: list[tuple[float, float]] = []
    step = torch.optim.SGD.step

    def spy(self: torch.optim.SGD, *args, **options):
        seen.append((self.param_groups[0]["lr"], self.param_groups[0]["momentum"]))
        return step(self, *args, **options)

    monkeypatch.setattr(torch.optim.SGD, "step", spy)
    schedule = Training(optimiser="sgd", rate=0.1, decay=2.0, momentum=(0.5, 0.7), epochs=3, batch=150)
    fit(partial(SoftmaxRegression, FEATURES, CLASSES), x, y, schedule, seed=0)
    assert [rate for rate, _ in seen] == pytest.approx([0.1 / 2**k for k in range(6)])
    assert [momentum for _, momentum in seen] == pytest.approx([0.5, 0.5, 0.6, 0.6, 0.7, 0.7])
