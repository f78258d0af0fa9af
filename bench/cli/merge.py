"""`bench merge`: unite the folders of several runs, such as shards."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.hints import shell
from bench.cli.output import say, warn
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.progress import Say
    from bench.records.store import Store
    from bench.running.merging import Merged


def command(
    into: Annotated[
        str,
        typer.Argument(metavar="OUT", help="Folder to bring everything into, as --out of a suite; or an s3:// URL."),
    ],
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
    from bench.running.merging_behind import merge_behind
    from bench.running.urls import fetch, is_url, shown

    for folder in folders:
        if not is_url(folder) and not (Path(folder) / "results").is_dir():
            raise UsageError(f"no results in {folder}; give folders that --out of bench suite named")
        if _place(folder) == _place(into):
            raise UsageError(f"{folder} is the folder to bring everything into; leave it out of those to read")
    with tempfile.TemporaryDirectory(prefix="bench-merge-") as temporary:
        copies = {Path(temporary) / str(number): url for number, url in enumerate([into, *folders]) if is_url(url)}

        def named(line: str) -> str:
            """Files behind URLs by these, not by where their copies are."""
            for place, url in copies.items():
                line = line.replace(str(place), shown(url).rstrip("/"))
            return line

        def say_so(line: str) -> None:
            warn(named(line))

        for place, url in copies.items():
            if url != into:
                fetch(url, place, warn)
        places = {url: place for place, url in copies.items()}
        sources = [Store(places.get(folder, Path(folder)) / "results") for folder in folders]
        if is_url(into):
            found = merge_behind(into, sources, places[into], say_so, keep=keep)
        else:
            found = _merged(Path(into), sources, say_so, keep)
    lines = [f"{found.added} records added, {found.same} were there, {found.joined} joined from parts of several runs."]
    if found.failures:
        lines.append(f"{found.failures} failures came along.")
    if found.waiting:
        lines.append(f"{found.waiting} cells lack parts; run the shards that are missing, and merge again.")
    for ours, theirs in found.conflicts:
        lines.append(named(f"CONFLICT: {ours} and {theirs} are two results of one cell"))
    out = shown(into).rstrip("/") if is_url(into) else str(Path(into))
    say([*lines, f"Results in {shell(f'{out}/results')}, board in {shell(f'{out}/leaderboard.md')}."])
    raise typer.Exit(1 if found.conflicts else 0)


def _merged(into: Path, sources: Sequence[Store], warn: Say, keep: bool) -> Merged:
    """On this machine."""
    from bench.records.store import Store
    from bench.running.merging import merge
    from bench.running.shelf import Shelf, write_leaderboard

    store = Store(into / "results")
    store.prepare(warn)
    found = merge(store, sources, warn, keep=keep)
    write_leaderboard(Shelf(into, with_published=False))
    return found


def _place(folder: str) -> str:
    """By which two names of one folder are seen to be one."""
    from bench.running.urls import is_url

    return folder.rstrip("/") if is_url(folder) else str(Path(folder).resolve())
