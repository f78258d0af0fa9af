"""Networks as people write them: made again, in whatever process, each is the same model.

Run as a program it prints their fingerprints as JSON, and those of what came through cloudpickle.
"""

from __future__ import annotations

import functools
import json
import sys
import uuid
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

import adapters
from adapters import identity


def seeded(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """The same weights every time."""

    @functools.wraps(make)
    def made() -> nn.Module:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            net = make()
            return net if isinstance(net, torch.fx.GraphModule) else net.eval()  # torch.export's are as they are

    return made


class Body(nn.Module):
    """A module of the user's with a part whose output is passed on by a function."""

    def __init__(self, part: nn.Module, use: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.part, self.use, self.head = part, use, nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.use(self.part, x.flatten(1).reshape(len(x), 2, 6)))


class Tagged(nn.Module):
    """A run's id, an address and a counter, of which nothing but the repr makes any use."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        Tagged.made += 1
        self.number, self.run, self.here, self.tag = Tagged.made, uuid.uuid4().hex, id(self), object()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))

    def extra_repr(self) -> str:
        return f"{self.number} of run {self.run} at {self.here:x}, {self.tag}"

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Knowing(nn.Module):
    """Sets, dictionaries, a parent and a cycle."""

    def __init__(self) -> None:
        super().__init__()
        self.words = {"one", "two", "three", "four", "five"}
        self.table = {word: len(word) for word in self.words}
        self.functions = {torch.relu, torch.tanh, torch.sigmoid}
        self.loop: list[Any] = []
        self.loop.append(self.loop)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
        self.body.owner = [self]  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        for function in self.functions:
            x = x + 0 * function(x)
        return self.body(x) + len(self.words) + self.table["one"] + len(self.loop) + len(self.body.owner)


def hooked() -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    net[1].register_forward_hook(lambda module, inputs, output: output * 2)
    net.register_forward_pre_hook(lambda module, inputs, kwargs: (inputs, kwargs), with_kwargs=True)
    net.handle = net.register_forward_hook(functools.partial(scaled, by=np.float32(2)))  # type: ignore[assignment]
    return net


def scaled(module: nn.Module, inputs: Any, output: Tensor, by: float) -> Tensor:
    return output * by


def dense() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


def static_quantised() -> nn.Module:
    net = nn.Sequential(torch.ao.quantization.QuantStub(), dense(), torch.ao.quantization.DeQuantStub()).eval()
    net.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")  # type: ignore[assignment]
    prepared = torch.ao.quantization.prepare(net)
    prepared(torch.linspace(-1, 1, 48).reshape(4, 1, 3, 4))
    return torch.ao.quantization.convert(prepared)


def attention(part: Any, x: Tensor) -> Tensor:
    return part(x, x, x)[0].mean(1)


NETS: dict[str, Callable[[], nn.Module]] = {
    "dense": dense,
    "named": lambda: nn.Sequential(OrderedDict(flat=nn.Flatten(), out=nn.Linear(12, 3))),
    "batch norm": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3)
    ),
    "convolutions": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 2), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ),
    "attention": lambda: Body(nn.MultiheadAttention(6, 2, batch_first=True), attention),
    "transformer": lambda: Body(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8), 2), lambda part, x: part(x).mean(1)
    ),
    "encoder and decoder": lambda: Body(nn.Transformer(6, 2, 1, 1, 8), lambda part, x: part(x, x).mean(1)),
    "lstm": lambda: Body(nn.LSTM(6, 6, batch_first=True), lambda part, x: part(x)[0][:, -1]),
    "old weight norm": lambda: nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(12, 3))),
    "old spectral norm": lambda: nn.Sequential(nn.Flatten(), nn.utils.spectral_norm(nn.Linear(12, 3))),
    "weight norm": lambda: nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(12, 3))),
    "spectral norm": lambda: nn.Sequential(nn.Flatten(), nn.utils.parametrizations.spectral_norm(nn.Linear(12, 3))),
    "lambda": lambda: Body(nn.Identity(), lambda part, x: torch.relu(part(x)).sum(1)),
    "hooks": hooked,
    "dynamically quantised": lambda: torch.ao.quantization.quantize_dynamic(dense(), {nn.Linear}),
    "statically quantised": static_quantised,
    "compiled": lambda: torch.compile(dense(), backend="eager"),  # type: ignore[dict-item, return-value]
    "scripted": lambda: torch.jit.script(dense()),
    "traced": lambda: torch.jit.trace(dense().eval(), torch.zeros(2, 1, 3, 4)),
    "exported": lambda: torch.export.export(dense().eval(), (torch.zeros(2, 1, 3, 4),)).module(),
    "graph": lambda: torch.fx.symbolic_trace(dense()).eval(),
    "pruned": lambda: prune.l1_unstructured(nn.Sequential(nn.Flatten(), nn.Linear(12, 3))[1], "weight", 2),
    "tagged": Tagged,
    "knowing": Knowing,
}
NETS = {name: seeded(make) for name, make in NETS.items()}

SHAPE = (1, 3, 4)


UNWRAPPED = ("old weight norm", "pruned")
"""Those that `wrap` does not take as they are made here: a walk over them is another matter."""
_LEFT = (*UNWRAPPED, "weight norm", "spectral norm", "compiled", "graph", "scripted", "traced", "exported")
UNPICKLED = [name for name in NETS if name not in _LEFT]


def told(net: nn.Module) -> str:
    return identity.see({"": net}).digest


def digests() -> dict[str, str]:
    return {name: told(make()) for name, make in NETS.items()}


def unpickled() -> dict[str, str]:
    """Of adapters that went through cloudpickle, as to a worker."""
    import cloudpickle

    return {name: cloudpickle.loads(cloudpickle.dumps(adapters.wrap(NETS[name]()))).fingerprint for name in UNPICKLED}


if __name__ == "__main__":
    import ordinary_nets

    sys.stdout.write(json.dumps([ordinary_nets.digests(), ordinary_nets.unpickled()]))
