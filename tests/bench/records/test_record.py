"""A cell's record as a file: it comes back as it was, and old files stay readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import cell, failure, model, record, result, run
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.records.identity import checksum
from bench.records.packing import pack_floats, pack_integers
from bench.records.record import AttackId, Examples, Failure, Record, Result, Slice, digest, read_record
from bench.threats import Criterion, Threat

FIXTURES = Path(__file__).with_name("fixtures")
FGSM = AttackId(name="fgsm", revision=1, parameters={"label": "true", "loss": "training", "target": "next"})
TARGETED = cell(
    target=model("b", "surrogate", confidence_kind="votes", notes=("train-mode",)),
    source=model("a"),
    threat=Threat(norm="linf", eps=0.25, clip=(0.0, 1.0)),
    criterion=Criterion(kind="targeted"),
    attack=FGSM,
    part=Slice(split="test", stop=4, of=6, sample=0),
)
ANSWER: dict[str, Any] = {
    "goal": [1, 2, -1, 1],
    "index": [0, 1, 2, 5],
    "confidence": 0.75,
    "confidence_on_mistakes": 0.5,
    "unmoved": 1,
    "largest": 0.25000001,
}
RUBBISH = cell(
    attack=AttackId(name="gaussian-rubbish", revision=1, parameters={"draw": 0}),
    part=Slice(split=None, stop=2, of=2),
    criterion=Criterion(kind="confident", threshold=0.5),
)
RECORDS = {
    "clean": record(median_margin=0.5, flags=("randomised",)),
    "targeted": Record(
        id=TARGETED.id, cell=TARGETED, result=result(TARGETED, [1, 1, 2, -1], [0, 1, 2, 2], **ANSWER), run=run()
    ),
    "rubbish": Record(
        id=RUBBISH.id,
        cell=RUBBISH,
        result=result(RUBBISH, [2, 2], None, margin=[0.5, 0.1], successes=1, success_classes=(0, 0, 1)),
        run=run(),
    ),
    "rubbish-without-confidence": Record(
        id=RUBBISH.id,
        cell=RUBBISH,
        result=result(RUBBISH, [2, 2], None, margin=[0.5, 0.1], successes=None),
        run=run(),
    ),
    "unsupported": Record(
        id=cell().id, cell=cell(), result=Result(status="unsupported", reason="needs a gradient"), run=run()
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_comes_back_from_its_text(name: str) -> None:
    kept = RECORDS[name]
    back = read_record(kept.json_text().encode())
    assert back == kept
    assert back.json_text() == kept.json_text()
    assert back.cell.id == back.id == kept.id


def test_a_failure_comes_back_from_its_text() -> None:
    assert Failure.model_validate_json(failure().json_text()) == failure()


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_the_first_schema_still_loads(name: str) -> None:
    """Files once written, never to be edited: what they say must stay readable, under the same id."""
    kept = read_record((FIXTURES / "schema-1" / f"{name}.json").read_bytes())
    assert kept.id == kept.cell.id
    assert kept == RECORDS[name].model_copy(update={"schema_version": 1})
    assert kept.same_as(RECORDS[name])


@pytest.mark.parametrize("name", RECORDS)
def test_the_text_of_a_record_never_changes(name: str) -> None:
    """Golden files of today's schema: what is written is found again, byte for byte, by whoever reads it later."""
    content = (FIXTURES / "schema-2" / f"{name}.json").read_bytes()
    assert RECORDS[name].json_text().encode() == content
    assert read_record(content) == RECORDS[name]


@pytest.mark.parametrize("schema", [1, 2])
def test_a_failure_of_every_schema_loads(schema: int) -> None:
    text = (FIXTURES / f"schema-{schema}" / "failure.json").read_text()
    assert Failure.model_validate_json(text) == failure().model_copy(update={"schema_version": schema})


def test_quick_models_of_the_first_schema_have_an_effort() -> None:
    """There it was a note, and a flag."""
    plain = json.loads((FIXTURES / "schema-1" / "clean.json").read_text())
    plain["cell"]["target"]["notes"] = ["quick: 3 epochs of all examples", "train-mode"]
    plain["result"]["flags"] = ["quick: 3 epochs of all examples", "randomised"]
    kept = read_record(json.dumps(plain).encode())
    assert (kept.cell.target.effort, kept.cell.target.notes) == ("3 epochs of all examples", ("train-mode",))
    assert kept.result.flags == ("randomised",)


def flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_passes_for_another_record(data: st.DataObject) -> None:
    content = RECORDS["targeted"].json_text().encode()
    place = data.draw(st.integers(0, len(content) - 1))
    spoilt = flipped(content, place, data.draw(st.integers(0, 7)))
    try:
        kept = read_record(spoilt)
    except (ValueError, RecursionError):
        return
    assert kept == RECORDS["targeted"]


