"""`bench export`: a whole result as a folder to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from bench.cli.options import DEFAULT_OUT, Out
from bench.cli.output import say, warn

Folder = Annotated[Path, Argument(metavar="FOLDER", help="A new folder.")]
Submission = Annotated[bool, Option("--submission", help="Add SUBMISSION.md, which a pull request asks for.")]


def command(dest: Folder, out: Out = DEFAULT_OUT, submission: Submission = False) -> None:
    """Write the result in --out as a folder: records, adversarial inputs, board, cards of models, checksums."""
    from bench.records.store import Store
    from bench.running.exporting import SUMS, export

    files = export(Store(out / "results"), dest, warn, submission=submission)
    lines = [f"{len(files)} files in {dest}, their checksums in {dest / SUMS}."]
    if submission:
        lines.append(f"Fill in {dest / 'SUBMISSION.md'}; then check it all with: bench verify {dest}")
    say(lines)
