"""`bench export`: a whole result as a folder to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from bench.cli.hints import command as command_of
from bench.cli.hints import shell
from bench.cli.options import DEFAULT_OUT, Data, Out
from bench.cli.output import say, warn

Folder = Annotated[Path, Argument(metavar="FOLDER", help="A new folder.")]
Submission = Annotated[bool, Option("--submission", help="Add SUBMISSION.md, which a pull request asks for.")]

Png = Annotated[bool, Option("--png", help="Add kept images as PNG files of 8 bits, within their balls.")]


def command(
    dest: Folder, out: Out = DEFAULT_OUT, submission: Submission = False, png: Png = False, data: Data = None
) -> None:
    """Write the result in --out as a folder: records, adversarial inputs, board, cards of models, checksums."""
    from bench.records.store import Store
    from bench.running.at_hand import Datasets
    from bench.running.exporting import SUMS, export

    opened = Datasets(data) if png else None
    files = export(Store(out / "results"), dest, warn, submission=submission, png=opened)
    lines = [f"{len(files)} files in {shell(dest)}, their checksums in {shell(dest / SUMS)}."]
    if submission:
        lines.append(f"Fill in {shell(dest / 'SUBMISSION.md')}; then check it all with: {command_of('verify', dest)}")
    say(lines)
