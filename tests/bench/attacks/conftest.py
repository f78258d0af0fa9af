"""What the tests of attacks share: the small network of digits, to craft on."""

from __future__ import annotations

import pytest
from torch import nn

import adapters
from adapters.base import Adapter


@pytest.fixture(scope="module")
def source(digits_net: nn.Module) -> Adapter:
    return adapters.wrap(digits_net)
