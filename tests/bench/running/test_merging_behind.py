"""Merging into a folder behind a URL: the bytes that a folder would have, and nothing lost whenever it ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import typer
from handmade import CHECKSUM, cell, failure, model, record, run

from bench.cli import merge as command
from bench.errors import UsageError
from bench.records import asked, ran
from bench.records.examples import Kept, encode, sha256
from bench.records.record import Record
from bench.records.store import Store
from bench.running import merging_behind
from bench.running.merging import merge
from bench.running.merging_behind import merge_behind
from bench.running.shelf import Shelf, write_leaderboard
from bench.threats import Threat

KEPT = encode(Kept(np.array([0, 2]), np.zeros((2, 4), np.float32), np.array([1, 1])))
A, B, C = (record(cell(model(name))) for name in "abc")
AGAIN = record(cell(model("a")), run=run("2031-01-01T00:00:00.000+00:00", host="there"))
OTHER = record(cell(model("a")), predicted=(0, 0, 0, 0, 0, 0))
ATTACKED = record(cell(model("b"), threat=Threat(norm="linf", eps=0.25)), run=run(examples=sha256(KEPT)))
SECRET = "not-a-real-secret"


def quiet(line: str) -> None:
    raise AssertionError(line)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = pytest.importorskip("moto.server", reason="needs a local S3: pip install '.[dev]'")
    s3 = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    yield f"http://{host}:{port}"
    s3.stop()


@pytest.fixture(params=["memory", "s3"])
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A folder behind a URL, empty: in memory, and in a bucket of an S3-compatible server of this machine."""
    if request.param == "s3":
        settings = {"ENDPOINT_URL": request.getfixturevalue("endpoint"), "DEFAULT_REGION": "us-east-1"}
        settings |= {"ACCESS_KEY_ID": "testing", "SECRET_ACCESS_KEY": SECRET, "CONFIG_FILE": str(tmp_path / "none")}
        for name, value in settings.items():
            monkeypatch.setenv(f"AWS_{name}", value)
    kind = fsspec.get_filesystem_class(request.param)
    kind.clear_instance_cache()
    system = fsspec.filesystem(request.param)
    system.mkdir("bucket")
    yield f"{request.param}://bucket/out"
    system.rm("bucket", recursive=True)
    kind.clear_instance_cache()


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/bucket", recursive=True)


URL = "memory://bucket/out"


def folder(path: Path, *records: Record, failures: tuple[Record, ...] = ()) -> Store:
    store = Store(path / "results")
    store.prepare()
    for item in records:
        store.publish(item, quiet, kept=KEPT if item.run.examples else None)
    for failed in failures:
        store.publish_failure(failure(failed.cell))
    return store


def three(path: Path) -> list[Store]:
    """Folders that overlap: equal copies, a failure beside a record, and inputs that one copy alone kept."""
    bare = record(ATTACKED.cell)
    found = [
        folder(path / "1", A, bare, failures=(C,)),
        folder(path / "2", AGAIN, B, ATTACKED, failures=(C,)),
        folder(path / "3", B, C),
    ]
    for store in found[:2]:
        asked.note(store, CHECKSUM, [A.cell.target])
        ran.note(store, "toy", 1, "{}", CHECKSUM)
    return found