@pytest.mark.parametrize(
    ("name", "value"), [("finished", "2031-01-01T00:00:00.000+00:00"), ("seconds", 0.0), ("host", "")]
)
def test_a_run_that_is_not_the_one_written_is_refused(name: str, value: object) -> None:
    """Boards tell the versions of a model apart by its time; the rest is what a stranger goes by to do it again."""
    plain = json.loads(RECORDS["clean"].json_text())
    plain["run"][name] = value
    with pytest.raises(ValueError, match="its run_sha256 is not that of its run"):
        read_record(json.dumps(plain).encode())


def test_records_of_before_have_no_checksum_of_their_run() -> None:
    content = (FIXTURES / "schema-2" / "clean-of-before.json").read_bytes()
    assert b"run_sha256" not in content
    assert read_record(content) == RECORDS["clean"]


@pytest.mark.parametrize(("name", "value"), [("n", 5), ("errors", 0), ("abstentions", 1)])
def test_a_count_that_the_columns_do_not_bear_out_is_refused(name: str, value: int) -> None:
    """Also where whoever wrote it computed the checksum anew, and in files of the first schema, which have none."""
    plain = json.loads(RECORDS["clean"].json_text())
    plain["result"][name] = value
    for schema in (1, 2):
        spoilt = plain | {"schema": schema, "sha256": digest(plain)}
        with pytest.raises(ValidationError, match=f"{name} is {value}, and its columns come to"):
            read_record(json.dumps(spoilt).encode())


def test_distances_come_back() -> None:
    threat = Threat(norm="l2", clip=(0.0, 1.0))
    asked = cell(source=model("a"), attack=FGSM, threat=threat)
    kept = record(
        asked, examples=Examples(predicted=pack_integers(np.arange(6) % 3), distance=pack_floats(FAR)), n=6, successes=4
    )
    assert str(asked) == "a, fgsm, l2 nearest"
    found = read_record(kept.json_text().encode()).result.distance
    assert found is not None
    assert found.tolist() == FAR.tolist()
    assert RECORDS["clean"].result.distance is None


FAR = np.array([0.5, np.inf, 0.25, 1.0, np.inf, 3.0], dtype=np.float32)


def test_what_a_fixture_says() -> None:
    kept = read_record((FIXTURES / "schema-1" / "targeted.json").read_bytes())
    assert str(kept.cell) == "b, fgsm from a, linf eps 0.25"
    assert not kept.cell.white_box
    assert kept.result.predicted.tolist() == [1, 1, 2, -1]
    assert kept.result.goal.tolist() == [1, 2, -1, 1]
    assert kept.result.index.tolist() == [0, 1, 2, 5]
    assert (kept.result.n, kept.result.errors, kept.result.successes) == (3, 1, 1)


def test_the_text_is_sorted_and_says_nothing_of_what_is_none() -> None:
    text = RECORDS["clean"].json_text()
    plain = json.loads(text)
    assert text == json.dumps(plain, sort_keys=True, indent=1) + "\n"
    assert "source" not in plain["cell"]["craft"]
    assert (plain["schema"], plain["sha256"], plain["run_sha256"]) == (2, digest(plain), checksum(plain["run"]))


def test_what_does_not_apply_does_not_become_a_zero() -> None:
    """A value that is left out of the text comes back as it was: none, and not a count of nothing."""
    kept = RECORDS["rubbish-without-confidence"]
    assert "successes" not in json.loads(kept.json_text())["result"]
    assert read_record(kept.json_text().encode()).result.successes is None


def test_nan_is_never_written() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Result(status="ok", confidence=float("nan"))


def test_values_that_were_not_kept_are_not_invented() -> None:
    with pytest.raises(ValueError, match="keeps no 'goal' values"):
        _ = RECORDS["clean"].result.goal


def test_agreement_is_of_cell_and_result_alone() -> None:
    here, there = record(), record(run=run("2030-01-01T00:00:00.000+00:00", seconds=9.0, host="there"))
    assert here.same_as(there)
    assert not here.same_as(record(predicted=(0, 0, 0, 0, 0, 0)))
    assert not here.same_as(record(confidence=0.5))
    assert not here.same_as(record(cell(model("b"))))
    assert here.differing_labels(record(predicted=(1, 1, 2, 0, 0, 1))) == 2
    assert here.differing_labels(RECORDS["unsupported"]) == 6


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (cell(), "a, clean"),
        (cell(source=model("a"), attack=FGSM, threat=Threat(norm="l2", eps=1.5)), "a, fgsm, l2 eps 1.5 unclipped"),
        (TARGETED, "b, fgsm from a, linf eps 0.25"),
    ],
)
def test_a_cell_in_words(asked: Any, text: str) -> None:
    assert str(asked) == text


def test_white_box_is_a_matter_of_fingerprints() -> None:
    twin = model("twin", fingerprint=model("a").fingerprint)
    assert cell(target=twin, source=model("a"), attack=FGSM).white_box
    assert not cell(target=model("b"), source=model("a"), attack=FGSM).white_box
    assert not cell().white_box


def test_numbers_are_numbers() -> None:
    kept = np.asarray(RECORDS["rubbish"].result.margin)
    assert kept.tolist() == pytest.approx([0.5, 0.1])
