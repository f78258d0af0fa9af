"""What anybody may have put into a folder of results: it is told of in a line that names it, and the rest is used."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import cell, failure, model, record

from bench.records import aside
from bench.records.identity import checksum
from bench.records.packing import pack_floats, pack_integers
from bench.records.part import CellPart, Part, packed
from bench.records.record import AttackId, Record, Slice, digest
from bench.records.store import Store
from bench.threats import Criterion, Threat

FGSM = AttackId(name="fgsm", revision=1, parameters={"steps": 1.5})
GOOD = record(cell(model("b")))
SAMPLE = cell(source=model("a"), attack=FGSM, part=Slice(split="test", stop=6, of=9, sample=0))
NEAREST = cell(source=model("a"), attack=FGSM, threat=Threat(norm="l2"))
AIMED = cell(source=model("a"), attack=FGSM, criterion=Criterion(kind="targeted"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results")
    made.prepare()
    made.publish(GOOD)
    return made


def pipe(path: Path) -> None:
    os.mkfifo(path)


def plug(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**12)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (pipe, "is a pipe, no file"),
    "socket": (plug, "is a socket, no file"),
    "folder": (lambda path: path.mkdir(), "is a folder, no file"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "is a device, no file"),
    "link to nothing": (lambda path: path.symlink_to("/nowhere"), "is a link to nothing"),
    "link to itself": (lambda path: path.symlink_to(path.name), "symbolic links"),
    "terabyte": (sparse, "has 1000 GB, and 4 MB are the most that is read"),
}


@pytest.mark.parametrize("kind", ["cells", "failures", "parts"])
@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_is_told_of_and_hangs_nothing(name: str, kind: str, store: Store) -> None:
    make, says = NO_FILES[name]
    path = store.folder / kind / f"{cell().id}.json"
    make(path)
    said: list[str] = []
    read: dict[str, Callable[[], object]] = {
        "cells": lambda: list(store.records(said.append)) == [GOOD.id],
        "failures": lambda: store.failures(said.append) == {},
        "parts": lambda: store.parts(said.append) == [],
    }
    assert read[kind]()
    assert len(said) == 1
    assert str(path) in said[0]
    assert kind == "parts" or says in said[0]


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_gives_way_to_a_record(name: str, store: Store) -> None:
    make, _ = NO_FILES[name]
    make(store.path(cell().id))
    said: list[str] = []
    assert store.publish(record(), said.append) == "new"
    assert len(said) == 1
    assert "set aside" in said[0]
    assert store.record(cell().id) == record()
    assert len(list((store.folder / "set-aside").iterdir())) == 1
    store.publish_failure(failure(cell(model("c"))))
    store.prepare()  # nothing of it hangs either


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_file_that_is_closed_to_us(store: Store) -> None:
    path = store.path(cell().id)
    path.write_text(record().json_text())
    path.chmod(0)
    said: list[str] = []
    assert list(store.records(said.append)) == [GOOD.id]
    assert said == [f"ignored {path}: Permission denied"]
    assert store.publish(record(), said.append) == "new"


# -- JSON and what stands in it ----------------------------------------------------------------------------------------

TEXT = record().json_text()


def signed(change: Callable[[dict[str, Any]], object], base: Record | None = None, schema: int = 2) -> str:
    """A record's text with something changed, by somebody who knows how checksums are made."""
    plain = json.loads((base or record()).json_text())
    change(plain)
    plain["schema"] = schema
    del plain["sha256"], plain["run_sha256"]
    sums = {"sha256": digest(plain), "run_sha256": checksum(plain["run"])}
    return json.dumps(plain | (sums if schema > 1 else {}))


def without(*names: str) -> Callable[[dict[str, Any]], object]:
    return lambda plain: [plain["result"]["examples"].pop(name) for name in names]


