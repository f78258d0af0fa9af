"""A few of the faults of which `make faults` makes hundreds, and the page that it writes.

Runs are killed in `tests/test_resume.py`, bits flipped in `tests/bench/records/test_checksums.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import hostile_yaml
from tests.faults.mutants import idx_files, images
from tests.faults.outcome import Outcome
from tests.faults.syscalls import syscalls

ROOT = Path(__file__).parents[2]


def test_hostile_yaml_is_answered_in_a_line(tmp_path: Path) -> None:
    assert len(hostile_yaml.texts(100)) >= 100
    found = hostile_yaml.hostile_yaml(25, tmp_path, 20_000)
    assert found.ok, found.wrong


@pytest.mark.parametrize("measure", [images, idx_files])
def test_mutated_files_are_read_right_or_refused(
    measure: Callable[[int, Path], Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    found = measure(40, tmp_path)
    assert found.ok, found.wrong
    assert len(found.found) == 2


@pytest.mark.slow
def test_faults_at_system_calls_lose_nothing(tmp_path: Path) -> None:
    found = syscalls(3, tmp_path)
    assert found.ok, found.wrong


@pytest.mark.slow
def test_faults_at_functions_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What machines without strace do in its place."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    found = syscalls(2, tmp_path)
    assert found.ok, found.wrong


def test_the_page_has_the_numbers_that_it_promises() -> None:
    page = (ROOT / "docs/faults.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) +\| +([0-9,]+) \|.*\| yes +\|$", page, re.MULTILINE)
    found = {name: int(number.replace(",", "")) for name, number in rows}
    assert sum(number for name, number in found.items() if name.startswith("Bits")) == 3000
    assert found["Hostile YAML files"] == 100
    assert found["Mutated images"] + found["Mutated IDX files"] == 1000
    assert found["Runs killed after a new record"] == 300
    assert found["System calls of publishing"] >= 60
