"""Notes of what did not start as a model: which models' records are older than that, whatever order notes come in."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from bench.records.asked import Asked
from bench.records.starts import LONGEST, Start, failed, notes, outdated, started, unite
from bench.records.store import Store

DATA = "d" * 64


def at(hour: int) -> str:
    return f"2026-01-01T{hour:02d}:00:00.000+00:00"


def start(hour: int, spec: str = "m.py", models: tuple[str, ...] = ("net", "svm"), *, kind: str = "crash") -> Start:
    return Start(dataset=DATA, spec=spec, models=models, kind=kind, why="exit code 7" if kind else "", at=at(hour))


def asked(hour: int, name: str = "net", dataset: str = DATA) -> Asked:
    return Asked(dataset=dataset, name=name, fingerprint="f", at=at(hour))


@pytest.mark.parametrize(
    ("finished", "asks", "starts", "names"),
    [
        ({"net": at(1)}, [asked(1)], [start(2)], {"net"}),
        ({"net": at(1), "svm": at(3), "other": at(1)}, [], [start(2)], {"net"}),  # svm was judged since
        ({"net": at(1)}, [asked(3)], [start(2)], set()),  # it started since, with nothing left to do
        ({"net": at(1)}, [asked(3, dataset="e" * 64)], [start(2)], {"net"}),
        ({"net": at(1)}, [], [start(2, kind="")], set()),
        ({"net": at(1)}, [], [start(2, "m.py:net", ())], {"net"}),
        ({"net": at(1)}, [], [start(2, "m.py:svm", ())], set()),
        ({"net": at(1)}, [], [start(2, "net", ())], {"net"}),
        ({"net": at(2)}, [], [start(2)], set()),
        ({}, [], [start(2)], set()),
    ],
)
def test_records_are_outdated_where_a_start_failed_after_all_of_them(
    finished: dict[str, str], asks: list[Asked], starts: list[Start], names: set[str]
) -> None:
    assert set(outdated(DATA, finished, asks, starts)) == names
    assert outdated("e" * 64, finished, asks, starts) == {}


def test_the_last_failure_is_told() -> None:
    """In one line."""
    for starts in itertools.permutations([start(2), start(4, "net", ()), start(3)]):
        found = outdated(DATA, {"net": at(1)}, [], starts)["net"]
        assert str(found) == "net did not start on 2026-01-01 at 04:00 UTC: crash: exit code 7"


def test_what_a_file_gave_stays_known_when_it_does_not_start(tmp_path: Path) -> None:
    """And no folder of this machine, nor a character that acts on anything, gets into a note."""
    store = Store(tmp_path)
    name = os.fsdecode(b"m\xff\n.py")
    started(store, DATA, {f"/home/me/{name}": ["net"], "b.py:net": ["net"]})
    failed(store, DATA, {f"/home/me/{name}": ("exception", "x\n\x1b" * LONGEST)})
    found = {note.spec: note for note in notes(store)}
    assert {spec: (note.models, note.kind) for spec, note in found.items()} == {
        "m\\xff\\n.py": (("net",), "exception"),
        "b.py:net": (("net",), ""),
    }
    assert "home" not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert str(found["m\\xff\\n.py"]).isprintable()
    started(store, DATA, {f"/home/me/{name}": ["net"]})
    assert not any(note.failed for note in notes(store))


def test_of_several_folders_the_last_note_stays_in_whatever_order(tmp_path: Path) -> None:
    sources = [Store(tmp_path / each) for each in "abc"]
    for store, kind in zip(sources, ("crash", "", "timeout"), strict=True):
        (failed(store, DATA, {"m.py": (kind, "w")}) if kind else started(store, DATA, {"m.py": ["net"]}))
    last = max((note for store in sources for note in notes(store)), key=lambda note: (note.at, note.kind))
    for number, order in enumerate(itertools.permutations(sources)):
        into = Store(tmp_path / f"into-{number}")
        unite(into, order)
        assert list(notes(into)) == [last]
