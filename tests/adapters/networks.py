"""Small networks, with the same weights every time, and points to show them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


def network(*layers: nn.Module) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(*(layers or (nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 3)))).eval()


def dense(*sizes: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(before, after) for before, after in pairwise(sizes)]
    return nn.Sequential(nn.Flatten(), *[part for layer in layers for part in (layer, nn.Tanh())][:-1]).eval()


def points(n: int = 6, shape: tuple[int, ...] = (3, 2, 2)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, *shape, generator=generator), torch.randint(3, (n,), generator=generator)


class Saying(nn.Module):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        return self.answer(x)
