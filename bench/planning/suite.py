"""Suites: what is run, as data. A suite is a view that selects cells; it is no part of their identity."""

from __future__ import annotations

import json
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from bench import registry
from bench.errors import UsageError, unknown
from bench.planning.entry import Entry, Part
from bench.strict_yaml import Path as Where
from bench.strict_yaml import read_yaml, text_of
from bench.table import one_line
from bench.threats import Criterion, Epsilon, Norm, norm_named

ARCHIVE = resources.files("suites") / "archive"
NAME = "[A-Za-z0-9._-]{1,80}"
"""What a suite may be called."""


class DatasetChoice(Part):
    """Which dataset and split; further keys are options of the dataset, such as `path`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    """A dataset's name, as `bench list datasets` has it."""
    split: str = "test"
    """`train` or `test`: whose examples are attacked."""

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class RankBy(Part):
    """What the models are ranked by: robust accuracy under the worst of all attacks within this threat."""

    worst_of: Literal["all"] = "all"
    """Pointwise: an example counts as robust if it withstands every one of them."""
    norm: Norm = "linf"
    """The norm of the attacks that count."""
    eps: Epsilon
    """The size that the models are ranked at, one that an attack of the suite has."""
    clip: bool = True
    """Whether the attacks that count are cut to the dataset's range."""

    @model_validator(mode="after")
    def _is_a_ball(self) -> RankBy:
        norm_named(self.norm).checked(self.eps)
        return self


class Suite(Part):
    """A suite file."""

    suite: Annotated[str, Field(pattern=f"^{NAME}$")]
    """Its name: letters, digits, `.`, `_` and `-`, and none that ships with the program."""
    version: Annotated[int, Field(ge=1)] = 1
    """Raised when the suite is changed, so that boards of two versions are told apart."""
    summary: str = ""
    """A line for lists and the head of the board."""
    dataset: DatasetChoice
    """Whose examples are attacked."""
    models: list[str] = Field(default_factory=list)
    """Reference models: run by default, and sources of transfer for everybody's models."""
    attacks: Annotated[list[Entry], Field(min_length=1)]
    """What is done to the models, in order. In a file, `published` stands for an entry for every measurement of
    `bench/paper/numbers.yaml` on this split, and the models follow from it."""
    rank_by: RankBy | None = None
    """What the models are ranked by; without it the board has no ranks."""
    seed: int = 0
    """Of all that is random: noise, restarts, samples of examples."""
    board: Literal["robustness", "transfer", "rubbish", "paper", "worst-case", "anchors"] = "robustness"
    """How the leaderboard lays the results out."""

    @model_validator(mode="after")
    def _fits_together(self) -> Suite:
        for entry in self.attacks:
            for name in entry.models or ():
                if name not in self.models:
                    raise unknown(f"model of attack {entry.attack}", name, self.models)
        if (by := self.rank_by) is not None:
            alike = [e for e in self.attacks if (e.norm, e.clip, e.n, e.gradient) == (by.norm, by.clip, None, None)]
            sizes = sorted({eps for entry in alike for eps in entry.eps})
            if by.eps not in sizes and not any(entry.made.measures for entry in alike):
                kind = f"{'clipped' if by.clip else 'unclipped'} {by.norm} attack over all examples"
                have = ", ".join(map(repr, sizes)) or "none"
                raise UsageError(f"rank_by eps {by.eps!r}: no {kind} has it; they have {have}")
        return self


def names() -> list[str]:
    """The suites that ship with the program or with other packages."""
    return sorted(registry.names("suite"))


def load_suite(spec: str) -> Suite:
    """The suite of a name, of a name and an earlier version (`mnist-fgsm@1`), or of a YAML file.

    Raises UsageError for anything wrong with either, with its line.
    """
    own = spec.endswith((".yaml", ".yml"))
    name, _, version = spec.partition("@")
    file = Path(spec) if own else _version(name, version) if version else registry.get("suite", spec)
    suite = parse_suite(text_of(file, f"suite file {file}"), file.name)
    if own and suite.suite in names() and suite not in map(load_suite, (suite.suite, *earlier(suite.suite))):
        raise UsageError(f"{file.name}: {suite.suite} is a suite that ships; give yours another name")
    if not own and suite.suite != name:
        raise UsageError(f"{file.name}: calls itself {suite.suite}, but is offered as {name}")
    return suite


