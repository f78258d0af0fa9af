"""The suite that a call asks for: by the name of one that ships, by a file, or by the name of one that was run here.

A folder keeps the text of every suite that was run into it (`bench.records.ran`), so that a suite of the user's own has
a name there. A file is always read as it is: a text that was kept never stands in for one.
"""

from __future__ import annotations

import re
from pathlib import Path

from adapters.errors import told
from bench.datasets import options_of
from bench.errors import UsageError, unknown
from bench.planning.suite import NAME, DatasetChoice, Suite, load_suite, names, of_text
from bench.progress import Say
from bench.records import ran
from bench.records.ran import Ran
from bench.running.shelf import Shelf


def suite_at(spec: str | Suite, data: Path | None) -> Suite:
    """The suite of a name or a file, on the data at a path where one is given.

    Raises:
        UsageError: it is none, or its dataset is read from no path.
    """
    suite = spec if isinstance(spec, Suite) else load_suite(spec)
    if data is None:
        return suite
    if "path" not in options_of(suite.dataset.name):
        raise UsageError(f"dataset {suite.dataset.name} is read from no path; leave out --data")
    chosen = {**suite.dataset.model_dump(), "path": str(data)}
    return suite.model_copy(update={"dataset": DatasetChoice.model_validate(chosen)})


def suite_here(spec: str | Suite, data: Path | None, *shelves: Shelf) -> Suite:
    """As `suite_at`, also by the name, or `NAME@VERSION`, of a suite that was run into one of these shelves.

    The last text that was run counts, of the first shelf that keeps one.

    Raises:
        UsageError: as there, or its text cannot be read.
    """
    if isinstance(spec, Suite) or not is_own(spec):
        return suite_at(spec, data)
    name, _, version = spec.partition("@")
    keeping = [found for shelf in shelves if (found := [each for each in own(shelf) if each.suite == name])]
    for found in keeping:
        fitting = [each for each in found if not version or str(each.version) == version]
        if fitting:
            return suite_at(_read(fitting[-1]), data)
    if keeping:
        have = ", ".join(dict.fromkeys(f"{name}@{each.version}" for each in keeping[0]))
        raise UsageError(f"no version {version!r} of suite {name} was run here; there are: {have}")
    known = [*names(), *dict.fromkeys(each.suite for shelf in shelves for each in own(shelf))]
    file = f"{name}.yaml" if re.fullmatch(NAME, name) else "mine.yaml"
    hint = f"one of your own goes by its file, such as {file}, until it was run"
    raise UsageError(f"{unknown('suite', name, known)} ({hint})")


def kept(shelf: Shelf, warn: Say) -> list[Suite]:
    """The last text of each suite of users' own that a shelf keeps; `warn` is told of one that cannot be read."""
    last = {each.suite: each for each in own(shelf)}
    suites = []
    for name in sorted(last):
        try:
            suites.append(_read(last[name]))
        except Exception as error:  # noqa: BLE001 - whatever a stranger's text provokes, the text is at fault
            warn(f"no suite {name}: {error if isinstance(error, UsageError) else told(error)}")
    return suites


def is_own(spec: str) -> bool:
    """Whether it can only be the name of a suite of the user's own: neither a file nor one that ships."""
    return not spec.endswith((".yaml", ".yml")) and spec.partition("@")[0] not in names()


def own(shelf: Shelf) -> list[Ran]:
    """The notes of suites of users' own that a shelf keeps, the last at the end."""
    shipped = names()
    found = [each for store in shelf.stores() for each in ran.notes(store) if each.suite not in shipped]
    return sorted(found, key=lambda each: (each.at, each.sha256))


def _read(note: Ran) -> Suite:
    """The suite of a note; a text of another name or version is a stranger's."""
    suite = of_text(note.text)
    if (suite.suite, suite.version) != (note.suite, note.version):
        raise UsageError(f"the text that is kept of suite {note.suite} v{note.version} is of another; give its file")
    return suite