SAMPLED = Record(
    id=SAMPLE.id,
    cell=SAMPLE,
    result=record(SAMPLE, index=[0, 1, 2, 5, 7, 8]).result,
    run=GOOD.run,
)
FAR = record(NEAREST, distance=[np.inf, 1, np.inf, np.inf, np.inf, 2.0], successes=2)
GOALS = record(AIMED, goal=[1, 1, -1, 1, 2, 2])
BAD: dict[str, tuple[str, str]] = {
    "a key twice": (TEXT.replace('"errors": 1,', '"errors": 0, "errors": 1,'), "the key 'errors' stands in it twice"),
    "NaN": (TEXT.replace('"parameters": {}', '"parameters": {"a": NaN}'), "NaN stands in it for a number"),
    "infinity": (TEXT.replace('"parameters": {}', '"parameters": {"a": -Infinity}'), "-Infinity stands in it"),
    "a number beyond all": (TEXT.replace('"seconds": 0.5', '"seconds": 1e999'), "1e999 in it is no number"),
    "half of a character": (TEXT.replace('"host": "here"', '"host": "\\ud800"'), "half of a character"),
    "half of a key": (TEXT.replace('"python"', '"\\udfff"'), "half of a character"),
    "deep": (TEXT.replace('"parameters": {}', f'"parameters": {{"a": {"[" * 40}{"]" * 40}}}'), "nested too deeply"),
    "very deep": ("[" * 100_000, "nested too deeply"),
    "no text": ("\xff\xfe", "torn or no JSON"),
    "a long number": (TEXT.replace('"seed": 0', f'"seed": {"9" * 9999}'), "integer"),
    "no examples": (signed(lambda plain: plain["result"].pop("examples")), "a result without examples"),
    "no examples, schema 1": (signed(lambda plain: plain["result"].pop("examples"), None, 1), "without examples"),
    "clean without true": (signed(without("true")), "a result without 'true'"),
    "clean without true, schema 1": (signed(without("true"), None, 1), "a result without 'true'"),
    "a sample without index": (signed(without("index"), SAMPLED), "a result without 'index'"),
    "an index beyond the split": (
        signed(lambda p: p["result"]["examples"].update(index=pack_integers(np.arange(5, 11))), SAMPLED),
        "index does not ascend within the split",
    ),
    "a target without goals": (signed(without("goal"), GOALS), "a result without 'goal'"),
    "no distances": (signed(without("distance"), FAR), "a result without 'distance'"),
    "distances of no length": (
        signed(lambda p: p["result"]["examples"].update(distance=pack_floats(np.full(6, np.nan, np.float32))), FAR),
        "distance holds what is no distance",
    ),
    "no errors": (
        signed(lambda p: [p["result"].pop("errors"), p["result"].pop("successes")], SAMPLED),
        "without errors",
    ),
    "classes beyond all": (
        signed(lambda p: p["result"]["examples"].update(predicted=pack_integers(np.full(6, 10**15)))),
        "predicted holds a class beyond 1000000",
    ),
    "a bomb of a column": (
        signed(lambda p: p["result"]["examples"].update(predicted="62:99999999999:")),
        "0 bytes are not 99999999999 integers",
    ),
    "a probability of 50": (signed(lambda p: p["result"].update(confidence=50.0)), "result.confidence"),
    "a million flags": (signed(lambda p: p["result"].update(flags=["f"] * 200)), "result.flags"),
    "a name without end": (signed(lambda p: p["cell"]["target"].update(name="n" * 10_000)), "cell.target.name"),
    "no time": (signed(lambda p: p["run"].update(finished="tomorrow\x1b[31m")), "run.finished"),
    "no examples at all": (signed(lambda p: p["cell"]["craft"]["slice"].update(stop=0)), "examples 0 to 0 of 6"),
    "schema true": (TEXT.replace('"schema": 2', '"schema": true'), "no record of any schema"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_told_of_and_the_rest_is_used(name: str, store: Store) -> None:
    text, says = BAD[name]
    assert text != TEXT
    path = store.path(cell().id)
    path.write_text(text, encoding="latin-1")
    said: list[str] = []
    assert list(store.records(said.append)) == [GOOD.id]
    assert len(said) == 1
    assert said[0].startswith(f"ignored {path}: ")
    assert "\n" not in said[0]
    assert says in said[0]
    assert store.publish(record(), quiet) == "new"
    assert len(store.records()) == 2


def quiet(line: str) -> None:
    """Told of a file that is set aside."""
    assert "set aside" in line


def test_the_records_that_are_made_bad_above_are_good() -> None:
    for made in (SAMPLED, FAR, GOALS):
        assert made.result.status == "ok"


def test_a_bad_failure_is_told_of(store: Store) -> None:
    text = failure().json_text()
    for name, content in {
        cell().id: text.replace('"parameters": {}', '"parameters": {"a": NaN}'),
        "0" * 32: text,
        "1" * 32: "[" * 100_000,
        "2" * 32: text.replace(cell().id, "2" * 32),
    }.items():
        (store.folder / "failures" / f"{name}.json").write_text(content)
    said: list[str] = []
    assert store.failures(said.append) == {}
    assert len(said) == 4


def test_a_failure_keeps_no_more_of_a_message_than_anyone_reads(store: Store) -> None:
    store.publish_failure(failure(message="x" * 10**7))
    assert len(store.failures()[cell().id].message) == 2000


def part_text(**columns: list[int]) -> str:
    """A part by somebody who knows how checksums are made, whatever its columns are."""
    item = CellPart.model_construct(
        cell=cell(), columns={name: packed(np.asarray(values)) for name, values in columns.items()}
    )
    made = Part.model_construct(craft=cell().craft.id, number=0, of=1, classes=3, cells=(item,), run=GOOD.run)
    return made.json_text()


@pytest.mark.parametrize(
    "text",
    [
        part_text(labels=[0] * 6),
        part_text(labels=[0] * 6, true=[0] * 5),
        part_text(labels=[0] * 5, true=[0] * 5),
        part_text(labels=[-2] * 6, true=[0] * 6),
        part_text(labels=[0] * 6, true=[0] * 6)[:-10],
        "[" * 100_000,
    ],
)
def test_a_bad_part_is_told_of_and_made_again(text: str, store: Store) -> None:
    (store.folder / "parts" / "x.json").write_text(text)
    said: list[str] = []
    assert store.parts(said.append) == []
    assert len(said) == 1


def test_a_good_part_is_read(store: Store) -> None:
    (store.folder / "parts" / "x.json").write_text(part_text(labels=[0] * 6, true=[0] * 6))
    assert len(store.parts(quiet)) == 1


def test_a_part_of_a_cell_whose_record_is_damaged_is_kept(store: Store) -> None:
    """It is what the record is made of again."""
    (store.folder / "parts" / "x.json").write_text(part_text(labels=[0] * 6, true=[0] * 6))
    store.path(cell().id).write_text("torn")
    store.prepare()
    assert len(store.parts(quiet)) == 1


# -- setting aside ----------------------------------------------------------------------------------------------------


def test_a_record_that_another_run_has_mended_is_not_set_aside(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking at a bad file and moving it away a good one may have taken its place."""
    path = store.path(cell().id)
    path.write_text("torn")
    real = aside.set_aside

    def late(*given: Any) -> None:
        path.write_text(record().json_text())
        real(*given)

    monkeypatch.setattr(aside, "set_aside", late)
    assert store.publish(record(), pytest.fail) == "same"
    assert store.record(cell().id) == record()
    assert list((store.folder / "set-aside").iterdir()) == []


def test_what_cannot_be_moved_aside_is_an_error_and_no_loop(store: Store) -> None:
    store.path(cell().id).write_text("torn")
    (store.folder / "set-aside").write_text("a file")
    with pytest.raises(OSError, match="cannot be moved aside"):
        store.publish(record())
