"""Notes of which version of a model was asked for: the last counts, of any number of folders, and bad ones do not."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from handmade import CHECKSUM, model

from bench.errors import UsageError
from bench.records.asked import CAP, Asked, note, notes, unite
from bench.records.store import Store

OLD, NEW = model("mine", fingerprint="1" * 64), model("mine", fingerprint="0" * 64)


def held(store: Store) -> dict[str, str]:
    return {found.name: found.fingerprint for found in notes(store)}


def kept(folder: Path, fingerprint: str, at: str) -> Store:
    store = Store(folder)
    asked = Asked(dataset=CHECKSUM, name="mine", fingerprint=fingerprint, at=f"2025-{at}T00:00:00.000+00:00")
    (folder / "asked").mkdir(parents=True)
    (folder / "asked" / asked.file).write_text(asked.model_dump_json())
    return store


def test_the_last_note_of_a_name_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert held(store) == {}
    note(store, CHECKSUM, [OLD, model("other")])
    note(store, CHECKSUM, [NEW])
    assert held(store) == {"mine": NEW.fingerprint, "other": model("other").fingerprint}
    note(store, "d" * 64, [OLD])
    assert {(found.dataset, found.fingerprint) for found in notes(store) if found.name == "mine"} == {
        (CHECKSUM, NEW.fingerprint),
        ("d" * 64, OLD.fingerprint),
    }


def test_the_file_of_a_note(tmp_path: Path) -> None:
    """Named without the model's name, whatever letters that has."""
    note(Store(tmp_path), CHECKSUM, [model("../x")])
    (path,) = (tmp_path / "asked").iterdir()
    assert len(path.stem) == 32
    plain = json.loads(path.read_text())
    assert set(plain) == {"dataset", "name", "fingerprint", "at"}
    assert len(path.read_bytes()) < 500


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"name": "mine"}', "x" * (CAP + 1), "\0", '{"dataset": 1, "name": 2, "fingerprint": 3, "at": 4}'],
)
def test_a_bad_note_counts_for_nothing_and_is_replaced(content: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    note(store, CHECKSUM, [OLD])
    (path,) = (tmp_path / "asked").iterdir()
    path.write_text(content)
    assert held(store) == {}
    note(store, CHECKSUM, [NEW])
    assert held(store) == {"mine": NEW.fingerprint}


def test_a_note_under_another_name_counts_for_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    note(store, CHECKSUM, [OLD])
    (path,) = (tmp_path / "asked").iterdir()
    path.rename(path.with_name("0" * 32 + ".json"))
    assert held(store) == {}


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "asked").write_text("no folder")
    with pytest.raises(UsageError, match=r"cannot write into .*asked .*; choose another with --out"):
        note(Store(tmp_path), CHECKSUM, [OLD])


def test_of_several_folders_the_last_note_stays_in_whatever_order(tmp_path: Path) -> None:
    sources = [kept(tmp_path / f"{k}", str(k) * 64, at) for k, at in enumerate(("02-01", "03-01", "03-01", "01-01"))]
    for number, order in enumerate(itertools.permutations(sources)):
        into = Store(tmp_path / f"into-{number}")
        unite(into, order)
        assert held(into) == {"mine": "2" * 64}
