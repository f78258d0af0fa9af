"""A network is opened by what it computes, however it is written; what is not understood is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier
from test_remote import Loopback
from torch import Tensor, nn
from torch.nn import functional as F

import adapters
from adapters import InvalidOutput, Unsupported
from adapters.remote import Remote
from adapters.structures import Linear, Network
from adapters.structures.layers import Affine, Convolution, Diagonal, Largest, Rectify, Select
from adapters.structures.wire import packed, unpacked
from bench.training.nets.conv_maxout import ConvMaxout
from bench.training.nets.maxout import Maxout
from bench.zoo.adapter import NetAdapter

IMAGE = (3, 8, 8)


def head(inputs: int, *more: nn.Module) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(inputs, 4), *more]


class Functional(nn.Module):
    """Written without modules, with shapes that Python works out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(192, 10), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), -1)
        pieces = self.first((x - 0.5) * 2).view(len(x), 5, 2)
        return self.last(torch.clamp(pieces.max(dim=2).values, min=0.0)) / 3


class Turned(nn.Module):
    """Moves features about, and drops some."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3 * 8 * 6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)[:, :, 1:7].flip(1)
        return self.last(F.relu(0.4 - x).flatten(1))


class Normal(nn.Module):
    """Batch normalisation by statistics that are none of the defaults."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
        self.norm.running_mean, self.norm.running_var = torch.randn(4), torch.rand(4) + 0.3
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)  # type: ignore[no-any-return]


NETS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 9), nn.ReLU(), nn.Sequential(nn.Linear(9, 4))),
    "in place": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 9), nn.ReLU(inplace=True), nn.Linear(9, 4)),
    "leaky": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), *head(144)),
    "stride and padding": lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 2), (2, 1), (1, 2)), nn.ReLU(), *head(4 * 4 * 11)),
    "grouped": lambda: nn.Sequential(nn.Conv2d(3, 6, 3, groups=3, dilation=2), nn.ReLU(), *head(96)),
    "batch norm": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), Normal(), nn.ReLU(), *head(144)),
    "max pool": lambda: nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Conv2d(3, 4, 2), nn.ReLU(), *head(36)),
    "overhanging pool": lambda: nn.Sequential(nn.Conv2d(3, 4, 2), nn.MaxPool2d(2, ceil_mode=True), *head(64)),
    "average pool": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AvgPool2d(2, padding=1), *head(64)),
    "global pool": lambda: nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), *head(7)),
    "relu6": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Hardtanh(-0.1, 0.3), *head(144)),
    "softmax": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *head(144, nn.Softmax(1))),
    "log-softmax": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *head(144, nn.LogSoftmax(-1))),
    "sigmoids": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *head(144, nn.Sigmoid())),
    "one logit": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 9), nn.ReLU(), nn.Linear(9, 1)),
    "one probability": lambda: nn.Sequential(*head(192, nn.ReLU(), nn.Linear(4, 1), nn.Sigmoid(), nn.Flatten(0))),
    "dropout": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout2d(), nn.ReLU(), *head(144, nn.Dropout())),
    "float64": lambda: nn.Sequential(*head(192, nn.ReLU(), nn.Linear(4, 3))).double(),
    "functional": Functional,
    "turned": Turned,
}
X = torch.rand(60, *IMAGE, generator=torch.Generator().manual_seed(5))


