"""Who may import whom, what must never load torch, and how large files and functions may be."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = """\
suite: tiny
dataset: {name: digits}
models: [softmax-regression]
attacks: [{attack: fgsm, norm: linf, eps: 0.1}, {attack: gaussian-rubbish, n: 10}]
"""
PROBE = """\
import json, os, sys
import bench.cli.app

for number, question in enumerate(json.loads(sys.argv[1])):
    if os.fork():
        os.wait()
        continue
    try:
        exec(question) if isinstance(question, str) else bench.cli.app.main(question)
    except SystemExit as end:
        assert not end.code, end.code
    with open(f"loaded-{number}.json", "w") as file:
        json.dump([name for name in ("torch", "sklearn") if name in sys.modules], file)
    sys.stdout.flush()
    os._exit(0)
"""
QUESTIONS: list[str | list[str]] = [
    "import bench, adapters, suites, bench.cli.app, bench.attacks, bench.datasets, bench.zoo, adapters.registry",
    "import bench.registry, bench.threats, bench.records, bench.training, bench.planning.plan",
    "import bench.running.session, bench.board.rows, bench.report.boards",
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
    ["compare", "rbf-svm", "knn", "--suite", "mnist-fgsm", "--out", str(ROOT), "--figure", "flips.png"],
    ["leaderboard", "mnist-rubbish", "--format", "html", "--out", str(ROOT), "--site", "site"],
]
"""Statements, and arguments of the command."""
WRAPS = "import adapters; adapters.wrap"


def shown(what: str | list[str]) -> str:
    return what if isinstance(what, str) else " ".join(what)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str] | None]:
    """The heavy libraries that are loaded after each of the questions, from one process that has the command loaded and
    asks each in a fork of its own; None after one that failed.
    """
    folder, questions = tmp_path_factory.mktemp("loaded"), [*QUESTIONS, WRAPS]
    (folder / "tiny.yaml").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(questions)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    sys.stderr.write(done.stderr)
    paths = [folder / f"loaded-{number}.json" for number in range(len(questions))]
    return {
        shown(what): json.loads(path.read_text()) if path.exists() else None
        for what, path in zip(questions, paths, strict=True)
    }


@pytest.mark.parametrize("what", QUESTIONS, ids=shown)
def test_loads_neither_torch_nor_scikit_learn(what: str | list[str], loaded: dict[str, list[str] | None]) -> None:
    """Help, lists, plans and boards answer at once."""
    assert loaded[shown(what)] == []


def test_the_probe_sees_what_is_loaded(loaded: dict[str, list[str] | None]) -> None:
    assert loaded[WRAPS] == ["torch"]


# -- floors -----------------------------------------------------------------------------------------------------------

FLOORS: tuple[tuple[str, ...], ...] = (
    ("adapters.identity",),
    ("adapters.errors", "adapters.rounding"),
    ("adapters.structures",),
    ("adapters.identified", "adapters.base"),
    ("adapters.threads", "adapters.precision"),
    ("adapters.compiled", "adapters.categories"),
    ("adapters.trees",),
    ("adapters.sklearn", "adapters.boosters"),
    ("adapters",),
    (
        "bench.errors",
        "bench.cores",
        "bench.home",
        "bench.files",
        "bench.progress",
        "bench.strict_yaml",
        "bench.table",
        "bench.screen",
        "bench.choices",
        "bench.registry",
        "suites",
    ),
    ("bench.threats", "bench.draws", "bench.pool"),
    ("bench.datasets", "bench.exact"),
    ("bench.attacks",),
    ("bench.records",),
    ("bench.planning",),
    ("bench.board",),
    ("bench.report",),
    ("bench.checks", "bench.verifying"),
    ("bench.training",),
    ("bench.zoo",),
    ("bench.running",),
    ("bench.paper", "bench.selftest"),
    ("bench", "bench.api", "bench.testing", "bench.worker"),
    ("bench.cli",),
)
"""From the ground up: who stands on a floor, itself or in whose package. Imports go down, or stay on their floor."""

PRODUCT = sorted(path for package in ("adapters", "bench", "suites") for path in (ROOT / package).rglob("*.py"))
PICKLES = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in PRODUCT}


def imported(path: Path) -> set[str]:
    """All modules that a file imports: at its top, within functions, and for types alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            # `from bench import zoo` imports a module; `from bench.zoo import load` a name of one.
            found = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            names |= found if len(found) == len(node.names) else found | {node.module}
    return names


