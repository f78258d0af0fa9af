"""Who may import whom, and what must never load torch."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "sklearn")

SUITE = """\
suite: tiny
dataset: {name: digits}
models: [softmax-regression]
attacks: [{attack: fgsm, norm: linf, eps: 0.1}, {attack: gaussian-rubbish, n: 10}]
"""
PROBE = """\
import json, sys
arguments = json.loads(sys.argv[1])
try:
    exec(arguments) if isinstance(arguments, str) else __import__("bench.cli.app").cli.app.main(arguments)
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", json.dumps([name for name in ("torch", "sklearn") if name in sys.modules]))
"""


def loaded_after(what: str | list[str], folder: Path) -> list[str]:
    """The heavy libraries that are loaded after a statement, or after the command with these arguments."""
    (folder / "tiny.yaml").write_text(SUITE)
    found = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(what)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr
    names: list[str] = json.loads(found.stdout.rpartition("LOADED ")[2])
    return names


@pytest.mark.parametrize(
    "what",
    [
        "import bench, adapters, suites, bench.cli.app, bench.attacks, bench.datasets, bench.zoo, adapters.registry",
        "import bench.planning.plan, bench.running.session, bench.board.rows, bench.report.leaderboard",
        ["--help"],
        ["suite", "--help"],
        ["list", "suites"],
        ["list", "models"],
        ["list", "attacks"],
        ["list", "datasets"],
        ["list", "families"],
        ["check", "--help"],
        ["suite", "tiny.yaml", "--dry-run"],
        ["suite", "mnist-fgsm", "--dry-run"],
        ["leaderboard", "--out", str(ROOT)],
        ["leaderboard", "mnist-fgsm", "--format", "json", "--out", str(ROOT)],
        ["leaderboard", "digits-fgsm", "--format", "json"],
    ],
    ids=lambda what: what if isinstance(what, str) else " ".join(what),
)
def test_loads_neither_torch_nor_scikit_learn(what: str | list[str], tmp_path: Path) -> None:
    """Help, lists, plans and boards answer at once."""
    assert loaded_after(what, tmp_path) == []


def test_the_probe_sees_what_is_loaded(tmp_path: Path) -> None:
    assert loaded_after("import adapters; adapters.wrap", tmp_path) == ["torch"]


# -- layers -----------------------------------------------------------------------------------------------------------


def sources(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


def imported(path: Path) -> set[str]:
    """The modules of ours that a file imports, at its top or anywhere within."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            # `from bench import zoo` imports a module; `from bench.zoo import load` a name of one.
            names |= {node.module} | {
                f"{node.module}.{alias.name}" for alias in node.names if is_module(f"{node.module}.{alias.name}")
            }
    return {name for name in names if name.partition(".")[0] in ("bench", "adapters", "suites")}


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_the_probe_sees_imports() -> None:
    assert {"bench.zoo", "bench.planning.plan", "bench.datasets"} <= imported(ROOT / "bench/running/session.py")
    assert "bench.running.runner" in imported(ROOT / "bench/running/session.py")  # within a function


@pytest.mark.parametrize("path", sources("adapters"), ids=lambda path: str(path.relative_to(ROOT)))
def test_adapters_know_nothing_of_the_bench(path: Path) -> None:
    assert {name for name in imported(path) if not name.startswith("adapters")} == set()


@pytest.mark.parametrize("path", sources("bench"), ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_imports_the_command(path: Path) -> None:
    assert "bench.cli.app" not in imported(path)


@pytest.mark.parametrize("path", sources("bench/attacks"), ids=lambda path: str(path.relative_to(ROOT)))
def test_attacks_know_models_threats_and_draws_alone(path: Path) -> None:
    """No records, no files, no progress: an attack only proposes."""
    allowed = {"adapters.base", "bench", "bench.draws", "bench.threats", "bench.errors", "bench.registry"}
    assert {name for name in imported(path) if not name.startswith("bench.attacks")} <= allowed


@pytest.mark.parametrize("package", ["bench/records", "bench/board", "bench/report"])
def test_results_and_reports_know_no_model(package: str) -> None:
    """A board is a pure function of a suite and its records."""
    known = set().union(*(imported(path) for path in sources(package)))
    assert not {name for name in known if name.startswith(("adapters", "bench.zoo", "bench.running"))}


@pytest.mark.parametrize(
    "path", [*sources("bench"), *sources("adapters")], ids=lambda path: str(path.relative_to(ROOT))
)
def test_pickle_is_never_used(path: Path) -> None:
    """But by what goes to the workers of one's own run."""
    if path == ROOT / "bench/running/workers/protocol.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not names & {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
