"""What a self-test came to, as a file: what was asked, by which versions, the table, and all that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.files.writing import whole_file
from bench.running.world import versions
from bench.selftest.run import table
from bench.selftest.score import Score


def write(path: Path, scores: Sequence[Score], *, seed: int) -> None:
    """Write it, in place of what is there.

    Raises:
        DiskError: it cannot be written.
    """
    with whole_file(path) as file:
        file.write(text(scores, seed=seed).encode())


def text(scores: Sequence[Score], *, seed: int) -> str:
    """The file's text; a masked copy is no model more."""
    plain = [score for score in scores if not score.masked]
    complaints = [line for score in scores for line in score.complaints()]
    lines = [
        f"bench selftest: {sum(score.models for score in plain):,} models of {len(plain)} families, seed {seed}",
        f"{datetime.now(UTC):%Y-%m-%d}; {', '.join(f'{name} {version}' for name, version in versions().items())}",
        f"{sum(score.seconds for score in scores):.0f} s of one process",
        "",
        table(scores).markdown(),
        "",
        *(complaints or ["Nothing is beyond the truth, and every family reaches its share of it."]),
    ]
    return "\n".join(lines) + "\n"
