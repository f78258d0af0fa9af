"""Options that several commands have. Loads nothing but typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import choices

DEFAULT_OUT = Path("bench-out")

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Device = Annotated[choices.Device, typer.Option("--device", help="auto: CUDA where there is a device.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for records and leaderboard.md.")]
Style = Annotated[choices.Style, typer.Option("--progress", help="auto: a bar on a terminal, plain lines elsewhere.")]
