"""Two models, or all models of two folders, found in records and compared example by example."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from bench.board.comparison import Comparison, compared
from bench.board.rows import Row, rows
from bench.board.sides import Side
from bench.board.versions import judged
from bench.board.view import View
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown
from bench.planning.suite import Suite
from bench.progress import Say, quiet
from bench.records.examples import Kept
from bench.records.record import Failure, ModelInfo, Record
from bench.running.common_suite import suites_of_sides
from bench.running.shelf import Contents, dataset_of, view_of
from bench.running.wanted import Wanted

SHOWN = 12
"""Characters of a fingerprint in an error."""


def _there(*sides: Wanted) -> None:
    """
    Raises:
        UsageError: a name that no record of its shelf has, beside a folder: it may be a folder that is not there.
    """
    for side in sides:
        found = side.shelf.contents(quiet)
        known = {item.cell.target.name for kind in (found.records, found.failures) for item in kind.values()}
        for name in side.models or ():
            if name not in known:
                raise UsageError(f"{side.text}: no folder of results, and no model with records; check the path")


def comparison(
    baseline: Wanted,
    candidate: Wanted,
    suite: str | Suite | None = None,
    only: Collection[str] = (),
    warn: Say = quiet,
) -> Comparison:
    """Two models, or all models of two folders by their names.

    Args:
        baseline: what the other is measured against.
        candidate: compared with it.
        suite: whose questions are compared; None for the one that both were run on, if it is one alone, or the version
            of it that each was.
        only: names of models, where folders are compared; all without.
        warn: told in a line of records that cannot be read.

    Raises:
        UsageError: a name that is in no records, or more than one suite to choose from.
    """
    if (baseline.models is None) != (candidate.models is None):
        _there(baseline, candidate)
        folder, model = sorted((baseline, candidate), key=lambda side: side.models is not None)
        raise UsageError(
            f"{folder.text} is a folder and {model.text} a model; give {folder.text}:{next(iter(model.models or ()))}"
        )
    if only and baseline.models is not None:
        raise UsageError("--model chooses among the models of two folders; here A and B name models themselves")
    contents = [side.shelf.contents(warn) for side in (baseline, candidate)]
    both = [baseline, candidate]
    asked = suites_of_sides(suite, both, contents, warn)
    sides = [_sides(side, found, *one) for side, found, one in zip(both, contents, asked, strict=True)]
    return _paired(sides[0], sides[1], only, named=baseline.models is not None)


def kept_of(sides: Sequence[Wanted], warn: Say = quiet) -> Callable[[str], Kept | None]:
    """The adversarial inputs that were kept with a cell's record on one of the sides, by the cell's id."""

    def kept(id: str) -> Kept | None:
        for side in sides:
            records = (store.record(id) for store in side.shelf.stores())
            found = (side.shelf.examples(record, warn) for record in records if record is not None)
            if (inputs := next((each for each in found if each is not None), None)) is not None:
                return inputs
        return None

    return kept


def of_suites(baseline: Wanted, candidate: Wanted, ours: Suite, theirs: Suite, warn: Say = quiet) -> Comparison:
    """Models of two suites, or of two versions of one: row by row what was asked of both.

    Raises:
        UsageError: a name that is in no records.
    """
    sides = [
        _sides(side, side.shelf.contents(warn), suite, dataset_of(suite))
        for side, suite in ((baseline, ours), (candidate, theirs))
    ]
    return _paired(sides[0], sides[1], named=baseline.models is not None)


def _paired(
    ours: Mapping[str, Side], theirs: Mapping[str, Side], only: Collection[str] = (), *, named: bool
) -> Comparison:
    """One model with one that were named, whatever their names; of more, and of folders, those of one name."""
    if named and len(ours) == len(theirs) == 1:
        ((one,), (other,)) = ours.values(), theirs.values()
        return Comparison(" and ".join(dict.fromkeys((one.suite, other.suite))), (compared(one, other),))
    return united(ours, theirs, only)


def united(ours: Mapping[str, Side], theirs: Mapping[str, Side], only: Collection[str] = ()) -> Comparison:
    """Models of two boards, each with the one of its name."""
    for name in only:
        if name not in {**ours, **theirs}:
            raise unknown("model", name, {**ours, **theirs})
    names = [name for name in {**ours, **theirs} if not only or name in only]
    met = [name for name in names if all(_only_met(side.get(name)) for side in (ours, theirs))]
    both = [name for name in names if name in ours and name in theirs and name not in met]
    gone = {name: "no records of it" for name in names if name not in theirs and name not in met}
    new = [name for name in names if name not in ours and name not in met]
    pairs = tuple(compared(ours[name], theirs[name]) for name in both)
    suites = dict.fromkeys(side.suite for group in (ours, theirs) for side in group.values())
    return Comparison(" and ".join(suites), pairs, gone, new, met)


def _only_met(side: Side | None) -> bool:
    """Whether a suite's own model is there only because others met it in transfer."""
    if side is None:
        return True
    own = [row for row in side.view.of(side.name) if row.source is None or row.cell.white_box]
    return side.view.is_reference(side.model) and any(row.status == "missing" for row in own)


# -- the models -------------------------------------------------------------------------------------------------------


def _sides(side: Wanted, found: Contents, suite: Suite, dataset: Dataset) -> dict[str, Side]:
    """The models of one side by name, as the suite's board over its records shows them."""
    keep = tuple(side.models or ())
    view = view_of(suite, dataset, found, keep=keep)
    shown = _heads(rows(view))
    if side.models is None:
        if not shown:
            raise UsageError(f"no records of suite {suite.suite} in {side.text}; run it with --out {side.shelf.out}")
        return {name: Side(view, head, side.called(name)) for name, head in shown.items()}
    sides = {}
    for name, prefix in side.models.items():
        if name in shown and (not prefix or shown[name].fingerprint.startswith(prefix)):
            sides[name] = Side(view, shown[name], side.called(name))
            continue
        model = _model(name, prefix, found, dataset, shown)
        older = view_of(suite, dataset, replace(found, published=()), {name: model}, keep=keep)
        sides[name] = Side(older, _of(older, name, suite), side.called(name))
    return sides


def _heads(found: Sequence[Row]) -> dict[str, Row]:
    heads: dict[str, Row] = {}
    for row in found:
        heads.setdefault(row.model, row)
    return heads


def _of(view: View, name: str, suite: Suite) -> Row:
    heads = _heads(rows(view))
    if name not in heads:
        raise UsageError(f"{name} has records, and none of suite {suite.suite}; run that suite on it first")
    return heads[name]


def _model(name: str, prefix: str, found: Contents, dataset: Dataset, shown: Collection[str]) -> ModelInfo:
    """The version of a model whose fingerprint begins so."""
    versions = judged(_items(found, dataset), found.asked).get(name)
    if versions is None:
        raise unknown("model", name, shown)
    hits = [model for model in versions if model.fingerprint.startswith(prefix)]
    if len(hits) == 1 or (hits and not prefix):
        return hits[-1]
    told = ", ".join(f"{name}@{model.fingerprint[:SHOWN]}" for model in reversed(hits or versions))
    raise UsageError(f"{name}@{prefix}: {len(hits) or 'no'} versions begin so; there are, newest first: {told}")


def _items(found: Contents, dataset: Dataset) -> Iterator[Record | Failure]:
    for kind in (found.records, found.failures):
        yield from (item for item in kind.values() if item.cell.craft.dataset.checksum == dataset.checksum)
