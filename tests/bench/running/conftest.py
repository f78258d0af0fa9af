"""What the tests of running share: a run of a sound network, and two workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from carried import Ran, carry_out
from torch import nn

from bench.datasets import Dataset
from bench.running.workers import LocalWorkers


@pytest.fixture(scope="session")
def sound(digits: Dataset, digits_net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The network that the broken ones are made of, on its own."""
    return carry_out({"net": digits_net}, digits, tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def two() -> Iterator[LocalWorkers]:
    with LocalWorkers(2, threads=1) as workers:
        yield workers
