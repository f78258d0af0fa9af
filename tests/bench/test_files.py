"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.errors import DiskError, UsageError
from bench.files import Refused, create_file, read_file, replace_file, size_text, sweep, temporary, whole_file, writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for content in (b"first", b"second"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert names(path.parent) == ["file"]


def test_only_the_first_creates_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert [create_file(path, content) for content in (b"first", b"second")] == [True, False]
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_within_leaves_what_was_there(error: type[BaseException], new: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with whole_file(path, new=new) as file:
            file.write(b"half of the")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_nobody_sees_a_file_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with whole_file(path) as file:
        file.write(b"half")
        assert not path.exists()
        assert all(name.startswith(".") for name in names(tmp_path))
    assert path.read_bytes() == b"half"


# -- reading ----------------------------------------------------------------------------------------------------------


def test_a_file_is_read_up_to_its_cap(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(Refused, match="has 5 bytes, and 4 bytes are the most"):
        read_file(path, 4)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none", 5)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="a system without it")
def test_what_grows_while_it_is_read() -> None:
    """Files of `/proc` say that they are empty."""
    with pytest.raises(Refused, match="grows beyond 10 bytes"):
        read_file(Path("/proc/self/status"), 10)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (256_000, "256 kB"), (2_147_483_648, "2.15 GB"), (10**12, "1000 GB")],
)
def test_sizes_in_words(size: int, text: str) -> None:
    assert size_text(size) == text
    assert size_text(10**400) == "more than 1000 TB"


# -- file systems without hard links ----------------------------------------------------------------------------------


def failing(number: int) -> Callable[..., None]:
    def call(*arguments: object, **more: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


WAYS = {
    "renaming": [],
    "a lock": ["_renamed"],
}
"""What stands in for links, and what has to be missing as well for it to be used."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EXDEV])
def test_without_links_nothing_is_lost_and_nothing_overwritten(
    number: int, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(number))
    for name in WAYS[way]:
        monkeypatch.setattr(writing, name, lambda half, path: False)
    path = tmp_path / "file"
    assert [create_file(path, content) for content in (b"first", b"second")] == [True, False]
    assert path.read_bytes() == b"first"
    assert [name for name in names(tmp_path) if name != ".lock"] == ["file"]


@pytest.mark.parametrize("way", WAYS)
def test_without_links_one_of_many_writers_wins(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    for name in WAYS[way]:
        monkeypatch.setattr(writing, name, lambda half, path: False)
    barrier = threading.Barrier(8)

    def write(number: int) -> bool:
        barrier.wait()
        return create_file(tmp_path / "file", b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == [False] * 7 + [True]


def test_where_there_is_no_way_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    monkeypatch.setattr(writing, "_renamed", lambda half, path: False)
    monkeypatch.setattr("fcntl.flock", failing(errno.ENOLCK))
    with pytest.raises(DiskError, match=r"neither hard links nor locks .*--out"):
        create_file(tmp_path / "file", b"first")
    assert not (tmp_path / "file").exists()


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert create_file(tmp_path / "file", b"first")


# -- errors of the disk -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room there or take another place (--out"),
        (errno.EDQUOT, "make room there"),
        (errno.EROFS, "make it writable"),
        (errno.EACCES, "make it writable"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EIO, "check the disk"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_of_the_disk_names_the_file_and_the_remedy(
    number: int, remedy: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, step, failing(number))
    with pytest.raises(UsageError) as caught:
        replace_file(tmp_path / "file", b"new")
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == number
    line = str(caught.value)
    assert line.startswith(f"cannot write {tmp_path / 'file'}: {os.strerror(number)}; ")
    assert remedy in line
    assert names(tmp_path) == []


@pytest.mark.parametrize("write", [replace_file, create_file])
def test_an_error_that_stays_is_told_alike(write: Callable[[Path, bytes], object], tmp_path: Path) -> None:
    """As on a full disk, on which the close of a file, too, tries in vain to write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(DiskError, match=r"cannot write .*file: File too large; .*ulimit -f"):
            write(tmp_path / "file", b"x" * 4000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_a_file_where_a_folder_is_due(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for write in (replace_file, create_file):
        with pytest.raises(DiskError, match="cannot write"):
            write(tmp_path / "file" / "x", b"new")


# -- what dead runs leave behind --------------------------------------------------------------------------------------


def left_behind(path: Path, pid: int, days: float = 0, mark: str | None = None) -> Path:
    """A half-written file of a process."""
    name = temporary(path).name
    if mark is not None:
        name = name.replace(name.split(".")[-1].partition("-")[0], mark)
    half = path.with_name(name.replace(f"-{os.getpid()}-", f"-{pid}-"))
    half.write_text("half")
    then = time.time() - days * 86_400
    os.utime(half, (then, then))
    return half


def test_what_dead_runs_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    path = tmp_path / "file.json"
    swept = [
        left_behind(path, child.pid),
        left_behind(path, os.getpid(), days=1.5),
        left_behind(path, 1, days=1.5, mark="0" * 12),
    ]
    old = tmp_path / f".file.json.{'0' * 32}"  # as names were before they told who writes
    old.write_text("half")
    os.utime(old, (0, 0))
    folder = tmp_path / temporary(path).name.replace(f"-{os.getpid()}-", f"-{child.pid}-")
    folder.mkdir()
    (folder / "weights").write_text("half")
    kept = [
        left_behind(path, os.getpid()),
        left_behind(path, child.pid, mark="0" * 12),  # of another machine, where that process may live
        tmp_path / f".other.{'0' * 32}",
        tmp_path / ".hidden",
        path,
    ]
    for mine in kept[2:]:
        mine.write_text("mine")
    sweep(tmp_path)
    assert names(tmp_path) == sorted(mine.name for mine in kept)
    assert not any(half.exists() for half in (*swept, old, folder))


def test_a_process_that_nobody_waited_for_is_dead(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 30
    while b") Z " not in Path(f"/proc/{child.pid}/stat").read_bytes() and time.monotonic() < deadline:
        time.sleep(0.01)
    left_behind(tmp_path / "file", child.pid)
    sweep(tmp_path)
    child.wait()
    assert names(tmp_path) == []


def test_no_folder_is_nothing_to_sweep(tmp_path: Path) -> None:
    sweep(tmp_path / "none")
