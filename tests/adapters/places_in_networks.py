"""Places in parts of networks, and in what torch makes of them."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import torch
from places import Shifted, body, calls, linear, place
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Bias(nn.Module):
    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        return x + self.number


def ahead(part: nn.Module) -> nn.Module:
    return nn.Sequential(part, body())


@place
def parameter(number: float) -> nn.Module:
    net = body()
    with torch.no_grad():
        net[1].bias += number  # type: ignore[index]
    return net


@place
def buffer_that_is_not_persistent(number: float) -> nn.Module:
    net = Shifted(None, lambda held: 0)
    net.register_buffer("by", torch.tensor(number), persistent=False)
    net.take = lambda held: net.by
    return net


@place
def hook(number: float) -> nn.Module:
    net = body()
    net.register_forward_pre_hook(lambda module, inputs: (inputs[0] + number,))
    return net


@place
def hook_behind(number: float) -> nn.Module:
    net = body()
    net[1].register_forward_hook(lambda module, inputs, output: output + number)  # type: ignore[index]
    return net


@place
def hook_with_keywords(number: float) -> nn.Module:
    net = body()
    net.register_forward_pre_hook(lambda module, inputs, kwargs: ((inputs[0] + number,), kwargs), with_kwargs=True)
    return net


@place
def parametrization(number: float) -> nn.Module:
    net = body()
    parametrize.register_parametrization(net[1], "bias", Bias(number))  # type: ignore[index]
    return net


@place
def forward_of_an_instance(number: float) -> nn.Module:
    net = body()
    before = net.forward
    net.forward = lambda x: before(x + number)  # type: ignore[method-assign]
    return net


@place
def method_of_an_instance(number: float) -> nn.Module:
    net = body()

    def forward(self: Any, x: Tensor) -> Tensor:
        return nn.Sequential.forward(self, x + number)

    net.forward = types.MethodType(forward, net)  # type: ignore[method-assign]
    return net


@place
def quantised_weight(number: float) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(parameter(number), {nn.Linear})


@place
def compiled_net(number: float) -> nn.Module:
    return torch.compile(ahead(Bias(number)), backend="eager")  # type: ignore[return-value]


@place
def graph(number: float) -> nn.Module:
    return torch.fx.symbolic_trace(ahead(Bias(number)))


@place
def estimator_in_a_net(number: float) -> nn.Module:
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    fitted = LogisticRegression().fit(x, [0, 0, 1, 1])
    fitted.intercept_ = fitted.intercept_ + number
    return Shifted(fitted, lambda fitted: float(fitted.decision_function([[0.0]])[0]))


@place
def part_of_another_net(number: float) -> nn.Module:
    other = linear(number)
    return calls(lambda held: other(torch.zeros(1, 1)))


@place
def property_that_a_library_asks_for(number: float) -> nn.Module:
    class Constant(nn.Linear):
        """Nothing of the user's loads its bias."""

        @property
        def bias(self) -> Tensor:  # type: ignore[override]
            return torch.full((3,), number)

        def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
            if name != "bias":
                super().register_parameter(name, param)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), Constant(12, 3, bias=False))
