"""A whole result to hand on: it verifies by itself, and says what a pull request asks for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from handmade import cell, model, record, run

from bench.errors import UsageError
from bench.progress import quiet
from bench.records import verdicts
from bench.records.record import DatasetId, Record
from bench.records.store import Store
from bench.running.exporting import SUMS, export, submitted

EVIL = "<script>|evil\n# head"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "out" / "results")
    store.prepare()
    for name in ("a", EVIL):
        store.publish(record(cell(model(name))), quiet)
    return store


def test_all_of_it_is_there_with_a_card_for_each_model_and_checksums(store: Store, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    files = export(store, dest, quiet, submission=True)
    assert {id: found.json_text() for id, found in Store(dest / "results").records().items()} == {
        id: found.json_text() for id, found in store.records().items()
    }
    cards = [json.loads(path.read_text()) for path in (dest / "cards").iterdir()]
    assert {card["name"] for card in cards} == {"a", EVIL}
    lines = (dest / SUMS).read_text().splitlines()
    assert len(lines) == len(files)
    for line in lines:
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((dest / name).read_bytes()).hexdigest() == digest


def test_a_submission_says_what_it_is_about_and_names_of_others_are_text(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "dest", quiet, submission=True)
    text = (tmp_path / "dest" / "SUBMISSION.md").read_text()
    assert model("a").fingerprint[:32] in text
    assert "bench verify" in text
    assert "<script>" not in text
    assert "\n# head" not in text
    assert f"\n  - fingerprint: `{model('a').fingerprint}`\n" in text
    assert "- [ ] Adversarial inputs were kept" in text
    assert "\\`" not in text


def test_a_submission_lists_the_models_that_are_no_reference_models_and_their_files(tmp_path: Path) -> None:
    """And those by name alone, unless there are no others."""
    digest = "a" * 64
    store = Store(tmp_path / "out" / "results")
    store.prepare()
    data = DatasetId(name="mnist", checksum="c" * 64)

    def of_mnist(name: str) -> Record:
        asked = cell(model(name))
        asked = asked.model_copy(update={"craft": asked.craft.model_copy(update={"dataset": data})})
        return record(asked, run=run(files={name: digest}))

    store.publish(of_mnist("knn"), quiet)
    assert "- **knn**" in submitted(list(store.records().values()))
    store.publish(of_mnist("my`net"), quiet)
    text = submitted(list(store.records().values()))
    assert "- **my\\`net** (network, gradient exact)" in text
    assert f"\n  - SHA-256 of its file: my\\`net `{digest}`\n" in text
    assert "- **knn**" not in text
    assert "Beside reference models, whose records are here, too: knn." in text


def test_verdicts_are_not_handed_on(store: Store, tmp_path: Path) -> None:
    (store.folder / verdicts.FOLDER).mkdir()
    (store.folder / verdicts.FOLDER / "x.json").write_text("{}")
    export(store, tmp_path / "dest", quiet)
    assert not (tmp_path / "dest" / "results" / verdicts.FOLDER).exists()
    assert not (tmp_path / "dest" / "SUBMISSION.md").exists()


def test_nothing_is_written_over_and_nothing_is_no_result(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "dest", quiet)
    with pytest.raises(UsageError, match="there already"):
        export(store, tmp_path / "dest", quiet)
    with pytest.raises(UsageError, match="no records"):
        export(Store(tmp_path / "none"), tmp_path / "other", quiet)
