"""`bench merge`: unite the folders of several runs, such as shards."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.output import say, warn
from bench.errors import UsageError


def command(
    into: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to bring everything into, as --out of a suite.")],
    folders: Annotated[
        list[str],
        typer.Argument(metavar="FOLDER...", help="Folders to read, or URLs of some, as s3://bucket/path."),
    ],
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave records of OUT as they are beside equal copies; docs/verify.md.")
    ] = False,
) -> None:
    """Unite folders of results: records, failures, and parts of cells that several shards made."""
    from bench.records.store import Store
    from bench.running.merging import merge
    from bench.running.shelf import Shelf, write_leaderboard
    from bench.running.urls import fetch, is_url

    if is_url(f"{into}".replace(":/", "://", 1)):
        raise UsageError(f"{into} is a URL; bring everything into a folder of this machine, and copy that")
    for folder in folders:
        if is_url(folder):
            continue
        if not (Path(folder) / "results").is_dir():
            raise UsageError(f"no results in {folder}; give folders that --out of bench suite named")
        if Path(folder).resolve() == into.resolve():
            raise UsageError(f"{folder} is the folder to bring everything into; leave it out of those to read")
    with tempfile.TemporaryDirectory(prefix="bench-merge-") as fetched:
        sources = []
        for number, folder in enumerate(folders):
            place = Path(fetched) / str(number) if is_url(folder) else Path(folder)
            if is_url(folder):
                fetch(folder, place, warn)
            sources.append(Store(place / "results"))
        store = Store(into / "results")
        store.prepare()
        found = merge(store, sources, warn, keep=keep)
        names = {str(Path(fetched) / str(number)): folder for number, folder in enumerate(folders)}
    write_leaderboard(Shelf(into, with_published=False))
    lines = [f"{found.added} records added, {found.same} were there, {found.joined} joined from parts of several runs."]
    if found.failures:
        lines.append(f"{found.failures} failures came along.")
    if found.waiting:
        lines.append(f"{found.waiting} cells lack parts; run the shards that are missing, and merge again.")
    for ours, theirs in found.conflicts:
        lines.append(f"CONFLICT: {ours} and {_named(theirs, names)} are two results of one cell")
    say([*lines, f"Results in {into / 'results'}, board in {into / 'leaderboard.md'}."])
    raise typer.Exit(1 if found.conflicts else 0)


def _named(path: Path, names: dict[str, str]) -> str:
    """A file that was fetched by its URL, any other by its path."""
    from bench.running.urls import shown

    for place, folder in names.items():
        if path.is_relative_to(place):
            return f"{shown(folder).rstrip('/')}/{path.relative_to(place).as_posix()}"
    return str(path)
