"""Files from the network: verified by SHA-256, kept, and so downloaded once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import UsageError


def download(dataset: str, name: str, sha256: str, folder: Path, mirrors: Sequence[str], otherwise: str) -> None:
    """Put a dataset's file into the folder unless it is there, verified either way.

    `mirrors` are addresses that the name completes, tried in order. Raises UsageError, proposing what can be done
    `otherwise`, where none of them helps.
    """
    import pooch  # needed once a machine

    problems: list[OSError | ValueError] = []
    for mirror in mirrors:
        try:
            pooch.retrieve(mirror + name, f"sha256:{sha256}", fname=name, path=folder)
            return
        except (OSError, ValueError) as problem:  # no network, no such page, a full disk; another file than expected
            problems.append(problem)
    reasons = "; ".join(f"{mirror} {_reason(problem)}" for mirror, problem in zip(mirrors, problems, strict=True))
    raise UsageError(
        f"cannot download {dataset}'s {name}: connect to the network and run again, or {otherwise} ({reasons})"
    ) from problems[-1]


def _reason(problem: OSError | ValueError) -> str:
    """What went wrong, in short: an error of the network has no number and spells out every layer it came through."""
    if isinstance(problem, OSError) and problem.errno is None:
        return type(problem).__name__
    return " ".join(str(problem).split())
