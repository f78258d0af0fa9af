"""Folders of results behind URLs: the same union, nothing but a result's files, within their limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from handmade import cell, failure, model, record

from bench.cli import merge as command
from bench.errors import UsageError
from bench.records.store import Store
from bench.running import urls
from bench.running.merging import merge
from bench.running.urls import fetch, is_url, shown

A, B, C = (record(cell(model(name))) for name in "abc")
URL = "memory://bucket/run"


def quiet(line: str) -> None:
    raise AssertionError(line)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Any]:
    """A folder of two records and a failure, put behind a URL."""
    system = fsspec.filesystem("memory")
    store = Store(tmp_path / "source" / "results")
    store.prepare()
    for item in (A, B):
        store.publish(item, quiet)
    store.publish_failure(failure(C.cell))
    for path in store.folder.rglob("*.json"):
        system.pipe_file(f"/bucket/run/results/{path.relative_to(store.folder)}", path.read_bytes())
    yield system
    system.rm("/bucket", recursive=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def behind(system: Any) -> dict[str, bytes]:
    return {name: system.cat_file(name) for name in system.find("/bucket")}


def union(tmp_path: Path, name: str, source: Store) -> dict[str, bytes]:
    into = Store(tmp_path / name / "results")
    into.prepare()
    merge(into, [source], quiet)
    return contents(into.folder)


def test_what_is_fetched_merges_into_the_same_bytes_as_the_folder(memory: Any, tmp_path: Path) -> None:
    before = behind(memory)
    fetch(URL, tmp_path / "fetched", quiet)
    found = union(tmp_path, "by-url", Store(tmp_path / "fetched" / "results"))
    assert found == union(tmp_path, "by-folder", Store(tmp_path / "source" / "results"))
    assert len(found) == 3
    assert behind(memory) == before


def test_only_files_of_a_result_are_fetched(memory: Any, tmp_path: Path) -> None:
    for name in ("cells/evil.py", "cells/..json", "verdicts/x.json", "cells/deep/a.json", "model.pkl"):
        memory.pipe_file(f"/bucket/run/results/{name}", b"{}")
    fetch(URL, tmp_path / "fetched", quiet)
    assert contents(tmp_path / "fetched" / "results") == contents(tmp_path / "source" / "results")
    assert not list(tmp_path.rglob("*.py")) + list(tmp_path.rglob("*.pkl"))


@pytest.mark.parametrize("honest", [True, False])
def test_more_bytes_than_a_record_may_have_are_left_out(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    """Whether the server tells the size or not."""
    cap = len(A.json_text()) + 1000
    monkeypatch.setitem(urls.KINDS, "cells", (urls.KINDS["cells"][0], cap))
    memory.pipe_file(f"/bucket/run/results/cells/{'0' * 32}.json", b" " * (cap + 1))
    listed = type(memory).ls

    def ls(self: Any, *given: Any, **options: Any) -> Any:
        return [entry if honest else {**entry, "size": None} for entry in listed(self, *given, **options)]

    monkeypatch.setattr(type(memory), "ls", ls)
    lines: list[str] = []
    fetch(URL, tmp_path / "fetched", lines.append)
    assert len(lines) == 1
    assert f"results/cells/{'0' * 32}.json has more than" in lines[0]
    assert set(Store(tmp_path / "fetched" / "results").records()) == {A.id, B.id}


def test_refused_access_and_bad_urls_are_one_line_without_the_password(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"no results in memory://bucket/none"):
        fetch("memory://bucket/none", tmp_path / "1", quiet)
    with pytest.raises(UsageError, match=r"cannot open nothing://x: .*check the URL"):
        fetch("nothing://me:secret@x", tmp_path / "2", quiet)
    with pytest.raises(UsageError, match="chain of URLs"):
        fetch("zip::s3://bucket/a.zip", tmp_path / "3", quiet)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("Access\nDenied")

    monkeypatch.setattr(type(memory), "ls", refused)
    with pytest.raises(UsageError, match=r"^cannot read memory://bucket/run: PermissionError: Access Denied; check"):
        fetch(URL, tmp_path / "4", quiet)


def test_where_a_file_system_is_not_installed_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(UsageError, match=r"potemkin-bench\[remote\]"):
        fetch("s3://bucket/path", tmp_path / "1", quiet)


def test_what_is_a_url() -> None:
    assert [is_url(text) for text in ("s3://b/p", "memory://p", "zip::s3://b", "out", "a/b:c", "./s3:/b")] == [
        *(True, True, True, False, False, False)
    ]
    assert shown("ftp://me:secret@host/path") == "ftp://host/path"
    assert shown("s3://bucket/a@b") == "s3://bucket/a@b"


def test_a_conflict_names_the_url_and_nothing_fetched_is_left(
    memory: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import typer

    into = Store(tmp_path / "into" / "results")
    into.prepare()
    into.publish(record(cell(model("a")), predicted=(0, 0, 0, 0, 0, 0)), quiet)
    with pytest.raises(typer.Exit) as ended:
        command.command(str(tmp_path / "into"), [URL])
    assert ended.value.exit_code == 1
    text = " ".join(capsys.readouterr().out.split())
    assert f"{URL}/results/cells/{A.id}.json" in text.replace(" ", "") or f"{URL}/results/cells/{A.id}.json" in text
    assert "1 records added" in text
    assert into.has(C.id)
