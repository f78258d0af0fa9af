"""Options that several commands have. Loads nothing but typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from bench import choices
from bench.running.isolation.limits import Limits

DEFAULT_OUT = Path("bench-out")

AsJson = Annotated[bool, Option("--json", help="For programs.")]
Data = Annotated[Path | None, Option(metavar="PATH", help="The data, for a dataset that is read from a path.")]
Device = Annotated[choices.Device, Option(help="auto: CUDA where there is a device.")]
Explain = Annotated[bool, Option("--explain", help="On a terminal, say what columns, numbers and flags mean.")]
Out = Annotated[Path, Option(help="Folder for records and leaderboard.md.")]
Style = Annotated[choices.Style, Option("--progress", help="auto: a bar on a terminal, plain lines elsewhere.")]

Isolate = Annotated[
    bool, Option("--isolate/--no-isolate", help="Run others' models in processes of their own; docs/isolation.md.")
]
Timeout = Annotated[float, Option(metavar="SECONDS", help="For one batch: after that a model's process is ended.")]
StartTimeout = Annotated[float, Option(metavar="SECONDS", help="For importing a model's file, and making the model.")]
MemoryLimit = Annotated[float | None, Option(metavar="GB", help="Data that the process of a model may hold.")]


def limits_of(isolate: bool, timeout: float, start_timeout: float, memory_limit: float | None) -> Limits | None:
    """What these options allow a model's process; None where it has none.

    Raises:
        UsageError: a limit that is not positive.
    """
    limits = Limits(timeout, start_timeout, memory_limit)
    return limits if isolate else None