def on_disk(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def behind(url: str) -> dict[str, bytes]:
    system, path = fsspec.url_to_fs(url)
    system.invalidate_cache()
    return {name[len(path) + 1 :]: system.cat_file(name) for name in system.find(path)}


def united(path: Path, sources: list[Store]) -> dict[str, bytes]:
    """What a folder of this machine comes to."""
    into = folder(path)
    merge(into, sources, quiet)
    write_leaderboard(Shelf(path, with_published=False))
    return on_disk(path)


def told(sources: list[Store], path: Path) -> str | None:
    """The line that merging ends with; None where it comes to its end."""
    try:
        merge_behind(URL, sources, path / "out", quiet)
    except UsageError as error:
        return str(error)
    return None


def test_three_folders_that_overlap_come_to_the_same_bytes_as_on_this_machine(url: str, tmp_path: Path) -> None:
    sources = three(tmp_path)
    wanted = united(tmp_path / "here", sources)
    assert len(wanted) == 8  # four records, inputs, two notes, a board
    for number, order in enumerate(itertools.permutations(sources)):
        out = f"{url}/{number}"
        for step, source in enumerate(order):
            found = merge_behind(out, [source], tmp_path / f"{number}-{step}", quiet)
            assert found.conflicts == []
        assert behind(out) == wanted
        if url.startswith("s3"):  # a server takes its time
            break
    assert merge_behind(out, sources, tmp_path / "again", quiet).added == 0
    assert behind(out) == wanted


def test_the_command_reads_from_and_writes_to_urls(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = three(tmp_path)
    for out, sources in ((url, [first]), (f"{url}-2", [second])):
        with pytest.raises(typer.Exit) as ended:
            command.command(out, [str(source.folder.parent) for source in sources])
        assert ended.value.exit_code == 0
    with pytest.raises(typer.Exit):
        command.command(url, [f"{url}-2"])
    assert f"board in {url}/leaderboard.md" in "".join(capsys.readouterr().out.split("\n"))
    assert behind(url) == united(tmp_path / "here", [first, second])


def test_a_conflict_names_the_urls_and_leaves_the_cell_as_it_is(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merge_behind(url, [folder(tmp_path / "1", A)], tmp_path / "out", quiet)
    other = folder(tmp_path / "2", OTHER, B)
    with pytest.raises(typer.Exit) as ended:
        command.command(url, [str(other.folder.parent)])
    assert ended.value.exit_code == 1
    text = "".join(capsys.readouterr().out.split("\n"))
    assert f"CONFLICT: {url}/results/cells/{A.id}.json and {other.path(A.id)} are two results of one cell" in text
    found = behind(url)
    assert found[f"results/cells/{A.id}.json"] == A.json_text().encode()
    assert f"results/cells/{B.id}.json" in found


def test_ended_at_any_write_nothing_is_lost_and_the_same_call_goes_on(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = three(tmp_path)
    merge_behind(URL, [first], tmp_path / "first", quiet)
    wanted = united(tmp_path / "here", [first, *others])
    before, writes = behind(URL), 0
    put, remove = type(memory).pipe_file, type(memory).rm_file
    monkeypatch.setattr(merging_behind, "AT_ONCE", 1)
    for most in itertools.count():
        memory.rm("/bucket", recursive=True)
        for name, content in before.items():
            memory.pipe_file(f"/bucket/out/{name}", content)
        left = most

        def once(change: Any) -> Any:
            def changed(*given: Any, **options: Any) -> None:
                nonlocal left
                if not left:
                    raise ConnectionError("the line is dead")
                left -= 1
                change(*given, **options)

            return changed

        with monkeypatch.context() as patch:
            patch.setattr(type(memory), "pipe_file", once(put))
            patch.setattr(type(memory), "rm_file", once(remove))
            if (line := told(others, tmp_path)) is None:
                break
        assert "cannot write into memory://bucket/out: ConnectionError: the line is dead" in line
        fetched = Store(tmp_path / "out" / "results")
        now = behind(URL)
        assert {name.split("/")[-1] for name in before} <= {name.split("/")[-1] for name in now}
        for name in (name for name in now if name.startswith("results/cells/")):
            item = fetched.record(Path(name).stem)
            assert item is not None
            if now[name] == fetched.content(item.id) and item.run.examples:
                assert f"results/examples/{fetched.examples_path(item).name}" in now
        merge_behind(URL, others, tmp_path / "out", quiet)
        assert behind(URL) == wanted
        writes += 1
    assert behind(URL) == wanted
    assert writes >= 5


@pytest.mark.parametrize(("theirs", "conflicts"), [(A, 0), (AGAIN, 0), (OTHER, 1)])
def test_what_somebody_else_wrote_meanwhile_is_united_with_and_never_overwritten(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: Record, conflicts: int
) -> None:
    rounds = 0

    def meanwhile(*given: Any, **options: Any) -> Any:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            for item in (theirs, C):
                memory.pipe_file(f"/bucket/out/results/cells/{item.id}.json", item.json_text().encode())
        return merge(*given, **options)

    monkeypatch.setattr(merging_behind, "merge", meanwhile)
    source = folder(tmp_path / "1", A, B)
    found = merge_behind(URL, [source], tmp_path / "out", quiet)
    assert (rounds, found.added, len(found.conflicts)) == (2, 2, conflicts)
    monkeypatch.undo()
    there = behind(URL)
    if conflicts:
        assert there[f"results/cells/{A.id}.json"] == OTHER.json_text().encode()
    else:
        assert there == united(tmp_path / "here", [source, folder(tmp_path / "2", theirs, C)])


def test_a_damaged_record_there_is_set_aside_and_one_that_is_too_large_is_told_of(memory: Any, tmp_path: Path) -> None:
    memory.pipe_file(f"/bucket/out/results/cells/{A.id}.json", b"torn")
    memory.pipe_file(f"/bucket/out/results/set-aside/{A.id}.json.0", b"earlier")
    said: list[str] = []
    merge_behind(URL, [folder(tmp_path / "1", A)], tmp_path / "out", said.append)
    found = behind(URL)
    assert found[f"results/cells/{A.id}.json"] == A.json_text().encode()
    assert [found[f"results/set-aside/{A.id}.json.{number}"] for number in (0, 1)] == [b"earlier", b"torn"]
    assert len(said) == 1
    memory.pipe_file(f"/bucket/out/results/cells/{B.id}.json", b" " * 5_000_000)
    with pytest.raises(UsageError, match=rf"cells/{B.id}\.json has more than 4 MB, .*move it away"):
        merge_behind(URL, [folder(tmp_path / "2", B)], tmp_path / "out", said.append)


@pytest.mark.parametrize("out", ["file:///nowhere/out", "http://localhost/out"])
def test_where_nothing_is_written_in_one_step_nothing_is_written(out: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing can be written in one step there; bring everything into a folder"):
        merge_behind(out, [folder(tmp_path / "1", A)], tmp_path / "out", quiet)


def test_a_url_is_not_merged_into_itself() -> None:
    with pytest.raises(UsageError, match=r"memory://bucket/out/ is the folder to bring everything into"):
        command.command(URL, [f"{URL}/"])


def test_a_bucket_that_is_not_there_is_a_line_without_the_secret(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "testing", "SECRET_ACCESS_KEY": SECRET}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(UsageError, match=r"^cannot write into s3://none/out: .*nothing there is lost") as raised:
        merge_behind("s3://none/out", [folder(tmp_path / "1", A)], tmp_path / "out", quiet)
    assert SECRET not in str(raised.value)
