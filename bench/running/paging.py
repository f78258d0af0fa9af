"""The page of a shelf: its boards, the cards of reference models, and the examples that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import zoo
from bench.board.rows import rows
from bench.progress import Say, quiet
from bench.records.examples import Kept
from bench.records.record import Record
from bench.report.boards import begun
from bench.report.page.given import Board, Given
from bench.report.page.site import write
from bench.running.asked_suite import suite_here
from bench.running.shelf import Contents, Shelf, boards, dataset_of, view_of


def page_of(
    shelf: Shelf, site: Path, only: str | None = None, data: Path | None = None, warn: Say = quiet
) -> int | None:
    """Write the page of all suites that a shelf's records know, or of one of them on the data at a path.

    Returns:
        the number of its files; None where there is nothing to show, and nothing was written.

    Raises:
        UsageError: something else lies in the folder.
        DiskError: a file cannot be written.
    """
    found = shelf.contents(warn)
    boards = _boards(shelf, found, only, data, warn)
    given = Given(boards, found.records, _cards(boards), lambda id: _kept(shelf, found.records.get(id), warn))
    return write(site, given) if boards else None


def _kept(shelf: Shelf, record: Record | None, warn: Say) -> Kept | None:
    """The examples of a record; of a cell that was not run there are none."""
    return None if record is None else shelf.examples(record, warn)


def _boards(shelf: Shelf, found: Contents, only: str | None, data: Path | None, warn: Say) -> list[Board]:
    """The boards that have something to show; those of the paper's numbers where one is asked for."""
    if only is None:
        return [Board(view, made) for view, made in boards(found, warn)]
    suite = suite_here(only, data, shelf)
    view = view_of(suite, dataset_of(suite), found)
    made = rows(view)
    return [Board(view, made)] if begun(made) else []


def _cards(boards: list[Board]) -> dict[str, dict[str, str]]:
    """What is known of how reference models were made, by fingerprint."""
    found: dict[str, dict[str, str]] = {}
    for board in boards:
        data = board.dataset
        for name, info in board.view.references.items():
            if name in zoo.names(data.name):
                budget: zoo.Budget = "quick" if info.effort else "full"
                recipe = zoo.recipe(data.name, name, budget)
                told = {"Recipe": _recipe(recipe)}
                card = zoo.card(data, name, budget)
                if card is not None and card.fingerprint == info.fingerprint:
                    told |= {"Its card": card.verdict, "Made with": _versions(card.versions)}
                found.setdefault(info.fingerprint, {}).update(told)
    return found


def _recipe(recipe: zoo.Recipe) -> str:
    """Such as `knn, n_neighbors 5; fitted on 10000 examples, seed 0`."""
    values = ", ".join(f"{name} {_plain(value)}" for name, value in recipe.parameters.items())
    made = [f"{recipe.kind}, {values}" if values else recipe.kind]
    if recipe.published is not None:
        made.append(f"published by others: {recipe.published}")
    elif recipe.members:
        made.append(f"members {', '.join(recipe.members)}")
    else:
        made.append(f"{recipe.effort}, seed {recipe.seed}")
    return "; ".join(made)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
