"""Errors of use: the command prints them as one line and exits with 2."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class UsageError(Exception):
    """Bad input. The message is one line that names the bad value and the remedy."""


class OfOtherData(UsageError):
    """A file that has models, but none for the dataset at hand."""


class BrokenModel(UsageError):
    """A model that cannot be imported, made or wrapped. Where there are others, these go on without it."""


_ROOM = "make room there or take another place (--out, or BENCH_HOME for what is kept); the same command goes on"
_RIGHTS = "make it writable or take another place (--out, or BENCH_HOME for what is kept)"
_REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f); the same command goes on",
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}
_OTHERWISE = "check the disk or take another place (--out, or BENCH_HOME for what is kept); the same command goes on"


class DiskError(UsageError, OSError):
    """A file that cannot be written. Made like an OSError, of number, text and path; its line adds the remedy."""

    def __str__(self) -> str:
        return f"cannot write {self.filename}: {self.strerror}; {_REMEDIES.get(self.errno or 0, _OTHERWISE)}"


class LostModels(Exception):
    """None of the models asked for did start: their processes ended, or took too long. The message is one line."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is in no table, with the nearest right names."""
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    near = [each for each in near if _alike(name, each) > 0.9 * _alike(name, near[0])]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
    return UsageError(f"unknown {kind} {name!r}; {hint}")


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, other, one).ratio()


def refused(of: str, known: Iterable[str], error: ValidationError) -> UsageError:
    """The error for parameters that a pydantic model does not take: an unknown one if there is, else the first bad one.

    `of` is what has the parameters, such as `attack fgsm`; `known` are their names.
    """
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    key = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return unknown(f"key of {of}", key, known)
    value = "" if first["type"] == "missing" else f" {first['input']!r}"
    return UsageError(f"{key}{value} of {of}: {first['msg']}")
