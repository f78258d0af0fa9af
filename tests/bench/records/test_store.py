"""The folder of records: no record lost, none duplicated, none changed, whatever is killed when."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from handmade import cell, failure, model, record, run

from bench.errors import UsageError
from bench.records.record import Record
from bench.records.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.prepare()
    return made


def silent(line: str) -> None:
    raise AssertionError(f"there is nothing to say: {line}")


def files(store: Store) -> set[str]:
    """All files, temporary ones included."""
    return {str(path.relative_to(store.folder)) for path in store.folder.rglob("*") if path.is_file()}


# -- publishing -------------------------------------------------------------------------------------------------------


def test_new_then_same_then_different(store: Store) -> None:
    first = record()
    path = store.folder / "cells" / f"{first.id}.json"
    assert store.publish(first, silent) == "new"
    text = path.read_text()
    assert text == first.json_text()
    later = record(run=run("2026-01-01T00:00:00.000+00:00", host="elsewhere"))
    assert store.publish(later, silent) == "same"
    assert store.publish(record(predicted=(0, 1, 2, 0, 1, 0)), silent) == "different"
    assert path.read_text() == text
    assert files(store) == {f"cells/{first.id}.json"}
    assert store.records(silent) == {first.id: first}
    assert store.record(first.id) == first
    assert store.record("0" * 32) is None


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    nowhere = Store(tmp_path / "none")
    assert nowhere.records(silent) == {}
    assert nowhere.failures(silent) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_replaced_and_a_record_removes_it(store: Store) -> None:
    store.publish_failure(failure(kind="oom"))
    store.publish_failure(failure(kind="exception"))
    assert {item.kind for item in store.failures(silent).values()} == {"exception"}
    assert files(store) == {f"failures/{cell().id}.json"}
    assert store.publish(record(), silent) == "new"
    assert store.failures(silent) == {}
    assert files(store) == {f"cells/{cell().id}.json"}


def test_a_failure_claims_nothing(store: Store) -> None:
    store.publish(record(), silent)
    store.publish_failure(failure())
    assert store.records(silent) == {cell().id: record()}


def test_writers_at_once_leave_one_copy(store: Store) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        mine = record(run=run(threads=number))
        barrier.wait()
        outcomes.append(store.publish(mine, silent))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["new"] + ["same"] * 7
    assert files(store) == {f"cells/{cell().id}.json"}


@pytest.mark.parametrize("blocked", ["results", "results/cells", "results/failures"])
def test_a_folder_that_cannot_be_made(blocked: str, tmp_path: Path) -> None:
    path = tmp_path / blocked
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file")
    with pytest.raises(UsageError, match=r"cannot write into .*results .*--out"):
        Store(tmp_path / "results").prepare()


def test_preparing_leaves_no_trace(store: Store) -> None:
    store.prepare()
    assert files(store) == set()


# -- what cannot be used ----------------------------------------------------------------------------------------------

UNUSABLE: dict[str, tuple[Callable[[str], str], str]] = {
    "torn": (lambda text: text[: len(text) // 2], "torn or no JSON"),
    "empty": (lambda text: "", "torn or no JSON"),
    "no object": (lambda text: "[1]", "torn or no JSON"),
    "newer": (lambda text: text.replace('"schema": 2', '"schema": 3'), "schema 3 is newer than this program reads (2)"),
    "strange key": (lambda text: text.replace('"schema": 2', '"schema": 2, "more": 1'), "no record of this schema"),
    "changed answer": (
        lambda text: text.replace('"errors": 1', '"errors": 0'),
        "its SHA-256 is not that of its contents",
    ),
    "another cell": (lambda text: text.replace(cell().id, "0" * 32), "do not belong together"),
    "changed question": (
        lambda text: text.replace('"seed": 0', '"seed": 1'),
        "its SHA-256 is not that of its contents",
    ),
    "changed question of the first schema": (
        lambda text: text.replace('"seed": 0', '"seed": 1').replace('"schema": 2', '"schema": 1'),
        "do not belong together",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_record_is_told_of_and_set_aside_when_run_again(name: str, store: Store) -> None:
    spoil, says = UNUSABLE[name]
    good = record(cell(model("b")))
    store.publish(good, silent)
    path = store.folder / "cells" / f"{cell().id}.json"
    path.write_text(spoil(record().json_text()))
    spoilt = path.read_text()
    assert spoilt != record().json_text()
    said: list[str] = []
    assert store.records(said.append) == {good.id: good}
    assert len(said) == 1
    assert str(path) in said[0]
    assert says in said[0]
    assert path.read_text() == spoilt  # reading moves nothing
    said.clear()
    assert store.publish(record(), said.append) == "new"
    assert len(said) == 1
    assert "set aside" in said[0]
    assert (store.folder / "set-aside" / f"{path.name}.0").read_text() == spoilt
    assert len(store.records(silent)) == 2


def test_what_is_set_aside_twice_is_kept_twice(store: Store) -> None:
    path = store.folder / "cells" / f"{cell().id}.json"
    for number in range(2):
        path.write_text(f"torn {number}")
        store.publish(record(), lambda line: None)
    aside = store.folder / "set-aside"
    assert sorted(file.read_text() for file in aside.iterdir()) == ["torn 0", "torn 1"]


def test_an_unusable_failure_is_told_of(store: Store) -> None:
    (store.folder / "failures" / "x.json").write_text("{")
    said: list[str] = []
    assert store.failures(said.append) == {}
    assert len(said) == 1


def test_files_of_others_are_left_alone(store: Store) -> None:
    (store.folder / "cells" / "README.md").write_text("mine")
    (store.folder / "cells" / f".{cell().id}.json.1234").write_text("half a rec")
    assert store.records(silent) == {}


# -- killed -----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing catches this, as nothing catches SIGKILL."""


