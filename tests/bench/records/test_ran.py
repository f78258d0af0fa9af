"""Notes of which suites were run: text with its digest, the last of any number of folders, and bad ones are none."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from handmade import CHECKSUM, suite_of

from bench.errors import UsageError
from bench.planning.suite import as_text, load_suite, names, of_text
from bench.records.ran import CAP, note, notes, unite
from bench.records.store import Store


def kept(store: Store, text: str = "{}", *models: str) -> None:
    note(store, "mine", 1, text, CHECKSUM, models)


def test_the_last_text_counts_and_models_that_were_named_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept(store, "{}", "knn")
    kept(store, "[]", "b", "a")
    note(store, "mine", 2, "{}", CHECKSUM)
    found = {each.version: each for each in notes(store)}
    assert (found[1].text, found[1].models, found[2].models) == ("[]", ("a", "b", "knn"), ())


@pytest.mark.parametrize("content", ["", "{", "[]", "x" * (CAP + 1), '{"suite": "mine"}', None])
def test_a_bad_note_is_none(content: str | None, tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept(store)
    (path,) = (tmp_path / "suites").iterdir()
    path.write_text(path.read_text().replace('"{}"', '"[]"') if content is None else content)
    assert list(notes(store)) == []
    kept(store)
    assert len(list(notes(store))) == 1
    path.rename(path.with_name("0" * 32 + ".json"))
    assert list(notes(store)) == []


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "suites").write_text("no folder")
    with pytest.raises(UsageError, match=r"cannot write into .*suites .*; choose another with --out"):
        kept(Store(tmp_path))


def test_of_several_folders_the_last_note_stays_in_whatever_order(tmp_path: Path) -> None:
    sources = [Store(tmp_path / name) for name in "abc"]
    for number, store in enumerate(sources):
        kept(store, f"[{number}]", store.folder.name)
        (path,) = (store.folder / "suites").iterdir()
        plain = json.loads(path.read_text())
        path.write_text(json.dumps(plain | {"at": f"2025-01-0{(2, 3, 3)[number]}T00:00:00.000+00:00"}))
    found = set()
    for number, order in enumerate(itertools.permutations(sources)):
        into = Store(tmp_path / f"into-{number}")
        unite(into, order)
        found |= {(each.text, each.models) for each in notes(into)}
    assert len(found) == 1
    assert found.pop()[1] == ("a", "b", "c")


@pytest.mark.parametrize("name", [*names(), "mnist-fgsm@1"])
def test_a_suite_is_read_from_its_text(name: str) -> None:
    suite = load_suite(name)
    assert of_text(as_text(suite)) == suite


def test_a_text_of_a_suite_that_ships_and_is_another_is_refused() -> None:
    """Whoever wrote it: a board of that name is of that suite."""
    forged = suite_of("  - {attack: sign-noise, norm: linf, eps: 0.01}").model_copy(update={"suite": "mnist-fgsm"})
    with pytest.raises(UsageError, match="mnist-fgsm is a suite that ships, and this is another"):
        of_text(as_text(forged))
    for text in ("", "[", "[]", "{}", "[" * 100_000, '{"suite": "x", "dataset": {"name": "toy"}, "attacks": "all"}'):
        with pytest.raises(UsageError):
            of_text(text)
