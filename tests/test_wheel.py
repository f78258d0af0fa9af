"""The wheel: all data in it, nothing that does not belong, and a working command from any directory."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = ("adapters", "bench", "suites")
DATA = (
    "adapters/py.typed",
    "bench/py.typed",
    "suites/*.yaml",
    "suites/archive/*.yaml",
    "bench/datasets/mnist/*",
    "bench/paper/*.md",
    "bench/paper/*.yaml",
    "bench/report/*.md",
    "bench/report/*.yaml",
    "bench/report/page/*.yaml",
    "bench/report/page/templates/*",
    "bench/report/page/static/*",
    "bench/zoo/**/*.yaml",
    "bench/zoo/**/*.json",
    "bench/zoo/**/*.safetensors",
    "bench/zoo/**/LICENSE-*",
)

RUN = """\
import pathlib, adapters, bench, suites, torch

for package in (adapters, bench, suites):
    print(package.__name__, pathlib.Path(package.__file__).parent)
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
board = bench.run("tiny.yaml", {"net": net}, device="cpu")
print("rows", len(board.rows), {row.status for row in board.rows})
from bench.datasets import open_dataset

print("mnist", open_dataset("mnist").labels("test")[:5].tolist())
"""
SUITE = """\
suite: tiny
dataset: {name: digits}
attacks: [{attack: fgsm, norm: linf, eps: 0.1}]
"""


def run(arguments: list[str], cwd: Path, **environment: str) -> str:
    found = subprocess.run(
        arguments, cwd=cwd, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build folder of an earlier tree can add to it and none is left here."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in (*PACKAGES, "tests", "results", "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            run(["cp", "-R", str(ROOT / name), str(tree)], folder)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", "made", str(tree)], folder)
    (made,) = (folder / "made").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_data_file_is_in_it(names: set[str]) -> None:
    """Build tools leave data out without a word."""
    for pattern in DATA:
        found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern) if path.is_file()}
        assert found, pattern
        assert found <= names


def test_every_module_is_in_it(names: set[str]) -> None:
    for package in PACKAGES:
        assert {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")} <= names


def test_nothing_else_is_in_it(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    (info,) = tops - set(PACKAGES)
    assert info.startswith("potemkin_bench-")
    assert info.endswith(".dist-info")
    assert {name for name in names if name.endswith((".pyc", ".orig", ".tmp"))} == set()
    assert any(name.startswith(f"{info}/licenses/") and "mnist" in name for name in names)
    for net in ("MIPVerify_data", "convex_adversarial"):
        assert any(name.startswith(f"{info}/licenses/") and name.endswith(f"LICENSE-{net}") for name in names)


def test_it_works_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", str(site), str(wheel)], tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "tiny.yaml").write_text(SUITE)
    said = run([sys.executable, "-c", RUN], folder, PYTHONPATH=str(site)).splitlines()
    for line, package in zip(said, PACKAGES, strict=False):
        assert line == f"{package} {site / package}"
    assert said[3:] == ["rows 2 {'ok'}", "mnist [7, 2, 1, 0, 4]"]
    assert (folder / "bench-out/leaderboard.md").is_file()
    command = run([sys.executable, str(site / "bin/bench"), "list", "suites"], folder, PYTHONPATH=str(site))
    assert "mnist-fgsm" in command
    models = run([sys.executable, str(site / "bin/bench"), "list", "models"], folder, PYTHONPATH=str(site))
    assert "maxout" in models
