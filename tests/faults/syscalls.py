"""Faults at every system call of publishing: the process is killed there, or the call fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.records.store import Store
from tests.faults import publisher
from tests.faults.kept import without_inputs
from tests.faults.outcome import Outcome

ROOT = Path(__file__).parents[2]
TRACED = "openat,write,fsync,close,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,newfstatat,getdents64"
ERRORS = {
    "openat": ("ENOSPC", "EACCES"),
    "write": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC+"),
    "link": ("ENOSPC", "EPERM+"),
    "linkat": ("ENOSPC", "EPERM+"),
    "rename": ("ENOSPC",),
    "mkdir": ("ENOSPC", "EROFS"),
}
"""What these may fail with, once or (+) from then on; the others are points at which to be killed."""
CALLS = {"open": (), "fsync": ("EIO", "ENOSPC+"), "link": ("ENOSPC", "EPERM+"), "replace": ("ENOSPC",), "unlink": ()}
"""The same for functions of `os`, where there is no strace."""
RIGHT = (
    "killed; the next run ended as if nothing had happened",
    "failed with a line; the next run ended as if nothing had happened",
    "went on without it",
)


def syscalls(times: int, folder: Path) -> Outcome:
    """Inject faults, one in each run, and run again without; at least so many where there are as many points."""
    strace = shutil.which("strace")
    traced = strace is not None and _run(folder / "probe", [strace, "-f", "-o", os.devnull]).returncode == 0
    outcome = Outcome(f"System calls of publishing{'' if traced else ' (functions of os: no strace)'}", RIGHT)
    whole = folder / "whole"
    calls = _traced(whole, str(strace)) if traced else Counter(dict.fromkeys(CALLS, 6))
    expected = _contents(whole) if traced else _undisturbed(whole)
    faults = list(_faults(calls, ERRORS if traced else CALLS))
    chosen = faults if len(faults) <= times else [faults[i * len(faults) // times] for i in range(times)]
    for call, number, kind in chosen:
        place = folder / "faulty"
        shutil.rmtree(place, ignore_errors=True)
        started = time.perf_counter()
        if traced:
            effect = "signal=KILL" if kind == "KILL" else f"error={kind.rstrip('+')}"
            what = f"{effect}:when={number}{'+' if kind.endswith('+') else ''}"
            trace = [str(strace), "-f", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:{what}"]
            ended = _run(place, trace)
        else:
            ended = _run(place, fault=f"{call}:{number}:{kind}")
        outcome.add(_came(place, ended, kind, expected), time.perf_counter() - started, f"{kind} at {call} {number}")
    return outcome


def _faults(calls: Counter[str], errors: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, int, str]]:
    """Every call of each name from its first one of publishing on, with each fault."""
    for call in sorted(calls):
        for number in _numbers(calls, call):
            for kind in ("KILL", *errors.get(call, ())):
                yield call, number, kind


_first: dict[str, int] = {}
"""Number of calls of each name before publishing began."""


def _numbers(calls: Counter[str], call: str) -> range:
    before = _first.get(call, 0)
    return range(before + 1, before + calls[call] + 1)


def _traced(place: Path, strace: str) -> Counter[str]:
    """The calls of publishing in a run that nobody disturbs, by name."""
    log = place.with_suffix(".log")
    ended = _run(place, [strace, "-f", "-o", str(log), "-e", f"trace={TRACED},access,faccessat,faccessat2"])
    assert ended.returncode == 0, ended.stderr
    before, during, begun = Counter[str](), Counter[str](), False
    for line in log.read_text(errors="replace").splitlines():
        if publisher.END in line:
            break
        begun = begun or publisher.START in line
        if (found := re.match(r"[0-9]+ +([a-z0-9_]+)\(", line)) and "access" not in found[1]:
            (during if begun else before)[found[1]] += 1
    _first.clear()
    _first.update(before)
    return during


def _undisturbed(place: Path) -> dict[str, bytes]:
    assert _run(place).returncode == 0
    return _contents(place)


def _run(place: Path, before: list[str] | None = None, fault: str = "") -> subprocess.CompletedProcess[str]:
    """One process that publishes into a folder."""
    place.mkdir(parents=True, exist_ok=True)
    command = [*(before or []), sys.executable, "-m", "tests.faults.publisher", str(place)]
    given = {**os.environ, "FAULT": fault, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False, timeout=120)


def _came(place: Path, ended: subprocess.CompletedProcess[str], kind: str, expected: dict[str, bytes]) -> str:
    """What a fault came to, after one more run without."""
    said: list[str] = []
    found = Store(place / "results").records(said.append)
    promised = set(ended.stdout.split())
    if said or not promised <= found.keys():
        return f"a record that was told of is lost, or one is torn {said}"
    if lost := without_inputs(place / "results"):
        return f"a record without the inputs that it tells of: {lost}"
    killed = ended.returncode in (-9, 137)
    if ended.returncode == 2 and not (str(place) in ended.stderr and ended.stderr.count("\n") == 1):
        return f"no line that names the file: {ended.stderr!r}"
    if not killed and ended.returncode not in (0, 2):
        return f"exit code {ended.returncode}: {ended.stderr[-200:]!r}"
    again = _run(place)
    if again.returncode != 0 or _contents(place) != expected:
        return f"the next run ends otherwise: {sorted(_contents(place))} {again.stderr!r}"
    return RIGHT[0] if killed else RIGHT[1] if ended.returncode else RIGHT[2]


def _contents(place: Path) -> dict[str, bytes]:
    """All files, hidden ones included."""
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
