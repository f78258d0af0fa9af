"""Merging into a folder behind a URL: the same union, written object by object, nothing lost whenever it ends.

The records behind the URL are fetched, united on this machine, and what is new is put there: first the adversarial
inputs, then the records that tell of them, then all else; what has become useless is removed last. Each object appears
whole. A name that somebody has taken meanwhile is never overwritten: the union is then made anew.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.errors import told
from bench.errors import UsageError
from bench.progress import Say
from bench.records import aside, examples, verdicts
from bench.records.store import Store
from bench.running.merging import Merged, merge
from bench.running.shelf import Shelf, write_leaderboard
from bench.running.urls import AT_ONCE, KINDS, copied, listed, opened, shown

WHOLE = {"s3", "s3a", "memory"}
"""Protocols of stores where an object appears whole, and is made only where there is none if so asked."""
HERE = KINDS | {verdicts.FOLDER: (r"[0-9a-f]{32}\.json", verdicts.CAP)}
NAMES = {examples.FOLDER: KINDS[examples.FOLDER], aside.FOLDER: (r"[0-9a-f]{32}\.json\.[0-9]{1,6}", 0)}
"""Folders of which the names and sizes are enough: nothing in them is read."""
ORDER = (examples.FOLDER, aside.FOLDER, "cells", *(kind for kind in KINDS if kind not in (examples.FOLDER, "cells")))
"""In which folders are written: a record after the inputs that it tells of, and whatever else a result has after it."""
BOARD = "leaderboard.md"
TAKEN = {errno.EINVAL, errno.EBUSY, errno.EEXIST}
"""How S3 file systems of several ages say that a condition does not hold."""
AT_MOST = 5
"""Times that the union is made, where others never stop writing."""


def merge_behind(url: str, sources: Sequence[Store], folder: Path, warn: Say, *, keep: bool = False) -> Merged:
    """Bring records, failures and parts of folders into one behind a URL, with its board.

    Args:
        url: of a folder that has, or gets, the folder `results`.
        sources: folders to read, on this machine.
        folder: a new one of this machine, for what is behind the URL.
        warn: told in a line of what cannot be used.
        keep: as of `merge`.

    Raises:
        UsageError: the URL cannot be opened, read or written, is of another kind of store, or others keep writing.
            What was there is there, and so is what was written: the same call goes on.
    """
    system, path = opened(url)
    protocols = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
    if not protocols & WHOLE:
        raise UsageError(
            f"{shown(url)}: nothing can be written in one step there; bring everything into a folder of this machine, "
            f"and copy that, or name a folder of an S3 store"
        )
    behind = _Behind(url, system, path.rstrip("/"), folder)
    first: Merged | None = None
    for _ in range(AT_MOST):
        behind.fetch()
        store = Store(folder / "results")
        store.prepare()
        found = merge(store, sources, warn, keep=keep)
        write_leaderboard(Shelf(folder, with_published=False))
        first = first or found
        if behind.publish():
            first.conflicts, first.waiting = found.conflicts, found.waiting
            return first
    raise UsageError(f"others keep writing into {shown(url)}; nothing is lost: the same command goes on")


@dataclass
class _Behind:
    """What is behind a URL, and a copy of it on this machine."""

    url: str
    system: Any
    path: str
    folder: Path
    _before: dict[str, bytes] = field(default_factory=dict)
    """Digest of each file that was fetched, by its name inside `results`."""
    _sizes: dict[str, int | None] = field(default_factory=dict)
    """Of those of which only the name was."""

    def fetch(self) -> None:
        """Copy what a union needs into the folder, in place of what is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        results = self.folder / "results"
        results.mkdir(parents=True)
        with _told(f"cannot read {shown(self.url)}", "check the URL and the right to read it"):
            self.system.invalidate_cache()
            found = list(self._listed())
            self._sizes = {name: size for _, name, _, size in found if name.split("/")[0] in NAMES}
            for name in self._sizes:  # an empty file holds the place
                (results / name).parent.mkdir(exist_ok=True)
                (results / name).touch()
            wanted = [item for item in found if item[1] not in self._sizes]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for line in pool.map(lambda item: copied(self.system, results, item), wanted):
                    if line is not None:
                        raise UsageError(f"{shown(self.url)}: {line}, and is no record; move it away, and merge again")
        self._before = {name: _digest(results / name) for _, name, _, _ in wanted}

    def publish(self) -> bool:
        """Write what is new or changed there, then remove what is gone; whether nobody else wrote meanwhile."""
        results = self.folder / "results"
        there = {f"{kind}/{path.name}" for kind in ORDER for path in (results / kind).glob("[!.]*")}
        changed = {name: _digest(results / name) for name in there if name not in self._sizes}
        changed = {name: digest for name, digest in changed.items() if self._before.get(name) != digest}
        grown = {n for n in there & self._sizes.keys() if (results / n).stat().st_size not in (0, self._sizes[n])}
        gone = (self._before.keys() | self._sizes.keys()) - there
        gone = {name for name in gone if name.split("/")[0] in ORDER}
        with _told(f"cannot write into {shown(self.url)}", "nothing there is lost: mend that, merge again"):
            for kind in ORDER:
                names = sorted(name for name in changed.keys() | grown if name.startswith(f"{kind}/"))
                if not all(self._each(self._put, names)):
                    return False
            self.system.pipe_file(f"{self.path}/{BOARD}", (self.folder / BOARD).read_bytes())
            self._each(self._removed, sorted(gone))
            self.system.invalidate_cache()
            cells = {name for _, name, _, _ in self._listed() if name.startswith("cells/")}
        return cells <= there

    def _listed(self) -> Iterable[tuple[str, str, int, int | None]]:
        return listed(self.system, f"{self.path}/results", HERE | NAMES)

    def _each(self, do: Callable[[str], bool], names: Sequence[str]) -> list[bool]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(do, names))

    def _put(self, name: str) -> bool:
        """Write one file; False where somebody else has written it meanwhile."""
        path, content = f"{self.path}/results/{name}", (self.folder / "results" / name).read_bytes()
        if name in self._sizes:
            self.system.pipe_file(path, content)  # torn there: its name has the digest of what it should hold
            return True
        if name in self._before:
            if hashlib.sha256(self.system.cat_file(path)).digest() != self._before[name]:
                return False
            self.system.pipe_file(path, content)
            return True
        try:
            self.system.pipe_file(path, content, mode="create")
        except OSError as error:
            if not isinstance(error, FileExistsError) and error.errno not in TAKEN:
                raise
            self.system.invalidate_cache()
            if not self.system.exists(path):
                raise
            return bool(self.system.cat_file(path) == content)
        return True

    def _removed(self, name: str) -> bool:
        try:
            self.system.rm_file(f"{self.path}/results/{name}")
        except FileNotFoundError:
            return False
        return True


@contextmanager
def _told(what: str, remedy: str) -> Iterator[None]:
    """Make whatever a file system raises a line."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - each file system raises its own
        raise UsageError(f"{what}: {told(error)}; {remedy}") from None


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
