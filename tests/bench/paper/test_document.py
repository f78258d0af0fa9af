"""The published scoreboard is what the published numbers, records and figures come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.paper.document import document
from bench.paper.evidence import gather
from bench.paper.numbers import load_numbers
from bench.paper.scoreboard import scoreboard
from bench.records.store import Store

ROOT = Path(__file__).parents[3]


def test_the_published_scoreboard_is_not_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of numbers.yaml or of the wording: bench paper --out ."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    numbers, store = load_numbers(), Store(ROOT / "results")
    evidence = gather(numbers, store.records(pytest.fail), store.failures(pytest.fail), [ROOT / "docs" / "figures"])
    expected = document(numbers, scoreboard(numbers, evidence))
    assert (ROOT / "docs" / "paper.md").read_text(encoding="utf-8") == expected
