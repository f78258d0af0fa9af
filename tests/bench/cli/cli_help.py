"""What the command tests import: a suite and models to run, and how a call of the command is judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SUITE = """\
suite: tiny
summary: small and quick
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}
  - {attack: sign-noise, norm: linf, eps: 0.2}
rank_by: {eps: 0.2}
"""
MODELS = """\
import adapters, numpy, torch
from bench.datasets import open_dataset


@adapters.register("net", dataset="digits")
def net():
    data = open_dataset("digits")
    x, y = data.examples("train", slice(None)).reshape(-1, 64), data.labels("train")
    means = torch.from_numpy(numpy.stack([x[y == k].mean(0) for k in range(10)]))
    layer = torch.nn.Linear(64, 10)
    layer.weight.data, layer.bias.data = 5 * means, -2.5 * (means**2).sum(1)
    return torch.nn.Sequential(torch.nn.Flatten(), layer).eval()


@adapters.register("three")
def three():
    return adapters.black_box(lambda x: numpy.full(len(x), 3), version="1")


@adapters.register("other", dataset="mnist")
def other():
    raise AssertionError("not for this dataset")


torch.manual_seed(1)
wide = torch.nn.Linear(5, 10)
broken = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 7)).eval()
number = 3
"""


class Said(NamedTuple):
    code: int
    out: str
    err: str


Bench = Callable[..., Said]


def refused(said: Said, *pieces: str) -> None:
    """Exit code 2, nothing on standard output, and one line on standard error that holds the pieces."""
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.startswith("bench: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    for piece in pieces:
        assert piece in said.err


def cells() -> dict[str, int]:
    """Record files and the moment that each was written."""
    return {path.name: path.stat().st_mtime_ns for path in Path("bench-out/results/cells").glob("*.json")}
