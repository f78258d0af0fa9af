"""What the comparisons share: the reference net, the test images, and the other libraries where they are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from adapters.base import Adapter
from bench import zoo
from bench.datasets import Dataset, open_dataset


@pytest.fixture(scope="session")
def peer() -> Callable[[str], Any]:
    """A module of another library, by name; without it, the test is skipped."""

    def imported(name: str) -> Any:
        return pytest.importorskip(name, reason=f"{name.partition('.')[0]} is installed by: make speed")

    return imported


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return open_dataset("mnist")


@pytest.fixture(scope="session")
def maxout() -> Adapter:
    """The reference maxout net; none of its weights asks for a gradient, which spares the other libraries that work."""
    return zoo.load("mnist", "maxout")


@pytest.fixture(scope="session")
def images(mnist: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """`(10000, 784)` test images, flat as the net takes them, and their labels."""
    x = torch.from_numpy(mnist.examples("test", slice(None))).flatten(1)
    return x, torch.tensor(mnist.labels("test"))
