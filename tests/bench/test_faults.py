"""A few of the faults of which `make faults` makes hundreds, and the page that it writes.

Runs are killed at any moment in `tests/test_resume.py`, bits flipped in `tests/bench/records/test_checksums.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import hostile_yaml
from tests.faults.__main__ import together
from tests.faults.kills import kills
from tests.faults.mutants import idx_files, images
from tests.faults.outcome import Outcome
from tests.faults.syscalls import syscalls

ROOT = Path(__file__).parents[2]
SMALL = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: [0.05, 0.1, 0.15, 0.2]}
rank_by: {eps: 0.2}
"""


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


@pytest.mark.slow
def test_runs_killed_after_a_record_lose_and_leave_nothing(tmp_path: Path) -> None:
    """Neither records nor the inputs that are kept beside them."""
    found = kills(3, tmp_path, SMALL, 10)
    assert found.ok, found.wrong
    assert found.faults == 3


def test_seconds_of_the_processor_and_of_the_clock_are_told_apart() -> None:
    found = Outcome("x", ("right",))
    found.add("right", 0.25, "first", 0.5)
    found.add("right", 0.125, "second", 0.75)
    assert found.row() == ("x", "2", "2 right", "0.25 s of the processor, 0.75 s by the clock", "yes")


def test_a_part_of_the_measurement_changes_its_own_rows_alone() -> None:
    page = (ROOT / "docs/faults.md").read_text()
    before = together([], page)
    assert len(before) == 7
    new = ("Mutated images", "500", "500 refused in a line", "1 s", "yes")
    after = together([new], page)
    assert [row for row in after if row not in before] == [new]
    assert [row[0] for row in after] == [row[0] for row in before]


def test_the_page_has_the_numbers_that_it_promises() -> None:
    page = (ROOT / "docs/faults.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) +\| +([0-9,]+) \|.*\| yes +\|$", page, re.MULTILINE)
    found = {name: int(number.replace(",", "")) for name, number in rows}
    assert sum(number for name, number in found.items() if name.startswith("Bits")) == 3000
    assert found["Hostile YAML files"] == 100
    assert found["Mutated images"] + found["Mutated IDX files"] == 1000
    assert found["Runs killed after a new record"] == 300
    assert found["System calls of publishing"] >= 60
