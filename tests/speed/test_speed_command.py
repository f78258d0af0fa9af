"""How long the command takes: its help, a first run of the main suite, and the same again with nothing left to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import zoo
from bench.planning.suite import load_suite

SUITE = "mnist-fgsm"


@pytest.fixture(scope="session")
def bench():
    """Run the installed command, away from the published results; its standard output and error."""
    command = Path(sys.executable).with_name("bench")

    def run(*arguments, cwd, **environment):
        env = {**os.environ, **environment}
        return subprocess.run([command, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=True)

    return run


@pytest.fixture(scope="session")
def models_ready():
    """Every reference model of the suite, refitted if need be: that is not what is timed."""
    suite = load_suite(SUITE)
    for name in suite.models:
        zoo.load(suite.dataset.name, name)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("workplace")


@pytest.mark.benchmark(group="command")
def test_help(benchmark, bench, tmp_path):
    benchmark.extra_info["command"] = "--help"
    benchmark.pedantic(bench, ("--help",), {"cwd": tmp_path}, rounds=10, warmup_rounds=1)
    assert "torch" not in imported(bench("--help", cwd=tmp_path, PYTHONPROFILEIMPORTTIME="1"))


@pytest.mark.slow
@pytest.mark.benchmark(group="command")
def test_first_run(benchmark, bench, models_ready, workplace):
    benchmark.extra_info["command"] = "first"
    said = benchmark.pedantic(bench, ("suite", SUITE, "--device", "cpu"), {"cwd": workplace})
    assert "Ran " in said.stdout


@pytest.mark.slow
@pytest.mark.benchmark(group="command")
def test_everything_done(benchmark, bench, models_ready, workplace):
    benchmark.extra_info["command"] = "done"
    bench("suite", SUITE, "--device", "cpu", cwd=workplace)  # at once, after the test above
    said = benchmark.pedantic(bench, ("suite", SUITE), {"cwd": workplace}, rounds=10, warmup_rounds=1)
    assert "Nothing to do" in said.stdout
    assert "torch" not in imported(bench("suite", SUITE, cwd=workplace, PYTHONPROFILEIMPORTTIME="1"))


def imported(said):
    """The modules that a run imported, from what Python wrote under PYTHONPROFILEIMPORTTIME."""
    return {line.rpartition("|")[2].strip() for line in said.stderr.splitlines() if line.startswith("import time:")}
