"""What the tests of checks share: the examples that they are made on."""

from __future__ import annotations

import pytest
from torch import Tensor


@pytest.fixture(scope="module")
def examples(digits_test: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return digits_test[0][:100], digits_test[1][:100]