def made(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = build().eval()
        for parameter in net.parameters():
            parameter.data *= 3
    return net


def agrees(model: adapters.Adapter, x: Tensor = X) -> Any:
    """Opened, it gives the model's logits to the rounding that it tells of, and the model's labels beyond that."""
    told = model.structure(tuple(x.shape[1:]))
    scores, off = told.scores(x), told.roundoff(x)
    top = scores.topk(2, dim=1)
    clear = top.values[:, 0] - top.values[:, 1] > off
    assert clear.double().mean() > 0.9
    assert torch.equal(torch.tensor(told.classes)[top.indices[:, 0]][clear], model.predict(x)[clear])
    lead, given = (each - each[:, :1] for each in (scores, model.logits(x).double()))
    assert bool(((lead - given).abs() <= off[:, None] + 1e-5).all())
    return told


@pytest.mark.parametrize("name", NETS)
def test_it_is_what_the_network_computes(name: str) -> None:
    told = agrees(adapters.wrap(made(NETS[name])))
    assert isinstance(told, Network)


def test_scaling_in_front_is_a_layer() -> None:
    net = made(NETS["stride and padding"])
    told = agrees(adapters.wrap(net, mean=[0.1, 0.2, 0.3], std=[0.5, 0.6, 0.7], scale=2.0))
    assert [type(layer).__name__ for layer in told.layers[:3]] == ["Diagonal"] * 3


def test_an_affine_network_is_linear() -> None:
    """For which closed forms are known."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.Dropout(), nn.Linear(6, 4))
    assert isinstance(agrees(adapters.wrap(made(lambda: net), mean=0.1, std=0.3)), Linear)


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sklearn_networks(activation: str, classes: int, dtype: Any) -> None:
    x = X.flatten(1).numpy().astype(dtype)
    net = MLPClassifier((7, 5), activation=activation, max_iter=20, random_state=0)
    with pytest.warns(UserWarning, match="converged"):
        net.fit(x, np.arange(60) % classes)
    agrees(adapters.wrap(net), X.flatten(1))


@pytest.mark.parametrize(
    "net",
    [
        lambda: Maxout(192, 4, units=[6, 5], pieces=3, spread=0.3, hidden_dropout=0.5),
        lambda: ConvMaxout(192, 4, shape=IMAGE, units=5, pieces=2, spread=0.3, layers=[
            {"channels": 4, "pieces": 2, "kernel": 3, "pad": 1, "pool": 3, "stride": 2}]),
    ],
    ids=["maxout", "conv-maxout"],
)  # fmt: skip
def test_reference_networks(net: Callable[[], Any]) -> None:
    told = agrees(NetAdapter(made(net), 192), X.flatten(1))  # type: ignore[arg-type]
    assert sum(isinstance(layer, Largest) for layer in told.layers) >= 2


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(192, 192), nn.Linear(192, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.last(x + self.inner(x).relu())


class Branching(Residual):
    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.last(x) if x.sum() > 0 else self.last(self.inner(x))


class Overwriting(Residual):
    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x.flatten(1))
        y.view(-1, 64, 3).relu_()
        return self.last(y)


class Copying(Residual):
    def forward(self, x: Tensor) -> Tensor:
        blank = torch.zeros(len(x), 192)
        blank[:, :100] = x.flatten(1)[:, :100].relu()
        return self.last(blank)


class Leaving(Residual):
    """A part of it is computed by NumPy, which is not seen: only its outputs give it away."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.last(x.relu()) + torch.from_numpy(np.sin(x.detach().numpy()[:, :4]))


@pytest.mark.parametrize(
    ("net", "why"),
    [
        (lambda: nn.Sequential(*head(192, nn.Tanh(), nn.Linear(4, 3))), "with tanh"),
        (lambda: nn.Sequential(*head(192, nn.Softmax(1), nn.Linear(4, 3))), "addmm comes after a softmax"),
        (lambda: nn.Sequential(*head(192, nn.GELU(), nn.Linear(4, 3))), "with gelu"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LayerNorm(192), nn.Linear(192, 4)), "with native_layer_norm"),
        (lambda: nn.Sequential(*head(192, nn.ReLU(), nn.Linear(4, 3))).bfloat16(), "16 bits"),
        (Residual, "add joins several paths"),
        (Branching, "which way it goes depends on the values"),
        (Overwriting, "writes into tensors in place"),
        (Copying, "writes what comes of its input into other tensors"),
        (Leaving, "its outputs are not what its layers"),
    ],
)
def test_what_is_not_understood_is_named(net: Callable[[], nn.Module], why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        adapters.wrap(made(net)).structure(IMAGE)


def test_a_sigmoid_that_rounding_saturates_leaves_all_open() -> None:
    """Of two classes at 1 the first wins, whatever their scores; of two below 0 the scores tell."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3), nn.Sigmoid())
    assert isinstance(net[1], nn.Linear)
    nn.init.zeros_(net[1].weight)
    for bias, open_ in ([30.0, 40.0, 0.0], True), ([-30.0, -29.0, -60.0], False), ([1.0, 2.0, 0.0], False):
        net[1].bias.data = torch.tensor(bias)
        assert (float(adapters.wrap(net.eval(), outputs="sigmoids").structure(IMAGE).roundoff(X[:1])) > 1) == open_


@pytest.mark.parametrize("name", ["stride and padding", "overhanging pool", "turned", "softmax"])
def test_what_comes_from_another_process_is_the_same(name: str) -> None:
    model = adapters.wrap(made(NETS[name]))
    here, there = model.structure(IMAGE), Remote(Loopback(model)).structure(IMAGE)
    assert isinstance(there, Network)
    assert torch.equal(here.scores(X), there.scores(X))
    assert torch.equal(here.roundoff(X), there.roundoff(X))


def affine(outputs: int, inputs: int) -> Affine:
    return Affine(torch.ones(outputs, inputs).double(), torch.zeros(outputs).double())


CONV: dict[str, Any] = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, "shape": (1, 2, 2)}
KERNEL, NONE = torch.ones(1, 1, 2, 2).double(), torch.zeros(1).double()


@pytest.mark.parametrize(
    "build",
    [
        lambda: Network((0, 1), (affine(3, 2), affine(2, 4)), "", 2**-24),
        lambda: Network((0, 1), (affine(3, 2),), "", 2**-24),
        lambda: Network((0, 1), (), "", 2**-24),
        lambda: Network((0, 1), (affine(2, 2),), "tanh", 2**-24),
        lambda: Network((0, 1), (affine(2, 2),), "", 0.0),
        lambda: Affine(torch.ones(2, 2), torch.zeros(2).double()),
        lambda: Affine(torch.full((2, 2), torch.inf).double(), torch.zeros(2).double()),
        lambda: Rectify(2.0, 3),
        lambda: Rectify(0.0, 0),
        lambda: Largest(torch.tensor([[0, 5]]), 3),
        lambda: Largest(torch.zeros(2, 0, dtype=torch.int64), 3),
        lambda: Select(torch.tensor([-1]), 3),
        lambda: Select(torch.tensor([0.0]), 3),
        lambda: Diagonal(torch.ones(2).double(), torch.ones(3).double(), torch.ones(2).double()),
        lambda: Convolution(KERNEL, NONE, **{**CONV, "stride": (0, 1)}),
        lambda: Convolution(KERNEL, NONE, **{**CONV, "padding": (-1, 0)}),
        lambda: Convolution(KERNEL, NONE, **{**CONV, "padding": (2**20, 2**20)}),
        lambda: Convolution(KERNEL, NONE, **{**CONV, "groups": 2}),
        lambda: Convolution(KERNEL, NONE, **{**CONV, "shape": (1, 1, 1)}),
        lambda: Convolution(KERNEL, NONE, **{**CONV, "shape": (1, 2)}),
    ],
)
def test_fields_that_do_not_fit_are_refused(build: Callable[[], object]) -> None:
    """They may come from a stranger's process."""
    with pytest.raises(ValueError, match=r"layer|scaling|convolution|rectifier|largest|ends in|features"):
        build()


def test_a_stranger_is_told_in_one_line() -> None:
    tensors, plain = packed(adapters.wrap(made(NETS["stride and padding"])).structure(IMAGE))
    layers = plain["fields"]["fields"]["layers"]
    convolution = next(layer for layer in layers if layer["of"] == "Convolution")
    convolution["fields"]["stride"] = [1, "2"]
    with pytest.raises(InvalidOutput, match="the model's process tells of a network that makes no sense"):
        unpacked(tensors, plain)
