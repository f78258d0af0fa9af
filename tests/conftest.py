"""What all tests share: a cache folder of their own, the digits, and small models fitted on them in a moment."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The folders here mirror the packages. Where the root is not looked at, `tests/bench` passes for the package `bench`.
sys.path.insert(0, str(Path(__file__).parents[1]))

# Where processes share cores, OpenMP's threads that do not sleep while they wait take a hundred times longer.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
import torch
from hypothesis.configuration import set_hypothesis_home_dir
from known_models import DigitsNet

from bench.datasets import Dataset, open_dataset

set_hypothesis_home_dir(Path(__file__).parents[1] / ".hypothesis")  # not where the tests are run

# Their assertions, too, say what was on either side.
pytest.register_assert_rewrite(
    "boosted", "browsing", "cli_help", "figures_help", "fooling_images", "one_number", "sklearn_cases"
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the tests, files with slow ones go first: else one would be left with them at the end.

    Of these the last come first, which are those that start processes and kill them.
    """
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        place = {path: number for number, path in enumerate(dict.fromkeys(item.path for item in items))}
        items.sort(key=lambda item: (0, -place[item.path]) if item.path in slow else (1, place[item.path]))


def pytest_collection_finish() -> None:
    """All modules are loaded and stay: the collector need not go through them time and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty working directory: in the repository's every run would read the published records and write their boards
    beside its own.
    """
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("away"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session", autouse=True)
def bench_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache of downloads and refitted models, never the user's own; one for all processes that share the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "bench-home"
    folder.mkdir(exist_ok=True)
    before = os.environ.get("BENCH_HOME")
    os.environ["BENCH_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["BENCH_HOME"]
    else:
        os.environ["BENCH_HOME"] = before


@pytest.fixture(scope="session", autouse=True)
def one_thread(request: pytest.FixtureRequest) -> None:
    """Tests are small: on busy cores two threads that wait for each other take ten times longer than one.

    Benchmarks, which leave `--benchmark-skip` out, keep them all.
    """
    if request.config.getoption("benchmark_skip", False):
        torch.set_num_threads(1)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory: no published results, no leaderboard."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return open_dataset("digits")


@pytest.fixture(scope="session")
def digits_train(digits: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Flat training examples and their labels."""
    n = digits.sizes["train"]
    return digits.examples("train", slice(None)).reshape(n, -1), digits.labels("train")


@pytest.fixture(scope="session")
def digits_test(digits: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """`(599, 1, 8, 8)` test images and their labels."""
    return torch.from_numpy(digits.examples("test", slice(None))), torch.tensor(digits.labels("test"))


@pytest.fixture(scope="session")
def digits_net(digits_train: tuple[np.ndarray, np.ndarray]) -> torch.nn.Module:
    """A small network, right on more than 90% of the test digits."""
    x, y = (torch.tensor(array) for array in digits_train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = DigitsNet()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net.eval()


@pytest.fixture(scope="session")
def digits_svc(digits_train: tuple[np.ndarray, np.ndarray]) -> Any:
    """A fitted support vector machine with an RBF kernel."""
    from sklearn.svm import SVC

    return SVC(gamma=1.0).fit(*digits_train)
