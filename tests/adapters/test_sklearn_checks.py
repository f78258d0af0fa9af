"""Every compiled family passes the checks that its owner could run: `bench.testing.check_adapter`."""

from __future__ import annotations

import pytest
import torch
from sklearn_cases import CASES, LABELLINGS, adapter, digits

from bench.testing import check_adapter

pytestmark = [pytest.mark.thorough, pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.mark.parametrize("name", CASES)
def test_nothing_fails(name: str) -> None:
    _, _, x, y = digits()
    labels = LABELLINGS[CASES[name].labellings[0]](y[:40])
    check_adapter(adapter(name), torch.from_numpy(x[:40]), labels).raise_if_failed()
