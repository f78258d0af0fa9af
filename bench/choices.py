"""What a caller may choose, in Python as on the command line."""

from __future__ import annotations

from typing import Any, Literal, get_args

from bench.errors import UsageError

Budget = Literal["full", "quick"]
"""Of recipes: what the source did, or what a processor does in minutes; the same where there is no `quick` block."""
Device = Literal["auto", "cpu", "cuda"]
Rerun = Literal["failed", "all"]
Style = Literal["auto", "plain", "none"]


def check_choice(name: str, value: object, choices: Any) -> None:
    """See that a value is one of a `Literal`; else raises UsageError, which names the option and what to give."""
    right = get_args(choices)
    if value not in right:
        raise UsageError(f"{name} {value!r}: give {', '.join(right[:-1])} or {right[-1]}")
