"""Names of files that are still being written, which tell who writes them, so that those of dead runs are removed."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

DAY = 86_400.0
"""Seconds after which a file that nobody wrote to counts as left behind, wherever its writer ran."""
_NAME = re.compile(r"\.(?P<of>.+)\.(?:(?P<mark>[0-9a-f]{12})-(?P<pid>[0-9]{1,10})-)?[0-9a-f]{32}")


def temporary(path: Path) -> Path:
    """A name beside `path` that nobody else has, hidden, with the mark of this machine and the number of the process.

    Of two writers at once each has one, and a killed one's may be a second name of a linked file.
    """
    return path.with_name(f".{path.name}.{_mark()}-{os.getpid()}-{uuid.uuid4().hex}")


def sweep(folder: Path) -> None:
    """Remove what dead runs left half written in a folder, but never what a live one, here or elsewhere, is writing.

    Of processes that would be seen here, those that live no more; of all others, what is older than a day.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in [entry for entry in entries if _NAME.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                if _is_left(entry):
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path)
                    else:
                        os.unlink(entry.path)


def left_behind(folder: Path) -> Iterator[tuple[Path, str]]:
    """The same files, and what each was to be called, for who has another use for them."""
    with contextlib.suppress(OSError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            found = _NAME.fullmatch(entry.name)
            with contextlib.suppress(OSError):
                if found is not None and _is_left(entry):
                    yield Path(entry.path), found["of"]


def _is_left(entry: os.DirEntry[str]) -> bool:
    found = _NAME.fullmatch(entry.name)
    if found is not None and found["mark"] == _mark() and not _lives(int(found["pid"])):
        return True
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > DAY


@functools.cache
def _mark() -> str:
    """Of the machine since it was started, and of the processes on it that see each other."""
    words = [platform.node()]
    with contextlib.suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        words.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    with contextlib.suppress(OSError):  # what nobody waited for is dead all the same
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1] != [b"Z"]
    return True
