"""What killed runs leave of kept inputs: none stay for good, and none that anybody may need go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from handmade import cell, model, record, run

from bench.files import DAY, temporary
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


def test_what_was_moved_aside_stays(store: Store) -> None:
    """It was somebody's record, on its way to a name."""
    aside = store.folder / "set-aside" / f".x.json.{'0' * 32}"
    aside.parent.mkdir()
    aside.touch()
    os.utime(aside, (0, 0))
    store.prepare()
    assert files(store) == {aside}
