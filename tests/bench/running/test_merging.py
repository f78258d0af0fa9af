"""Uniting folders: a set union, in whatever order, that hides no disagreement."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import cell, failure, model, record, run

from adapters.base import Outputs
from bench.records.cell import Cell
from bench.records.part import CellPart, Part, packed
from bench.records.record import Record, Slice
from bench.records.store import Store
from bench.running.judge import Audit
from bench.running.merging import merge
from bench.running.pieces import Pieces
from bench.running.tally import Tally, joined

A, B, C = (record(cell(model(name))) for name in "abc")
AGAIN = record(cell(model("a")), run=run("2031-01-01T00:00:00.000+00:00", host="there"))
OTHER = record(cell(model("a")), predicted=(0, 0, 0, 0, 0, 0))


def quiet(line: str) -> None:
    raise AssertionError(line)


def folder(path: Path, *records: Record, failures: tuple[Record, ...] = (), parts: tuple[Part, ...] = ()) -> Store:
    store = Store(path / "results")
    store.prepare()
    for item in records:
        store.publish(item, quiet)
    for failed in failures:
        store.publish_failure(failure(failed.cell))
    for part in parts:
        store.publish_part(part)
    return store


def contents(store: Store) -> dict[str, bytes]:
    return {str(path.relative_to(store.folder)): path.read_bytes() for path in store.folder.rglob("*.json")}


def test_the_union_is_the_same_in_whatever_order(tmp_path: Path) -> None:
    found = []
    sources = [
        folder(tmp_path / "1", A, B),
        folder(tmp_path / "2", AGAIN, failures=(B, C)),
        folder(tmp_path / "3", B, failures=(C,)),
    ]
    before = [contents(source) for source in sources]
    for number, order in enumerate(itertools.permutations(sources)):
        into = folder(tmp_path / f"into-{number}")
        assert merge(into, order, quiet).conflicts == []
        found.append(contents(into))
    assert all(one == found[0] for one in found)
    assert set(found[0]) == {f"cells/{A.id}.json", f"cells/{B.id}.json", f"failures/{C.id}.json"}
    assert [contents(source) for source in sources] == before


def test_of_two_good_copies_the_smaller_checksum_stays(tmp_path: Path) -> None:
    texts = sorted((A.json_text(), AGAIN.json_text()), key=lambda text: hashlib.sha256(text.encode()).digest())
    into, source = folder(tmp_path / "into", A), folder(tmp_path / "source", AGAIN)
    found = merge(into, [source], quiet)
    assert (found.added, found.same) == (0, 1)
    assert into.path(A.id).read_text() == texts[0]


def test_what_asking_again_found_is_not_lost(tmp_path: Path) -> None:
    """Whichever copy has the smaller checksum, and whichever comes first."""
    for number in range(8):
        doubted = record(cell(model("a")), run=run(host=f"host-{number}", findings=("order-dependent",), asked_again=9))
        for place, order in enumerate([(A, doubted), (doubted, A)]):
            into = folder(tmp_path / f"into-{number}-{place}")
            sources = [folder(tmp_path / f"{number}-{place}-{n}", item) for n, item in enumerate(order)]
            assert merge(into, sources, quiet).conflicts == []
            kept = into.record(A.id)
            assert kept is not None
            assert kept.run.findings == ("order-dependent",)


def test_findings_of_parts_are_those_of_their_cell(tmp_path: Path) -> None:
    """And examples asked again are added up; a cell of which none were says nothing of it."""
    pieces = Pieces()
    of, alone = cell(model("a"), part=Slice(split="test", stop=1006, of=1006)), cell(model("b"))

    def part(of: Cell, number: int, count: int, *items: CellPart) -> Part:
        return Part(craft=of.craft.id, number=number, of=count, classes=3, cells=items, run=run())

    for number, (n, found, asked) in enumerate([(1000, (), 3), (6, ("order-dependent",), 4)]):
        columns = {name: packed(np.zeros(n, dtype=np.int64)) for name in ("labels", "true")}
        item = CellPart(cell=of, columns=columns, findings=found, asked_again=asked)
        pieces.add(part(of, number, 2, item))
    whole, how = pieces.take(of.id, part(of, 1, 2))
    assert len(whole) == 2
    assert (how.findings, how.asked_again) == (("order-dependent",), 7)
    pieces.add(part(alone, 0, 1, CellPart(cell=alone, columns=columns)))
    _, how = pieces.take(alone.id, part(alone, 0, 1))
    assert (how.findings, how.asked_again) == (None, None)


def test_two_results_are_an_alarm_that_names_both_and_changes_nothing(tmp_path: Path) -> None:
    into, source = folder(tmp_path / "into", A), folder(tmp_path / "source", OTHER, B)
    before = contents(into)
    found = merge(into, [source], quiet)
    assert found.conflicts == [(into.path(A.id), source.path(A.id))]
    assert found.added == 1
    assert before.items() <= contents(into).items()


def test_a_failure_yields_to_a_record(tmp_path: Path) -> None:
    into, source = folder(tmp_path / "into", failures=(A,)), folder(tmp_path / "source", A)
    merge(into, [source], quiet)
    assert set(contents(into)) == {f"cells/{A.id}.json"}


def parts_of(asked: Cell, scored: int = 0) -> tuple[Part, ...]:
    """Parts of a clean pass of one example each, the first few with probabilities, of the usual seconds together."""
    parts, count = [], asked.craft.slice.n
    for number in range(count):
        tally = Tally(asked, 1)
        tally.begin(np.array([0]), None, Audit(None, 1))
        tally.add(np.array([0]), Outputs(torch.tensor([number]), None, torch.eye(3)[:1] if number < scored else None))
        found = tally.part(None, None, run().seconds / count)
        parts.append(Part(craft=asked.craft.id, number=number, of=count, classes=3, cells=(found,), run=run()))
    return tuple(parts)


def pieces(name: str, count: int = 3) -> tuple[tuple[Part, ...], Record]:
    """Such parts, and the record that they come to."""
    asked = cell(model(name), part=Slice(split="test", stop=count, of=count))
    parts = parts_of(asked)
    result = joined([part.cells[0] for part in parts], 3)
    return parts, Record(id=asked.id, cell=asked, result=result, run=run())


def test_parts_in_several_folders_become_a_record(tmp_path: Path) -> None:
    (first, second, third), whole = pieces("a")
    one, two = folder(tmp_path / "1", parts=(first, third)), folder(tmp_path / "2", parts=(second,))
    into = folder(tmp_path / "into")
    found = merge(into, [one, two], quiet)
    assert (found.joined, found.waiting) == (1, 0)
    assert into.records(quiet) == {whole.id: whole}
    assert list((into.folder / "parts").iterdir()) == []


def test_parts_that_are_not_all_there_wait(tmp_path: Path) -> None:
    (first, second, third), whole = pieces("a")
    one, two = folder(tmp_path / "1", parts=(first,)), folder(tmp_path / "2", parts=(second,))
    into = folder(tmp_path / "into")
    assert merge(into, [one, two], quiet).waiting == 1
    assert {part.number for part in into.parts(quiet)} == {0, 1}
    assert merge(into, [folder(tmp_path / "3", parts=(third,))], quiet).joined == 1
    assert set(into.records(quiet)) == {whole.id}


def test_parts_that_do_not_go_together_are_a_failure(tmp_path: Path) -> None:
    asked = cell(model("a"), part=Slice(split="test", stop=2, of=2))
    one, two = (folder(tmp_path / str(part.number), parts=(part,)) for part in parts_of(asked, scored=1))
    into = folder(tmp_path / "into")
    found = merge(into, [one, two], quiet)
    assert (found.joined, found.waiting, found.failures) == (0, 0, 1)
    assert into.failures()[asked.id].kind == "invalid-output"
    assert set(contents(into)) == {f"failures/{asked.id}.json"}


@pytest.mark.parametrize("text", [A.json_text()[:-20], A.json_text().replace('"errors": 1', '"errors": 0')])
def test_what_cannot_be_used_is_told_of_and_left(text: str, tmp_path: Path) -> None:
    source = folder(tmp_path / "source", B)
    source.path(A.id).write_text(text)
    told: list[str] = []
    into = folder(tmp_path / "into")
    assert merge(into, [source], told.append).added == 1
    assert len(told) == 1
    assert str(source.path(A.id)) in told[0]


# -- damaged and foreign files -----------------------------------------------------------------------------------------


def test_a_record_in_another_encoding_comes_along_byte_for_byte(tmp_path: Path) -> None:
    odd = record(cell(model("a", notes=("größer",))))
    source, into = folder(tmp_path / "1"), folder(tmp_path / "into")
    text = json.dumps(json.loads(odd.json_text()), ensure_ascii=False)
    source.path(odd.id).write_text(text, encoding="utf-8")
    assert merge(into, [source], quiet).added == 1
    assert into.path(odd.id).read_bytes() == text.encode()


def test_a_damaged_record_gives_way_to_a_good_copy_and_is_set_aside(tmp_path: Path) -> None:
    source, into = folder(tmp_path / "1", A), folder(tmp_path / "into")
    into.path(A.id).write_text("torn")
    source.path(B.id).write_text("torn")
    said: list[str] = []
    assert merge(into, [source], said.append).added == 1
    assert into.records(quiet) == {A.id: A}
    assert (into.folder / "set-aside" / f"{A.id}.json.0").read_text() == "torn"
    assert len(said) == 2
    assert source.path(B.id).read_text() == "torn"


def test_an_old_record_that_is_not_the_one_listed_is_left_out(tmp_path: Path) -> None:
    """Nor does another copy of it take the place of the one listed."""
    old, again = (item.model_copy(update={"schema_version": 1}) for item in (A, AGAIN))
    source, into = folder(tmp_path / "1", again), folder(tmp_path / "into")
    line = f"{hashlib.sha256(old.json_text().encode()).hexdigest()}  cells/{A.id}.json\n"
    (into.folder / "sha256sums.txt").write_text(line)
    said: list[str] = []
    assert merge(into, [source], said.append).added == 0
    assert len(said) == 1
    assert "left out" in said[0]
    into.publish(old, quiet)
    for one, other in ((source, into), (into, source)):
        assert merge(one, [other], quiet).same == 1
    assert into.path(A.id).read_bytes() == old.json_text().encode()


def test_parts_of_a_cell_whose_record_is_damaged_come_along(tmp_path: Path) -> None:
    """From them it is joined again."""
    parts, whole = pieces("a")
    source, into = folder(tmp_path / "1", parts=parts), folder(tmp_path / "into")
    into.path(whole.id).write_text("torn")
    found = merge(into, [source], lambda line: None)
    assert (found.joined, found.waiting) == (1, 0)
    assert into.record(whole.id) == whole


def test_last_digits_of_a_mean_are_no_conflict_and_counts_are() -> None:
    """The median of margins in float32 depends on the number of threads."""
    one = A.model_copy(update={"result": A.result.model_copy(update={"median_margin": 0.4375})})
    near = one.result.model_copy(update={"median_margin": 0.43750003})
    far = one.result.model_copy(update={"median_margin": 0.4376})
    assert one.same_as(one.model_copy(update={"result": near}))
    assert not one.same_as(one.model_copy(update={"result": far}))
    assert not one.same_as(one.model_copy(update={"result": near.model_copy(update={"unmoved": 1})}))
