"""`bench merge`: unite the folders of several runs, such as shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.output import say, warn
from bench.errors import UsageError


def command(
    into: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to bring everything into, as --out of a suite.")],
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders to read; they stay as they are.")],
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave records of OUT as they are beside equal copies; docs/verify.md.")
    ] = False,
) -> None:
    """Unite folders of results: records, failures, and parts of cells that several shards made."""
    from bench.records.store import Store
    from bench.running.merging import merge
    from bench.running.shelf import Shelf, write_leaderboard

    for folder in folders:
        if not (folder / "results").is_dir():
            raise UsageError(f"no results in {folder}; give folders that --out of bench suite named")
        if folder.resolve() == into.resolve():
            raise UsageError(f"{folder} is the folder to bring everything into; leave it out of those to read")
    store = Store(into / "results")
    store.prepare()
    found = merge(store, [Store(folder / "results") for folder in folders], warn, keep=keep)
    write_leaderboard(Shelf(into, with_published=False))
    lines = [f"{found.added} records added, {found.same} were there, {found.joined} joined from parts of several runs."]
    if found.failures:
        lines.append(f"{found.failures} failures came along.")
    if found.waiting:
        lines.append(f"{found.waiting} cells lack parts; run the shards that are missing, and merge again.")
    lines += [f"CONFLICT: {ours} and {theirs} are two results of one cell" for ours, theirs in found.conflicts]
    say([*lines, f"Results in {into / 'results'}, board in {into / 'leaderboard.md'}."])
    raise typer.Exit(1 if found.conflicts else 0)