def earlier(name: str) -> list[str]:
    """The earlier versions of a suite that ships, such as `mnist-fgsm@1`: never edited, so that old boards stay."""
    files = sorted(item.name for item in ARCHIVE.iterdir())
    return [file.removesuffix(".yaml") for file in files if file.startswith(f"{name}@")]


def _version(name: str, version: str) -> Traversable:
    """The file of a version of a suite that ships."""
    if version == str(load_suite(name).version):
        file: Traversable = registry.get("suite", name)
        return file
    if f"{name}@{version}" not in earlier(name):
        raise UsageError(f"no version {version!r} of suite {name}; there are: {', '.join([name, *earlier(name)])}")
    return ARCHIVE / f"{name}@{version}.yaml"


def parse_suite(text: str, origin: str) -> Suite:
    """The suite that a YAML text describes; `origin` names it in errors."""
    data, lines = read_yaml(text, origin)
    if not isinstance(data, dict):
        raise UsageError(f"{origin}: a suite is a mapping with the keys suite, dataset and attacks")
    where: Where = ()
    try:
        if isinstance(data.get("attacks"), list):
            entries = []
            for position, entry in enumerate(data["attacks"]):
                where = ("attacks", position)
                entries.append(Entry.model_validate(entry))
            where, data = (), data | {"attacks": entries}
        elif data.get("attacks") in registry.names("set of attacks"):
            data = data | _of_set(data)
        return Suite.model_validate(data)
    except ValidationError as error:
        raise _readable(error, data, lines, origin, where) from None
    except UsageError as error:
        place = f"{origin}, line {lines[where]}" if where else origin
        raise UsageError(f"{place}: {error}") from None


def as_text(suite: Suite) -> str:
    """A suite as JSON, from which `of_text` makes the same."""
    plain = suite.model_dump(exclude_defaults=True)
    entries = (entry | entry.pop("parameters", {}) for entry in plain["attacks"])
    return json.dumps({**plain, "attacks": list(entries)}, sort_keys=True)


def of_text(text: str) -> Suite:
    """The suite that was written by `as_text`.

    Raises:
        UsageError: it is none that this program knows.
    """
    try:
        suite = Suite.model_validate(json.loads(text))
    except (ValueError, RecursionError) as error:  # pydantic's is one
        raise UsageError(one_line(str(error))[:200]) from None
    if suite.suite in names():
        known = map(load_suite, (suite.suite, *earlier(suite.suite)))
        if not any(_on_other_data(suite, each) == each for each in known):
            raise UsageError(f"{suite.suite} is a suite that ships, and this is another")
    return suite


def _on_other_data(suite: Suite, known: Suite) -> Suite:
    """The suite with the options of another's dataset, such as its path."""
    same = (suite.dataset.name, suite.dataset.split) == (known.dataset.name, known.dataset.split)
    return suite.model_copy(update={"dataset": known.dataset}) if same else suite


def _of_set(data: dict[str, Any]) -> dict[str, Any]:
    """The attacks and models of a set that stands in place of a list, such as `published`."""
    name = data["attacks"]
    if "models" in data:
        raise UsageError(f"models follow from attacks: {name}; leave them out")
    try:
        chosen = DatasetChoice.model_validate(data.get("dataset"))
    except ValidationError:
        return {}  # the fields themselves tell of it, with its place
    entries, models = registry.get("set of attacks", name)(chosen.name, chosen.split)
    return {"attacks": entries, "models": models}


def _readable(error: ValidationError, data: Any, lines: dict[Where, int], origin: str, prefix: Where) -> UsageError:
    """The first finding of pydantic, as one line with the place in the file."""
    first = error.errors()[0]
    path = (*prefix, *first["loc"])
    while path and path not in lines:
        path = path[:-1]
    place = f"{origin}, line {lines.get(path, 1)}"
    key = str(first["loc"][-1]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        known = {"rank_by": RankBy.model_fields, "criterion": Criterion.model_fields}
        return UsageError(f"{place}: {unknown('key', key, known.get(str(first['loc'][0]), Suite.model_fields))}")
    if first["type"] == "missing":
        return UsageError(f"{place}: key {key!r} is missing")
    message = first["msg"].removeprefix("Value error, ")
    if "eps" in message:
        return UsageError(f"{place}: {message}")
    named = ".".join(str(part) for part in path) or "suite"
    return UsageError(f"{place}: {named}: {message}, not {first['input']!r}")
