"""Verdicts where people see them: as notes beside records, on boards, and by the command."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from folders_of_results import DIGITS, SUITE, of, rewritten

import bench
from bench.progress import quiet
from bench.records import verdicts
from bench.records.store import Store
from bench.verifying.verify import verified


def test_no_note_is_written_where_a_link_leads(store: Store, tmp_path: Path) -> None:
    """A folder that was received may have one to anywhere."""
    (tmp_path / "elsewhere").mkdir()
    (store.folder / verdicts.FOLDER).symlink_to(tmp_path / "elsewhere")
    found = [verdict for _, verdict in verified(store, lambda id: DIGITS)]
    with pytest.raises(bench.UsageError, match="is a link, and nothing is written where it leads"):
        verdicts.keep(store, found[0])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_note_is_bound_to_the_very_file_and_merge_leaves_it_behind(store: Store, tmp_path: Path) -> None:
    from bench.running.merging import merge

    for _, verdict in verified(store, lambda id: DIGITS):
        verdicts.keep(store, verdict)
    ids = list(store.records())
    assert set(verdicts.levels([store], ids).values()) == {"arithmetic checked"}
    record, _ = of(store, "fgsm")
    rewritten(store, record, errors=0, successes=0)
    assert record.id not in verdicts.levels([store], ids)
    into = Store(tmp_path / "into" / "results")
    into.prepare()
    merge(into, [store], quiet)
    assert verdicts.levels([into], ids) == {}


def test_boards_show_the_least_verdict_of_a_row_and_none_where_nobody_verified(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the leaderboard.md of a folder that publishes, which others can make from its records."""
    from bench.report.boards import tables
    from bench.running.shelf import Shelf, board_of, leaderboard

    shelf = Shelf(store.folder.parent, with_published=False)
    before = board_of(SUITE, DIGITS, shelf)
    assert {row.verdict for row in before} == {None}
    assert "Verified" not in [table.title for table in tables(SUITE, before)]
    shutil.rmtree(store.folder / "examples")
    for _, verdict in verified(store, lambda id: DIGITS):
        verdicts.keep(store, verdict)
    after = board_of(SUITE, DIGITS, shelf)
    assert {row.attack: row.verdict for row in after if row.attack in ("clean", "fgsm")} == {
        "clean": "arithmetic checked",
        "fgsm": "self-reported",
    }
    assert "Verified" in [table.title for table in tables(SUITE, after)]
    assert "### Verified" in leaderboard(shelf)
    monkeypatch.chdir(store.folder.parent)
    published = leaderboard(Shelf(Path()))
    assert "### verified v1" in published
    assert "### Verified" not in published


def test_the_command_tells_of_each_kind_of_note_in_a_line_and_adds_up_what_they_count(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.cli.verify import _noted

    pairs = []
    for record in store.records().values():
        for notes in (("3 of 16 mistakes last", "no data"), ("4 of 5 mistakes last", "7 labels are near-ties")):
            verdict = verdicts.Verdict.model_construct(id=record.id, level="wrong", notes=notes)
            pairs.append((record, verdict))
    first = pairs[0][0]
    like = f", such as {first.cell} ({first.id[:12]})"
    assert _noted(pairs[:4]) == [
        f"4 records: 14 of 42 mistakes last{like}",
        f"2 records: no data{like}",
        f"2 records: 14 labels are near-ties{like}",
    ]


def test_the_command_ends_with_1_where_a_record_is_wrong_or_a_model_at_hand_is_of_none(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import typer

    from bench.cli.verify import command

    def ended(**options: Any) -> int:
        with pytest.raises(typer.Exit) as found:
            command(store.folder.parent, isolate=False, **options)
        return int(found.value.exit_code)

    assert ended() == 0
    (tmp_path / "mine.py").write_text(
        "import adapters\nfrom sklearn.dummy import DummyClassifier\n\n\n"
        "@adapters.register('mine', dataset='digits')\ndef mine():\n    raise AssertionError('nobody asks it')\n"
    )
    assert ended(model=[str(tmp_path / "mine.py")]) == 1
    assert "NOT ASKED: no record here is of a model of" in capsys.readouterr().err
    with pytest.raises(bench.UsageError, match="unknown model 'treee'"):
        ended(model=["treee"])
    assert ended(model=["knn"]) == 1
    rewritten(store, of(store, "fgsm")[0], errors=0, successes=0)
    assert ended() == 1
    assert "WRONG: tree, fgsm, linf eps 0.1" in capsys.readouterr().out
