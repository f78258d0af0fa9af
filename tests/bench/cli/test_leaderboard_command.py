"""The command `bench leaderboard`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from cli_help import Bench

REQUIRED = {
    *("suite", "version", "model", "family", "attack", "norm", "eps", "clip", "source", "target", "n", "status"),
    *("clean_accuracy", "error", "robust_accuracy", "ci_low", "ci_high", "attack_success"),
    *("confidence_on_mistakes", "gradient", "flags", "rank"),
}


def test_the_leaderboard_for_programs(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py")
    rows = json.loads(bench("leaderboard", "tiny.yaml", "--format", "json").out)
    assert all(set(row) >= REQUIRED for row in rows)
    own = next(row for row in rows if (row["model"], row["attack"], row["eps"]) == ("net", "fgsm", 0.1))
    assert own["source"] == own["target"] == own["model"]
    assert (own["suite"], own["version"], own["norm"], own["clip"], own["n"]) == ("tiny", 1, "linf", True, 599)
    assert own["ci_low"] <= own["robust_accuracy"] <= own["ci_high"] <= own["clean_accuracy"] + 0.1
    muted = next(row for row in rows if (row["model"], row["attack"]) == ("three", "fgsm"))
    assert (muted["status"], muted["error"], muted["gradient"]) == ("unsupported", None, "none")
    lines = list(csv.DictReader(io.StringIO(bench("leaderboard", "tiny.yaml", "--format", "csv").out)))
    assert [line["model"] for line in lines] == [row["model"] for row in rows]
    assert set(lines[0]) >= REQUIRED
    assert float(lines[0]["error"]) == rows[0]["error"]


def test_the_leaderboard_for_people(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py")
    board = bench("leaderboard", "tiny.yaml").out
    assert board.startswith("### tiny v1: small and quick")
    assert "| net" in board
    whole = bench("leaderboard").out
    assert whole.startswith("# Leaderboard")
    assert "**robust accuracy**" in whole
    assert "upper bound" in whole


def test_a_stale_leaderboard_fails_its_check(bench: Bench) -> None:
    """In a folder that publishes: records in ./results, the board beside them."""
    assert bench("suite", "tiny.yaml", "--model", "mine.py:net", "--out", ".").code == 0
    Path("leaderboard.md").write_text(bench("leaderboard").out)
    assert bench("leaderboard", "--check").code == 0
    Path("leaderboard.md").write_text("# Leaderboard\n")
    stale = bench("leaderboard", "--check")
    assert stale.code == 1
    assert "does not match the records" in stale.out
