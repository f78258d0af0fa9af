"""What a call reads: the published records and its own, and the boards that they make together."""

from __future__ import annotations

from pathlib import Path

import pytest
from boards import GRID, NOISE, TRANSFER, A, B, answers
from handmade import model, shelved, suite_of, toy

from bench.records import ran
from bench.records.asked import note
from bench.records.record import ModelInfo
from bench.records.store import Store
from bench.running.shelf import PUBLISHED, Shelf, board_of, known_boards, suites_of

SUITE = suite_of("\n".join([GRID, TRANSFER, NOISE]), ["a", "b"], 0.2)
REFIT = model("a", fingerprint="f" * 64)


def keep(folder: Path, *references: ModelInfo, finished: str = "2025-01-01T00:00:00.000+00:00") -> None:
    store = Store(folder)
    store.prepare()
    for record in shelved(SUITE, answers({}), references=references, finished=finished)[0].values():
        store.publish(record)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The out folder of a call in a folder that publishes two models, one of which is another one here."""
    monkeypatch.chdir(tmp_path)
    keep(PUBLISHED, A, B)
    keep(Path("out/results"), REFIT, B, finished="2026-01-01T00:00:00.000+00:00")
    return Path("out")


def test_own_records_leave_the_published_board_as_it_is(out: Path) -> None:
    found = board_of(SUITE, toy(), Shelf(out))
    alone = board_of(SUITE, toy(), Shelf(Path("nothing")))
    assert {row.rank for row in alone} == {1}
    assert [row for row in found if row.model in ("a", "b")] == alone
    assert {row.model for row in found} == {"a", "b", "a (refitted here)"}


def test_without_the_published_records_the_own_models_are_ranked(out: Path) -> None:
    found = board_of(SUITE, toy(), Shelf(out, with_published=False))
    assert {(row.model, row.fingerprint, row.rank) for row in found} == {
        ("a", REFIT.fingerprint, 1),
        ("b", B.fingerprint, 1),
    }


def test_notes_of_every_folder_that_is_read_count(out: Path) -> None:
    """Of a folder with two versions the one asked for last is shown, wherever that is noted."""
    keep(out / "results", A, B)
    shelf = Shelf(out, with_published=False)
    assert {row.fingerprint for row in board_of(SUITE, toy(), shelf) if row.model == "a"} == {REFIT.fingerprint}
    note(shelf.own, toy().checksum, [A])
    assert {row.fingerprint for row in board_of(SUITE, toy(), shelf) if row.model == "a"} == {A.fingerprint}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '{"suite": "x", "dataset": {"name": "image-folder", "path": "a\\u0000b"}, ATTACKS}',
            "no board of suite x v1: ",
        ),
        ('{"suite": "x", "dataset": {"name": "image-folder", "path": "nowhere"}, ATTACKS}', "nowhere"),
        ('{"suite": "mnist-fgsm", "version": 2, "dataset": {"name": "digits"}, ATTACKS}', "a suite that ships"),
        ('{"suite": "x", "dataset": {"name": "no-such"}, ATTACKS}', "no-such"),
        ('{"suite": "y", "dataset": {"name": "digits"}, ATTACKS}', "its text is of y v1"),
        ("torn", "no board of suite x v1: "),
    ],
)
def test_a_note_of_anybody_is_data_and_costs_no_board(text: str, line: str, tmp_path: Path) -> None:
    """It is told of in a line, and the others are there."""
    shelf, said = Shelf(tmp_path, with_published=False), list[str]()
    attacks = '"attacks": [{"attack": "sign-noise", "norm": "linf", "eps": [0.1]}]'
    name, version = ("mnist-fgsm", 2) if "mnist-fgsm" in text else ("x", 1)
    ran.note(shelf.own, name, version, text.replace("ATTACKS", attacks), "c" * 64)
    suites, run = suites_of(shelf.contents(said.append), said.append)
    assert (len(said), run) == (1, set())
    assert line in said[0]
    assert len(suites) == len(known_boards())
