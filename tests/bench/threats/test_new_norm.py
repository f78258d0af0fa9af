"""A norm of somebody's own is one file and one line: attacks, noise, judge and suites then know it."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import adapters
from bench.attacks import make_attack
from bench.draws import Draws
from bench.planning.entry import Entry
from bench.running.judge import InvalidCandidate, audit
from bench.threats import NORMS, Threat

FILE = '''\
"""L_inf in which the features take turns: every second one may change twice as much."""

from bench.threats import Geometry


def weights(x):
    return 1.0 + (x.new_ones(x[0].numel()).cumsum(0) % 2 == 0).reshape(x.shape[1:])


class Weighted(Geometry):
    name = "weighted"
    title = "weighted L_inf"

    def step(self, gradient):
        return gradient.sign() * weights(gradient)

    def projected(self, delta, eps):
        return delta.clamp(-eps * weights(delta), eps * weights(delta))

    def lengths(self, delta):
        return (delta.abs() / weights(delta)).amax(1)

    def uniform(self, draws, shape, draw):
        import torch

        return (2 * draws.uniform(shape, draw) - 1) * weights(torch.zeros(1, *shape)).numpy()

    def extreme(self, draws, shape, draw):
        import torch

        return draws.signs(shape, draw) * weights(torch.zeros(1, *shape)).numpy()
'''


@pytest.fixture
def weighted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Write the file and add the line; the weights of four features."""
    (tmp_path / "weighted.py").write_text(FILE)
    spec = spec_from_file_location("weighted", tmp_path / "weighted.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(NORMS, "weighted", module.Weighted())
    return torch.tensor([1.0, 2, 1, 2])


@pytest.mark.parametrize("scale", [1.0, 255.0])
@pytest.mark.parametrize("name", ["fgsm", "iterated-fgsm", "uniform-noise", "sign-noise"])
def test_a_new_norm_is_one_file_and_one_line(name: str, scale: float, weighted: Tensor) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        source = adapters.wrap(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).eval())
    x = scale * torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    y = torch.arange(40) % 3
    budgets = [Threat(norm="weighted", eps=eps * scale, clip=(0, scale)) for eps in (0.05, 0.1)]
    draws = Draws((0, name), np.arange(40))
    for budget, moved in zip(budgets, make_attack(name, {}).craft(source, x, y, None, budgets, draws), strict=True):
        found = audit(moved, x, budget)
        assert found.largest is not None
        assert found.largest > 0.7 * budget.size
        free = (moved > 0) & (moved < scale)
        if name == "sign-noise":
            torch.testing.assert_close((moved - x).abs()[free], (budget.size * weighted).expand(40, 4)[free])
        elif name == "fgsm":
            assert torch.equal(moved, budget.cut(x + budget.size * (source.input_gradient(x, y).sign() * weighted)))
        with pytest.raises(InvalidCandidate, match=r"weighted L_inf distance of .* exceeds eps"):
            audit(moved, x, Threat(norm="weighted", eps=0.5 * budget.size, clip=(0, scale)))
    assert Entry(attack=name, norm="weighted", eps=0.1).norm == "weighted"  # type: ignore[arg-type]