@cache
def imports() -> dict[str, set[str]]:
    """By module."""
    return {module: imported(path) for module, path in MODULES.items()}


def ours() -> dict[str, set[str]]:
    """Those of our own, by module."""
    return {module: (names & MODULES.keys()) - {module} for module, names in imports().items()}


def floor(module: str) -> int:
    """The floor of the nearest package around a module that has one, or its own; a face stands for itself alone."""
    for level, names in enumerate(FLOORS):
        if module in names:
            return level
    around = module.rpartition(".")[0]
    assert around not in ("", "bench"), f"{module} has no floor"
    return floor(around)


def circles(graph: dict[str, set[str]]) -> list[str]:
    """The first circle of a graph, in the order in which it is gone round."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def package_of(module: str) -> str:
    """`bench.running` of `bench.running.workers.pool`; a module beside the packages is its own."""
    return ".".join(module.split(".")[:2])


def test_imports_are_seen_wherever_they_are() -> None:
    assert "bench.zoo" in imports()["bench.running.roster"]
    assert "adapters.fitting" in imports()["bench.running.making"]  # within a function
    assert "adapters.base" in imports()["bench.running.roster"]  # for types alone
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})


def test_imports_go_down() -> None:
    upwards = [(module, name) for module, names in ours().items() for name in names if floor(name) > floor(module)]
    assert sorted(upwards) == []


def test_no_circle_of_modules() -> None:
    assert circles(ours()) == []


def test_no_circle_of_packages() -> None:
    graph: dict[str, set[str]] = {}
    for module, names in ours().items():
        graph.setdefault(package_of(module), set()).update(map(package_of, names))
    assert circles({package: names - {package} for package, names in graph.items()}) == []


def test_nobody_imports_the_command() -> None:
    reached = [(module, name) for module, names in ours().items() for name in names if name.startswith("bench.cli")]
    assert [each for each in reached if not each[0].startswith("bench.cli")] == []


def test_an_attack_only_proposes() -> None:
    """It knows models, threats and draws alone: no records, no files, no progress."""
    models = ("adapters.base", "adapters.errors", "adapters.rounding", "adapters.structures")
    allowed = (*models, "bench.attacks", "bench.draws", "bench.errors", "bench.exact", "bench.pool", "bench.threats")
    attacks = {module: names for module, names in ours().items() if module.startswith("bench.attacks.")}
    assert [(module, name) for module, names in attacks.items() for name in names if not name.startswith(allowed)] == []


def test_a_board_is_a_pure_function_of_a_suite_and_its_records() -> None:
    """It knows no model."""
    boards = ("bench.records", "bench.board", "bench.report")
    reached = [(module, name) for module, names in ours().items() if module.startswith(boards) for name in names]
    assert [each for each in reached if each[1].startswith("adapters")] == []


def test_nothing_is_unpickled() -> None:
    """But what workers of one's own run are sent."""
    uses = {(module, name.partition(".")[0]) for module, names in imports().items() for name in names}
    found = {(module, name) for module, name in uses if name in PICKLES}
    assert {each for each in found if not each[0].startswith("bench.running.workers")} == set()
    assert {name for _, name in found} <= {"cloudpickle"}


# -- sizes ------------------------------------------------------------------------------------------------------------


def test_no_file_is_over_300_lines() -> None:
    sizes = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: size for module, size in sizes.items() if size > 300} == {}


def test_no_function_is_over_60_lines() -> None:
    found = {}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                found[f"{module}.{node.name}:{node.lineno}"] = node.end_lineno - node.lineno + 1
    assert {function: size for function, size in found.items() if size > 60} == {}
