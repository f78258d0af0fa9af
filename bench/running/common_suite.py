"""The suite whose questions two sides of a comparison are held to: of several texts of one, the baseline's.

A candidate that could choose the text would choose the attacks that it is held to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from adapters.errors import told
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.planning.suite import Suite, of_text
from bench.progress import Say
from bench.records.identity import identity
from bench.records.record import AttackId
from bench.running.asked_suite import suite_here
from bench.running.shelf import Contents, dataset_of, suites_of
from bench.running.wanted import Wanted

Fit = tuple[Suite, Dataset]
Known = tuple[list[Fit], set[tuple[str, int]]]
"""The suites that may be meant, and which of them were run, by name and version."""


def suites_of_sides(
    spec: str | Suite | None, sides: Sequence[Wanted], contents: Sequence[Contents], warn: Say
) -> list[Fit]:
    """The suite of each side: the one that is asked for, or that both were run on, or the version of it that each was.

    Where the baseline is a folder that keeps another text of it, both are held to that text.

    Raises:
        UsageError: there is none, or more than one to choose from.
    """
    if spec is not None:
        suite = suite_here(spec, None, *(side.shelf for side in sides))
        suite = _as_kept(suite, sides[0], contents[0], warn)
        return [(suite, dataset_of(suite))] * 2
    known = [suites_of(found, warn) for found in contents]
    alone = not any(side.shelf.with_published for side in sides)
    return (_versions(known) if alone else None) or [_common(sides, contents, known, alone)] * 2


def _versions(known: Sequence[Known]) -> list[Fit] | None:
    """The suites of two folders, where these are two versions of one, and each was run on that alone."""
    found = [
        [fit for fit in suites if (fit[0].suite, fit[0].version) in run and fit[0].board != "paper"]
        for suites, run in known
    ]
    if any(len(fits) != 1 for fits in found):
        return None
    ((one,), (other,)) = found
    return [one, other] if one[0].suite == other[0].suite and one[0].version != other[0].version else None


def _common(sides: Sequence[Wanted], contents: Sequence[Contents], known: Sequence[Known], alone: bool) -> Fit:
    """The one suite of the baseline that, in folders `alone`, is noted of both, or that both were judged under."""
    judged = [_run(found, side.models) for side, found in zip(sides, contents, strict=True)]
    suites = {(suite.suite, suite.version): (suite, data) for suite, data in known[0][0] if suite.board != "paper"}
    if not sides[0].shelf.with_published:
        suites = {key: fit for key, fit in suites.items() if key in known[0][1]} or suites
    noted = [fit for key, fit in suites.items() if all(key in run for _, run in known)]
    judged_by = [fit for fit in suites.values() if all(_answers(asked, *fit) for asked in judged)]
    fits = (noted or judged_by) if alone else (judged_by or noted)  # what is noted and not answered is missing
    fits = [fit for fit in fits if fit[0].rank_by] or fits
    if len(fits) == 1:
        return fits[0]
    names = " and ".join(dict.fromkeys(side.text for side in sides))
    if not fits:
        raise UsageError(f"no suite was run on {names}, as far as is known; name one with --suite NAME|FILE.yaml")
    raise UsageError(f"{names}: run on {', '.join(_called(suite, fits) for suite, _ in fits)}; name one with --suite")


def _as_kept(suite: Suite, baseline: Wanted, found: Contents, warn: Say) -> Suite:
    """The suite or, where a baseline's folder keeps other texts of its name alone, the last of these.

    Raises:
        UsageError: such a text cannot be read.
    """
    if baseline.shelf.with_published:
        return suite
    notes = sorted((each for each in found.ran if each.suite == suite.suite), key=lambda each: each.at)
    try:
        kept = [of_text(each.text) for each in notes]
    except Exception as error:  # noqa: BLE001 - whatever the text of a note provokes, the note is at fault
        raise UsageError(f"{baseline.text} keeps a text of {suite.suite} that is none: {told(error)}") from None
    if not kept or any(_questions(each) == _questions(suite) for each in kept):
        return suite
    warn(
        f"{baseline.text} was run on another text of {suite.suite} (v{kept[-1].version}): both sides are held to that; "
        "to change the suite, run the baseline on it anew"
    )
    return kept[-1].model_copy(update={"dataset": suite.dataset})


def _questions(suite: Suite) -> dict[str, Any]:
    """All that decides what models are asked, but for where the data lie."""
    return suite.model_dump(mode="json", exclude={"version", "summary", "dataset"})


def _called(suite: Suite, among: Sequence[Fit]) -> str:
    """Its name, with its version where that alone tells it from others."""
    alike = sum(other.suite == suite.suite for other, _ in among) > 1
    return f"{suite.suite} v{suite.version}" if alike else suite.suite


Asked = set[tuple[str, str]]
"""Of data by their checksum, the attacks that some models were judged under, by the hash of all that they are."""


def _run(found: Contents, models: Collection[str] | None) -> Asked:
    cells = [item.cell for kind in (found.records, found.failures) for item in kind.values()]
    return {
        (cell.craft.dataset.checksum, identity(cell.craft.attack))
        for cell in cells
        if models is None or cell.target.name in models
    }


def _answers(asked: Asked, suite: Suite, dataset: Dataset) -> bool:
    """Whether each attack of a suite that is run on every model was run."""
    for entry in suite.attacks:
        made = entry.made
        attack = AttackId(name=made.name, revision=made.revision, parameters=made.model_dump(mode="json"))
        if entry.gradient is None and entry.models is None and (dataset.checksum, identity(attack)) not in asked:
            return False
    return True
