"""The suite whose questions two sides of a comparison are held to, where it is not named."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.planning.suite import Suite
from bench.progress import Say
from bench.records.identity import identity
from bench.records.record import AttackId
from bench.running.shelf import Contents, dataset_of, suite_here, suites_of
from bench.running.wanted import Wanted


def versions(sides: Sequence[Wanted], contents: Sequence[Contents], warn: Say) -> list[tuple[Suite, Dataset]] | None:
    """The suite of each of two folders, where these are two versions of one, and each was run on that alone."""
    if any(side.shelf.with_published for side in sides):
        return None
    found = []
    for each in contents:
        suites, run = suites_of(each, warn)
        found.append([fit for fit in suites if (fit[0].suite, fit[0].version) in run and fit[0].board != "paper"])
    if any(len(fits) != 1 for fits in found):
        return None
    ((one,), (other,)) = found
    alike = one[0].suite == other[0].suite and one[0].version != other[0].version
    return [one, other] if alike else None


def common_suite(
    spec: str | Suite | None, sides: Sequence[Wanted], contents: Sequence[Contents], warn: Say
) -> tuple[Suite, Dataset]:
    """The suite that is asked for, or that both sides were run on, if it is one alone.

    Raises:
        UsageError: there is none, or more than one to choose from.
    """
    if spec is not None:
        suite = suite_here(spec, None, *(side.shelf for side in sides))
        return suite, dataset_of(suite)
    run = [_run(found, side.models) for side, found in zip(sides, contents, strict=True)]
    known = [suites_of(found, warn) for found in contents]
    suites = {(suite.suite, suite.version): (suite, data) for each, _ in known for suite, data in each}
    suites = {key: fit for key, fit in suites.items() if fit[0].board != "paper"}
    noted = [fit for key, fit in suites.items() if all(key in ran for _, ran in known)]
    fits = [fit for fit in suites.values() if all(_answers(asked, *fit) for asked in run)] or noted
    fits = [fit for fit in fits if fit[0].rank_by] or fits
    if len(fits) > 1 and not any(side.shelf.with_published for side in sides):
        fits = [fit for fit in fits if fit in noted] or fits
    if len(fits) == 1:
        return fits[0]
    names = " and ".join(dict.fromkeys(side.text for side in sides))
    if not fits:
        raise UsageError(f"no suite was run on {names}, as far as is known; name one with --suite NAME|FILE.yaml")
    raise UsageError(f"{names}: run on {', '.join(suite.suite for suite, _ in fits)}; name one with --suite")


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
