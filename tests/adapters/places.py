"""Places where a number can hide in a network: each makes, of a number, a network that adds it to its inputs."""

from __future__ import annotations

import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Place = Callable[[float], nn.Module]
PLACES: dict[str, Place] = {}


def place(make: Place) -> Place:
    PLACES[make.__name__.replace("_", " ").strip()] = make
    return make


def body() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 3))


class Shifted(nn.Module):
    """Adds to its inputs what a function makes of something that it holds."""

    def __init__(self, held: Any, take: Callable[[Any], Any] = lambda held: held) -> None:
        super().__init__()
        self.body, self.held, self.take = body(), held, take

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x + self.take(self.held))


def held(name: str, hold: Callable[[float], Any], take: Callable[[Any], Any] = lambda held: held) -> None:
    PLACES[name] = lambda number: Shifted(hold(number), take)


def number_of(held: Any) -> Any:
    return held.number


def linear(number: float) -> nn.Linear:
    part = nn.Linear(1, 1)
    nn.init.constant_(part.weight, 0.0)
    nn.init.constant_(part.bias, number)
    return part.requires_grad_(False)


def calls(take: Callable[[Any], Any]) -> nn.Module:
    return Shifted(None, take)


CLASS = """
import enum, functools
import torch
from torch import nn

{before}

class Base(nn.Module):
    {inherited}

class Net(Base{bases}):
    {of_class}

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x + {expression})
"""


def executed(
    number: float, expression: str, before: str = "", of_class: str = "", inherited: str = "pass", bases: str = ""
) -> nn.Module:
    """A class that was typed in, with a number somewhere."""
    filled = {
        "before": before.replace("NUMBER", repr(number)),
        "of_class": textwrap.indent(of_class.replace("NUMBER", repr(number)), "    ").strip() or "pass",
        "inherited": textwrap.indent(inherited.replace("NUMBER", repr(number)), "    ").strip(),
        "expression": expression.replace("NUMBER", repr(number)),
        "bases": bases,
    }
    module = sys.modules["typed_in"] = types.ModuleType("typed_in")
    exec(CLASS.format(**filled), vars(module))
    return module.Net(body())
