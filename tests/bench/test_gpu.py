"""A GPU gives the outcomes of the CPU: labels agree but for near-ties that rounding moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import bench
from bench.records.store import Store

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here"),
]


MINE = """
import adapters, torch

@adapters.register("net", dataset="digits")
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
"""


@pytest.mark.parametrize("models", [None, "mine.py"])
def test_every_cell_of_the_digits_suite_agrees_with_the_cpu(models: str | None, elsewhere: Path) -> None:
    """Of the suite's models, and of one in a process of its own, whose tensors go by the host's memory."""
    (elsewhere / "mine.py").write_text(MINE)
    stores = []
    for device in ("cpu", "cuda"):
        bench.run("digits-fgsm", [] if models is None else [models], device=device, out=elsewhere / device)
        stores.append(Store(elsewhere / device / "results").records(pytest.fail))
    on_cpu, on_gpu = stores
    assert on_cpu.keys() == on_gpu.keys()
    for id, record in on_cpu.items():
        other = on_gpu[id]
        assert other.result.status == record.result.status
        assert other.run.device != record.run.device
        # A gradient whose sign turns on the last bit moves a whole pixel, so attacked cells may differ in a few labels.
        allowed = 0 if record.cell.craft.source is None else max(3, record.result.n // 50)
        assert record.differing_labels(other) <= allowed, str(record.cell)
        assert np.array_equal(record.result.index, other.result.index) if record.cell.craft.slice.partial else True
