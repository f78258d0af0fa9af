"""Options that several commands have. Loads nothing but typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from bench import choices

DEFAULT_OUT = Path("bench-out")

AsJson = Annotated[bool, Option("--json", help="For programs.")]
Data = Annotated[Path | None, Option(metavar="PATH", help="The data, for a dataset that is read from a path.")]
Device = Annotated[choices.Device, Option(help="auto: CUDA where there is a device.")]
Out = Annotated[Path, Option(help="Folder for records and leaderboard.md.")]
Style = Annotated[choices.Style, Option("--progress", help="auto: a bar on a terminal, plain lines elsewhere.")]
