"""Errors of use: the command prints them as one line and exits with 2."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(Exception):
    """Bad input. The message is one line that names the bad value and the remedy."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is in no table, with the nearest right names."""
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
    return UsageError(f"unknown {kind} {name!r}; {hint}")