STEPS = ("fsync", "link", "unlink", "open", "close", "replace")


@contextmanager
def dying(at: int, done: bool) -> Iterator[list[str]]:
    """Let the process die at the n-th system call, before or after it took effect; nothing works from then on."""
    calls: list[str] = []

    def mortal(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            calls.append(name)
            if len(calls) == at and done:
                real(*arguments, **more)
            if len(calls) >= at:
                raise Killed
            return real(*arguments, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, mortal(name, getattr(os, name)))
        yield calls


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 8))
def test_killed_at_any_step_of_publishing(at: int, done: bool, store: Store) -> None:
    """What is there then is nothing or the whole record, and the next run ends as if nothing had happened."""
    store.publish_failure(failure())
    with dying(at, done) as calls:
        try:
            store.publish(record(), silent)
        except Killed:
            assert len(calls) >= at
        else:
            assert calls == ["fsync", "link", "unlink", "open", "fsync", "close", "unlink"]
    assert store.records(silent) in ({}, {cell().id: record()})
    there = bool(store.records(silent))
    assert store.publish(record(), silent) == ("same" if there else "new")
    assert store.records(silent) == {cell().id: record()}
    assert store.failures(silent) == {}
    visible = {name for name in files(store) if not Path(name).name.startswith(".")}
    assert visible == {f"cells/{cell().id}.json"}


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 3))
def test_killed_at_any_step_of_publishing_a_failure(at: int, done: bool, store: Store) -> None:
    store.publish_failure(failure(kind="oom"))
    with dying(at, done), pytest.raises(Killed):
        store.publish_failure(failure(kind="exception"))
    assert {item.kind for item in store.failures(silent).values()} <= {"oom", "exception"}
    assert len(store.failures(silent)) == 1


def test_what_a_killed_process_leaves_cannot_change_a_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between link and unlink, the temporary file is a second name of the record itself.

    In containers every run has the same process number: a temporary name made of it alone would be opened again.
    """
    monkeypatch.setattr(os, "getpid", lambda: 7)
    with dying(2, done=True), pytest.raises(Killed):
        store.publish(record(), silent)
    assert len(files(store)) == 2
    assert store.publish(record(predicted=(1, 1, 1, 1, 1, 1)), silent) == "different"
    assert store.records(silent) == {cell().id: record()}


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_full_disk_publishes_nothing_and_keeps_what_there_is(
    step: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = record(cell(model("b")))
    store.publish(other, silent)

    def full(*arguments: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left"):
            store.publish(record(), silent)
    assert files(store) == {f"cells/{other.id}.json"}
    assert store.records(silent) == {other.id: other}
    assert store.publish(record(), silent) == "new"


def test_every_record_is_flushed_before_it_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that outlives a power cut must not lead to an empty file."""
    order: list[str] = []
    for name in ("fsync", "link"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, name=name, real=real: (order.append(name), real(*given))[1])
    store.publish(record(), silent)
    assert order == ["fsync", "link", "fsync"]


def test_records_are_read_as_they_were_written(store: Store) -> None:
    written = [record(cell(model(name))) for name in "abcde"]
    for item in written:
        store.publish(item, silent)
    found = store.records(silent)
    assert [found[item.id] for item in written] == written
    assert all(isinstance(item, Record) for item in found.values())
