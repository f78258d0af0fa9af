"""What killed runs leave of kept inputs: none stay for good, and none that anybody may need go."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import cell, model, record, run

from bench.files import DAY, temporary
from bench.progress import quiet
from bench.records import aside
from bench.records.examples import Kept, encode, sha256
from bench.records.record import Record
from bench.records.store import Store


def inputs(value: float) -> bytes:
    return encode(Kept(np.asarray([1]), np.full((1, 4), value, np.float32), np.asarray([2])))


OURS, ANOTHER = inputs(0.25), inputs(0.75)


def telling(kept: bytes, name: str = "a") -> Record:
    return record(cell(model(name)), run=run(examples=sha256(kept)))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.prepare()
    return made


def left(store: Store, kept: bytes, name: str = "a", days: float = 0.0) -> Path:
    """Inputs of a run that was killed before it published their record, so many days ago."""
    told = telling(kept, name)
    store.keep(told, kept)
    path = store.examples_path(told)
    then = path.stat().st_mtime - days * DAY
    os.utime(path, (then, then))
    return path


def files(store: Store) -> set[Path]:
    return {path for path in store.folder.rglob("*") if path.is_file()}


def test_the_next_run_that_makes_the_record_clears_other_inputs_of_its_cell(store: Store) -> None:
    before, other = left(store, ANOTHER), left(store, ANOTHER, "b")
    resumed = Store(store.folder)
    resumed.prepare()
    assert files(resumed) == {before, other}  # whoever wrote them may be about to publish
    assert resumed.publish(telling(OURS), kept=OURS) == "new"
    told = resumed.examples_path(telling(OURS))
    assert files(resumed) == {resumed.path(telling(OURS).id), told, other}
    assert told.read_bytes() == OURS


def test_the_same_inputs_made_again_stay(store: Store) -> None:
    path = left(store, OURS)
    resumed = Store(store.folder)
    resumed.prepare()
    resumed.publish(telling(OURS), kept=OURS)
    assert path.read_bytes() == OURS


def test_a_run_that_keeps_none_clears_them_too(store: Store) -> None:
    left(store, ANOTHER)
    resumed = Store(store.folder)
    resumed.prepare()
    resumed.publish(record(cell(model("a"))))
    assert files(resumed) == {resumed.path(record(cell(model("a"))).id)}


def test_what_no_record_tells_of_for_a_day_is_removed(store: Store) -> None:
    store.publish(telling(OURS), kept=OURS)
    gone = [left(store, ANOTHER, days=1.5), left(store, OURS, "b", days=1.5)]
    stay = [left(store, OURS, days=9), left(store, OURS, "c", days=0.5), store.path(telling(OURS).id)]
    store.prepare()
    assert files(store) == set(stay)
    assert not any(path.exists() for path in gone)


def test_inputs_of_a_damaged_record_stay(store: Store) -> None:
    """The record may be mended, or brought from elsewhere."""
    told = telling(OURS)
    store.publish(told, kept=OURS)
    path = left(store, OURS, days=9)
    torn = told.json_text().replace(sha256(OURS)[:16], "0" * 16)
    store.path(told.id).write_text(torn)
    store.prepare()
    assert path.exists()


@pytest.mark.parametrize("folder", ["cells", "examples", "asked", "suites", "verdicts"])
def test_half_written_files_of_dead_runs_are_removed_from_every_folder(folder: str, store: Store) -> None:
    """By whoever prepares the folder next, a run or a merge; those of live ones stay."""
    (store.folder / folder).mkdir(exist_ok=True)
    call = (
        "import sys; from pathlib import Path; from bench.files import temporary; temporary(Path(sys.argv[1])).touch()"
    )
    subprocess.run([sys.executable, "-c", call, str(store.folder / folder / "x.npz")], check=True)
    live = temporary(store.folder / folder / "y.npz")
    live.touch()
    assert len(files(store)) == 2
    store.prepare()
    assert files(store) == {live}


def test_what_was_on_its_way_aside_is_brought_there(store: Store) -> None:
    """It was somebody's record: it gets a name, and is never removed; of a live process's nothing is touched."""
    folder = store.folder / "set-aside"
    folder.mkdir()
    for number, content in enumerate(("a", "b")):
        half = folder / f".x.json.{str(number) * 32}"
        half.write_text(content)
        os.utime(half, (0, 0))
    (folder / "x.json.0").write_text("before")
    live = temporary(folder / "y.json")
    live.touch()
    said: list[str] = []
    store.prepare(said.append)
    assert {path.name: path.read_text() for path in files(store) - {live}} == {
        "x.json.0": "before",
        "x.json.1": "a",
        "x.json.2": "b",
    }
    assert live.exists()
    assert [line.rpartition("/")[2] for line in said] == ["x.json.1", "x.json.2"]


CALLS = ("rename", "link", "unlink", "mkdir", "replace", "open", "fsync")
SPOILT = "torn"


def _killed(work: Callable[[], object], number: int, *, after: bool) -> bool:
    """Whether a process that does some work is killed at its call of that number, before or after it is made."""
    child = os.fork()
    if child == 0:
        calls = itertools.count()

        def faulty(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **more: Any) -> Any:
                last = next(calls) == number
                if last and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
                try:
                    return real(*given, **more)
                finally:
                    if last:
                        os.kill(os.getpid(), signal.SIGKILL)

            return call

        try:
            for name in CALLS:
                setattr(os, name, faulty(getattr(os, name)))
            work()
            os._exit(0)
        finally:
            os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


@pytest.mark.parametrize("mended", [False, True], ids=["damaged", "mended meanwhile"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_of_setting_aside_nothing_is_lost_or_left(after: bool, mended: bool, store: Store) -> None:
    """The next run ends as if nothing had happened: the damaged file aside, once, under a name; no good one there."""
    good = record(cell(model("a")))
    path, folder = store.path(good.id), store.folder / "set-aside"
    text = good.json_text() if mended else SPOILT
    work = (lambda: aside.set_aside(store.folder, path, quiet)) if mended else (lambda: store.publish(good))
    for number in itertools.count():
        shutil.rmtree(folder, ignore_errors=True)
        path.write_text(text)
        killed = _killed(work, number, after=after)
        store.prepare()
        if mended:
            assert path.read_text() == text
            assert not folder.exists() or not any(folder.iterdir())
        else:
            store.publish(good)
            assert {each.name: each.read_text() for each in folder.iterdir()} == {f"{path.name}.0": SPOILT}
            assert store.record(good.id) == good
        assert not [each for each in files(store) if each.name.startswith(".")]
        if not killed:
            break
    assert number >= 4
