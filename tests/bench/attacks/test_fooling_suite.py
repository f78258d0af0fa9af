"""A suite of fooling images from end to end: planned, crafted, judged, recorded and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fooling_images import SHAPE, reached
from handmade import suite_of
from torch import nn

import bench
from adapters.base import Adapter
from bench.attacks import make_attack
from bench.board.rows import Row, rows
from bench.board.view import View
from bench.datasets import Dataset
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.plan import expand, jobs
from bench.planning.suite import parse_suite
from bench.progress import Progress
from bench.records.store import Store
from bench.running.roster import Models
from bench.running.runner import Runner
from bench.running.world import World
from bench.threats import Threat

ATTACKS = """\
  - {attack: gaussian-rubbish, n: 50}
  - {attack: fooling, n: 200, sources: all}
  - {attack: fooling, n: 30, target: 7, step: log-gradient, step_size: 2, steps: 10}
"""


def carry_out(models: dict[str, nn.Module], digits: Dataset, out: Path, batch: int | None = None) -> list[Row]:
    """The board of the suite, each model a source for the others."""
    suite, teller = suite_of(ATTACKS, list(models), board="rubbish"), Progress()
    shelf = Models(digits, "cpu")
    for name, net in models.items():
        shelf.add_guest(name, lambda net=net: net)  # type: ignore[misc]
    known = {name: shelf.info(name) for name in models}
    store = Store(out)
    store.prepare()
    planned = expand(suite, digits, known, {})
    summary = Runner(store, teller).run(jobs(item.cell for item in planned), World(digits, shelf.adapter, "cpu", batch))
    assert summary.failed == []
    return rows(View(suite, digits, store.records(teller.say), {}))


@pytest.fixture(scope="module")
def linear(digits_train: tuple[np.ndarray, np.ndarray]) -> nn.Module:
    """Softmax regression, as another model to carry images over to."""
    x, y = (torch.tensor(array) for array in digits_train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net.eval()


@pytest.fixture(scope="module")
def ran(
    digits: Dataset, digits_net: nn.Module, linear: nn.Module, tmp_path_factory: pytest.TempPathFactory
) -> list[Row]:
    return carry_out({"net": digits_net, "linear": linear}, digits, tmp_path_factory.mktemp("fooling"))


def test_a_suite_of_rubbish_and_fooling_images(ran: list[Row], source: Adapter, digits: Dataset) -> None:
    """The rate is that of images crafted by hand from the same draws."""
    row = next(row for row in ran if (row.attack, row.source, row.target, row.n) == ("fooling", "net", "net", 200))
    key = (0, digits.checksum, "fooling", 1)
    attack, drawn = make_attack("fooling", {}), Draws(key, np.arange(200))
    goals = torch.arange(200) % 10
    (images,) = attack.craft(source, torch.zeros(200, *SHAPE), goals, goals, [Threat()], drawn)
    hits = reached(source, images, goals)
    assert row.error == pytest.approx(float(hits.float().mean()))
    assert row.class_success == pytest.approx([float(hits[goals == k].float().mean()) for k in range(10)])
    assert row.mean_class_success == pytest.approx(row.error)  # twenty of each
    assert 0.3 < row.error < 1


def test_fooling_images_transfer(ran: list[Row]) -> None:
    """Crafted on one model, judged on the other, both ways; less good there than at home."""
    rate = {(row.source, row.target): row.error for row in ran if row.attack == "fooling" and row.n == 200}
    assert set(rate) == {(a, b) for a in ("net", "linear") for b in ("net", "linear")}
    assert 0 < rate["linear", "net"] < rate["net", "net"]


def test_ten_steps_reach_any_class(ran: list[Row]) -> None:
    row = next(row for row in ran if (row.attack, row.n, row.target) == ("fooling", 30, "net"))
    assert row.class_success == [1.0 if k == 7 else None for k in range(10)]
    assert row.confidence_on_mistakes > 0.5


def test_the_batch_changes_no_rate(
    ran: list[Row], digits: Dataset, digits_net: nn.Module, linear: nn.Module, tmp_path: Path
) -> None:
    again = carry_out({"net": digits_net, "linear": linear}, digits, tmp_path, batch=37)
    assert [(row.attack, row.target, row.error) for row in again] == [
        (row.attack, row.target, row.error) for row in ran
    ]


def test_a_target_beyond_the_classes_ends_the_run_in_words(digits_net: nn.Module, tmp_path: Path) -> None:
    suite = parse_suite("suite: tiny\ndataset: {name: digits}\nattacks:\n  - {attack: fooling, n: 5, target: 10}", "x")
    with pytest.raises(UsageError, match="there are 10 classes"):
        bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu")
