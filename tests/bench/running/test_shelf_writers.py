"""Boards of a folder that several runs write to at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from handmade import cell, model, record

from bench.running import shelf as shelves
from bench.running.shelf import AT_MOST, Shelf, write_leaderboard


def test_whoever_writes_last_has_seen_all_records(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run publishes, and writes its board, while ours is being made: ours must not put the old one back."""
    shelf = Shelf(elsewhere / "out")
    shelf.own.prepare()
    shelf.own.publish(record())
    calls = 0

    def slow(shelf: Shelf, **more: Any) -> str:
        nonlocal calls
        calls += 1
        text = ", ".join(sorted(item.cell.target.name for item in shelf.records(lambda line: None).values()))
        if calls == 1:
            shelf.own.publish(record(cell(model("b"))))
            (shelf.out / "leaderboard.md").write_text("a, b")
        return text

    monkeypatch.setattr(shelves, "leaderboard", slow)
    assert write_leaderboard(shelf).read_text() == "a, b"
    assert calls == 2


def test_where_others_never_stop_it_ends_all_the_same(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, calls = Shelf(elsewhere / "out"), 0
    shelf.own.prepare()

    def busy(shelf: Shelf, **more: Any) -> str:
        nonlocal calls
        calls += 1
        shelf.own.publish(record(cell(model(f"m{calls}"))))
        return "x"

    monkeypatch.setattr(shelves, "leaderboard", busy)
    write_leaderboard(shelf)
    assert calls == AT_MOST
