"""The convolutional maxout network: its layers, its gradients and its training."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import LOSSES
from bench.training.loop import fit
from bench.training.nets.conv_maxout import ConvMaxout, ConvMaxoutLayer
from bench.training.spec import Training
from bench.zoo.adapter import NetAdapter
from bench.zoo.cookbook import recipe

DIGITS: dict[str, Any] = {
    "shape": (1, 8, 8),
    "layers": [
        {"channels": 8, "pieces": 2, "kernel": 3, "pad": 1, "pool": 2, "stride": 2, "max_norm": 0.9},
        {"channels": 12, "pieces": 2, "kernel": 3, "pad": 1, "max_norm": 1.2},
        {"channels": 12, "pieces": 2, "kernel": 3, "pad": 1, "pool": 2, "stride": 2, "max_norm": 1.2},
    ],
    "units": 20,
    "pieces": 3,
    "spread": 0.2,
    "max_norm": 1.4,
    "top_max_norm": 1.1,
}
DROPOUT = {"input_dropout": 0.1, "hidden_dropout": 0.2}


def seeded(**changes: Any) -> ConvMaxout:
    """The network for digits, in float64, with weights that are not all alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = ConvMaxout(64, 10, **DIGITS | changes).double().eval()
        for parameter in net.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    return net


@pytest.fixture
def points() -> tuple[Tensor, Tensor]:
    """`(5, 64)` images in float64, flat, and labels."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(5, 64, generator=generator, dtype=torch.float64), torch.arange(5)


def test_the_published_network_has_its_published_sizes() -> None:
    published = recipe("cifar10-preprocessed", "conv-maxout").parameters
    net, x, sides = ConvMaxout(3072, 10, **published), torch.zeros(1, 3, 32, 32), []
    for layer in net.layers:
        x = layer(x)
        sides.append(x.shape[1:])
    assert sides == [(96, 16, 16), (192, 7, 7), (192, 5, 5)]
    assert net.dense.weight.shape == (5, 500, 192 * 5 * 5)


def test_a_layer_is_the_largest_piece_in_each_window() -> None:
    layer = ConvMaxoutLayer(2, 1.0, channels=3, pieces=2, kernel=2, pad=1, pool=3, stride=2)
    layer.bias.data.normal_(generator=torch.Generator().manual_seed(0))
    x = torch.randn(4, 2, 5, 4, generator=torch.Generator().manual_seed(1))
    maps = torch.stack([F.conv2d(x, layer.weight[k], layer.bias[k], padding=1) for k in range(2)]).amax(0)  # 6 x 5
    windows = [maps[:, :, i : i + 3, j : j + 3].amax((2, 3)) for i in (0, 2, 4) for j in (0, 2)]
    torch.testing.assert_close(layer(x), torch.stack(windows, 2).view(4, 3, 3, 2))


def test_images_are_read_channel_by_channel() -> None:
    net = ConvMaxout(24, 3, **DIGITS | {"shape": (2, 3, 4), "layers": [DIGITS["layers"][1]]})
    x = torch.rand(2, 24, generator=torch.Generator().manual_seed(2))
    image = x.view(2, 2, 3, 4)
    expected = net.top(net.dense(net.layers[0](image).flatten(1)))
    torch.testing.assert_close(net.eval()(x), expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_input_gradient_is_that_of_finite_differences(loss, points: tuple[Tensor, Tensor]) -> None:
    x, y = points
    adapter = NetAdapter(seeded(**DROPOUT), 64)
    h = 1e-6
    steps = h * torch.eye(64, dtype=torch.float64)
    expected = torch.stack(
        [(adapter.loss(x + step, y, loss) - adapter.loss(x - step, y, loss)) / (2 * h) for step in steps], dim=1
    )
    torch.testing.assert_close(adapter.input_gradient(x, y, loss), expected, rtol=1e-5, atol=1e-8)


def test_a_prediction_does_not_depend_on_the_others_in_its_batch(points: tuple[Tensor, Tensor]) -> None:
    x, _ = points
    net = seeded(**DROPOUT)
    torch.testing.assert_close(net(x), torch.cat([net(row[None]) for row in x]), rtol=1e-12, atol=1e-12)


def test_dropout_acts_in_training_alone(points: tuple[Tensor, Tensor]) -> None:
    x, _ = points
    net = seeded(**DROPOUT)
    assert torch.equal(net(x), net(x))
    with torch.random.fork_rng(devices=[]):
        assert not torch.equal(net.train()(x), net(x))
    torch.testing.assert_close(seeded().train()(x), net.eval()(x))


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 8, 8\) have 64 features, not 60"):
        ConvMaxout(60, 10, **DIGITS)
    with pytest.raises(ValueError, match="over 2 pixels leaves 0"):
        ConvMaxout(4, 10, **DIGITS | {"shape": (1, 2, 2), "layers": [{"channels": 2, "pieces": 2, "kernel": 3}]})


def test_it_is_built_without_memory_for_weights_that_get_replaced(points: tuple[Tensor, Tensor]) -> None:
    x, _ = points
    with torch.device("meta"):
        net = ConvMaxout(64, 10, **DIGITS)
    net.load_state_dict(seeded().state_dict(), assign=True)
    assert torch.equal(net.eval()(x), seeded()(x))


SCHEDULE = Training(optimiser="adam", rate=0.01, epochs=15, batch=50)


def test_it_learns_digits_within_its_norms(
    digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    shown, labels = (torch.tensor(array) for array in digits_train)
    net = fit(partial(ConvMaxout, 64, 10, **DIGITS | DROPOUT), shown, labels, SCHEDULE, seed=0).net
    x, y = digits_test
    assert (net(x.flatten(1)).argmax(1) != y).float().mean() < 0.06
    assert isinstance(net, ConvMaxout)
    norms = [layer.weight.flatten(2).norm(dim=2) for layer in net.layers]
    norms += [net.dense.weight.norm(dim=2), net.top.weight.norm(dim=1)]
    for found, limit in zip(norms, (0.9, 1.2, 1.2, 1.4, 1.1), strict=True):
        assert 0.999 * limit < found.max() <= limit * (1 + 1e-6)


def test_training_is_decided_by_its_seed(digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = (torch.tensor(array[:200]) for array in digits_train)
    short = SCHEDULE.model_copy(update={"epochs": 2})
    build = partial(ConvMaxout, 64, 10, **DIGITS | DROPOUT)
    prints = [NetAdapter(fit(build, x, y, short, seed).net, 64).fingerprint for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]
