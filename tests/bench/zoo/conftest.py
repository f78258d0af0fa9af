"""What the tests of trainings share: the digits as rows of numbers, and a net that was trained on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from objectives import Split, spec, trained
from torch import Tensor

from bench.training import checkpoint as checkpoints
from bench.training.nets.base import Net


@pytest.fixture(scope="session")
def digits_flat(digits_train: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
    x, y = digits_train
    return torch.tensor(x), torch.tensor(y)


@pytest.fixture(scope="session")
def test_split(digits_test: Split) -> Split:
    return digits_test[0].flatten(1), digits_test[1]


@pytest.fixture(scope="session")
def plain(digits_flat: Split) -> Net:
    return trained(digits_flat, spec("plain"))


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch, however short."""
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)
