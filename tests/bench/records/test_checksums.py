"""Damage is found: by a record's own checksum, by the list beside old ones, and by what records say of each other."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from handmade import cell, model, record

from bench.records.listing import NAME
from bench.records.record import AttackId, Record
from bench.records.store import Store
from bench.threats import Threat
from tests.faults.bits import bits

ROOT = Path(__file__).parents[3]
FGSM = AttackId(name="fgsm", revision=1, parameters={})


def attacked(name: str, predicted: tuple[int, ...] = (1, 1, 2, 0, 1, 1)) -> Record:
    asked = cell(model(name), model(name), Threat(norm="linf", eps=0.1), attack=FGSM)
    return record(asked, predicted)


def old(item: Record) -> str:
    """Its text in the first schema, which has no checksum."""
    return item.model_copy(update={"schema_version": 1}).json_text()


def shelf(path: Path, *items: Record) -> Store:
    store = Store(path / "results")
    store.prepare()
    for item in items:
        store.path(item.id).write_text(old(item))
    return store


def test_no_flipped_bit_passes_for_another_result(tmp_path: Path) -> None:
    written = [(item, item.json_text().encode()) for item in (record(), attacked("a"))]
    found = bits("bits", written, 200, tmp_path)
    assert found.ok, found.wrong


def test_no_flipped_bit_of_a_listed_record_passes(tmp_path: Path) -> None:
    written = [(item, old(item).encode()) for item in (record(), attacked("a"))]
    lines = "".join(f"{hashlib.sha256(text).hexdigest()}  cells/{item.id}.json\n" for item, text in written)
    read = [(item.model_copy(update={"schema_version": 1}), text) for item, text in written]
    found = bits("bits", read, 200, tmp_path, lines)
    assert found.ok, found.wrong
    assert set(found.found) == {"refused with a line"}


def test_every_published_record_of_the_first_schema_is_listed() -> None:
    published = ROOT / "results"
    listed = dict(reversed(line.split("  ")) for line in (published / NAME).read_text().splitlines())
    for path in (published / "cells").glob("*.json"):
        content = path.read_bytes()
        if json.loads(content)["schema"] == 1:
            assert listed[f"cells/{path.name}"] == hashlib.sha256(content).hexdigest(), path


def test_a_published_record_that_is_made_anew_needs_no_line(tmp_path: Path) -> None:
    store = shelf(tmp_path)
    (store.folder / NAME).write_text(f"{'0' * 64}  cells/{cell().id}.json\n")
    assert store.publish(record(), pytest.fail) == "new"
    assert store.records(pytest.fail) == {cell().id: record()}


def test_a_damaged_list_is_told_of_and_the_rest_of_it_is_used(tmp_path: Path) -> None:
    store = shelf(tmp_path, record(), attacked("a"))
    (store.folder / NAME).write_text(f"rubbish\n{'0' * 64}  cells/{cell().id}.json\n")
    said: list[str] = []
    assert list(store.records(said.append)) == [attacked("a").id]
    assert [line.partition(" ")[0] for line in said] == ["ignored", f"{store.folder / NAME}:"]
    (store.folder / NAME).unlink()
    (store.folder / NAME).mkdir()
    said.clear()
    assert len(store.records(said.append)) == 2
    assert len(said) == 1


@pytest.mark.parametrize("changed", [{"errors": 3, "successes": 3}, {"errors": 0, "successes": 0}])
def test_errors_of_an_old_record_are_held_to_the_true_classes_of_the_clean_pass(
    changed: dict[str, int], tmp_path: Path
) -> None:
    good = attacked("a")
    assert good.result.errors != changed["errors"]
    wrong = good.model_copy(update={"result": good.result.model_copy(update=changed)})
    store = shelf(tmp_path, record(), wrong)
    said: list[str] = []
    assert list(store.records(said.append)) == [cell().id]
    assert said == [f"ignored {store.path(good.id)}: errors is {changed['errors']}, and its labels come to 2"]
    assert len(shelf(tmp_path / "other", record(), good).records(pytest.fail)) == 2


def test_an_old_clean_pass_whose_true_classes_nobody_else_has(tmp_path: Path) -> None:
    """Most clean passes over the same examples are right; of two that differ nobody knows which."""
    names = "abc"
    clean = [record(cell(model(name))) for name in names]
    store = shelf(tmp_path, *clean)
    odd = json.loads(old(clean[0]))
    odd["result"]["examples"]["true"] = odd["result"]["examples"]["predicted"]
    odd["result"] |= {"errors": 0, "successes": 0}
    store.path(clean[0].id).write_text(json.dumps(odd))
    said: list[str] = []
    assert set(store.records(said.append)) == {item.id for item in clean[1:]}
    assert "its true classes are not those" in said[0]
    store.path(clean[2].id).unlink()
    assert len(store.records()) == 2
