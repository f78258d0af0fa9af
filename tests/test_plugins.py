"""Packages that add attacks, datasets and suites by entry points, built and installed as their users do it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).with_name("fixtures")
WARNING = "warning: package potemkin-broken does not import (RuntimeError: no luck today); repair or uninstall it"
MODEL = """\
import adapters
import torch


@adapters.register("mean")
def mean():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[0.0] * 4, [0.25] * 4]))
        net[1].bias.copy_(torch.tensor([0.0, -0.5]))
    return adapters.wrap(net.eval())
"""

pytestmark = pytest.mark.slow


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both packages installed from copies: building leaves files in the source tree."""
    folder = tmp_path_factory.mktemp("plugins")
    names = ("plugin", "broken_plugin")
    for name in names:
        shutil.copytree(FIXTURES / name, folder / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    paths = [str(folder / name) for name in names]
    run([*pip, "--no-deps", "--no-build-isolation", "--target", str(folder / "site"), *paths], folder)
    return folder / "site"


def bench(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, "-c", "from bench.cli.app import main; main()"]
    return run([*start, *arguments], folder, PYTHONPATH=os.pathsep.join((str(site), str(ROOT))))


@pytest.mark.parametrize(
    ("kind", "new", "old"),
    [("attacks", "brighten", "fgsm"), ("datasets", "patches", "mnist"), ("suites", "patches-brighten", "mnist-fgsm")],
)
def test_what_a_package_adds_is_listed_and_a_broken_one_is_a_warning(
    kind: str, new: str, old: str, site: Path, tmp_path: Path
) -> None:
    listed = bench(site, tmp_path, "list", kind, "--json")
    names = [entry["name"] for entry in json.loads(listed.stdout)]
    assert {new, old} <= set(names)
    assert not [name for name in names if "broken" in name]
    assert listed.stderr.splitlines() == [WARNING]


def test_its_suite_runs_on_its_dataset_with_its_attack(site: Path, tmp_path: Path) -> None:
    """Dark patches of 77/255 are taken for bright ones at 0.25 and not at 0.1; bright ones stay bright."""
    (tmp_path / "mine.py").write_text(MODEL, encoding="utf-8")
    own = ["suite", "patches-brighten", "--model", "mine.py", "--progress", "none"]
    ran = bench(site, tmp_path, *own, "--device", "cpu")
    assert set(ran.stderr.splitlines()) <= {WARNING}
    board = bench(site, tmp_path, "leaderboard", "--format", "json")
    assert board.stderr.splitlines() == [WARNING]
    rows = json.loads(board.stdout)
    found = {row["eps"]: row["robust_accuracy"] for row in rows if row["attack"] == "brighten"}
    assert found == {0.1: 1.0, 0.25: 0.5}
