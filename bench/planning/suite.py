"""Suites: what is run, as data. A suite is a view that selects cells; it is no part of their identity."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bench.attacks import attack_class, make_attack
from bench.attacks.base import Attack
from bench.errors import UsageError, unknown
from bench.strict_yaml import Path as Where
from bench.strict_yaml import read_yaml
from bench.threats import Criterion, Epsilon, Norm

PUBLISHED = "published"
"""In place of a suite's attacks: all that are published."""

Sources = Literal["self", "all"] | Annotated[list[str], Field(min_length=1)]


def _listed(value: Any) -> Any:
    """One value where a list is due is a list of one."""
    return value if isinstance(value, list) else [value]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetChoice(_Part):
    """Which dataset and split; further keys are options of the dataset, such as `path`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    split: str = "test"

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class Entry(_Part):
    """One attack with its budgets and sources."""

    attack: str
    norm: Norm | None = None
    eps: Annotated[tuple[Epsilon, ...], BeforeValidator(_listed)] = ()
    clip: bool = True
    """Whether candidates are cut to the dataset's range, as inputs of the real world are."""
    sources: Sources = "self"
    """Crafted on the target itself, on all reference models of the suite, or on those named."""
    models: Annotated[list[str], Field(min_length=1)] | None = None
    """Judged on these reference models and on guests alone; None for all."""
    n: Annotated[int, Field(ge=1)] | None = None
    """Number of examples: a stratified sample of them for a costly check, or how many to generate. None for all."""
    criterion: Criterion | None = None
    parameters: dict[str, Any] = {}
    """All other keys of the entry, for the attack to check."""

    @model_validator(mode="before")
    @classmethod
    def _split_parameters(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "attack" not in data:
            return data
        own = set(cls.model_fields) - {"parameters"}
        name = data["attack"]
        takes = attack_class(name).model_fields if isinstance(name, str) else {}
        for key in data:
            if key not in own and key not in takes:
                raise unknown("key", str(key), [*sorted(own), *takes])
        values = {key: value for key, value in data.items() if key in own}
        if isinstance(values.get("criterion"), dict):
            values["criterion"] = _criterion(values["criterion"])
        return values | {"parameters": {key: value for key, value in data.items() if key in takes}}

    @model_validator(mode="after")
    def _check(self) -> Entry:
        attack = self.made
        if attack.norms and self.norm not in attack.norms:
            raise UsageError(f"attack {self.attack} needs norm: {' or '.join(attack.norms)}, not {self.norm}")
        if attack.norms and not self.eps:
            raise UsageError(f"attack {self.attack} needs eps: one number or a list")
        if not attack.norms and (self.norm or self.eps):
            raise UsageError(f"attack {self.attack} is bound to no ball around an example: leave out norm and eps")
        if attack.needs == "nothing" and self.sources != "self":
            raise UsageError(f"attack {self.attack} is crafted on no model: leave out sources")
        if attack.generates and self.n is None:
            raise UsageError(f"attack {self.attack} needs n: how many inputs to generate")
        if self.judged_by.kind == "targeted" and attack.criterion.kind != "targeted":
            raise UsageError(f"criterion targeted: give attack {self.attack} a target, such as target: next")
        if self.judged_by.asks_confidence and not attack.generates:
            kind = "confident" if self.judged_by.kind == "confident" else "targeted with a threshold"
            raise UsageError(f"criterion {kind} is for generated inputs; {self.attack} starts from labelled ones")
        if self.judged_by.kind == "misclassified" and attack.generates:
            raise UsageError(f"criterion misclassified is for labelled inputs; {self.attack} generates its own")
        return self

    @property
    def made(self) -> Attack:
        """The attack itself."""
        return make_attack(self.attack, self.parameters)

    @property
    def judged_by(self) -> Criterion:
        return self.criterion or self.made.criterion


def _criterion(data: dict[str, Any]) -> dict[str, Any]:
    """`{confident: 0.5}` is short for `{kind: confident, threshold: 0.5}`."""
    if set(data) == {"confident"}:
        return {"kind": "confident", "threshold": data["confident"]}
    return data


class RankBy(_Part):
    """What the models are ranked by: robust accuracy under the worst of all attacks within this threat."""

    worst_of: Literal["all"] = "all"
    norm: Norm = "linf"
    eps: Epsilon
    clip: bool = True


class Suite(_Part):
    """A suite file."""

    suite: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
    version: Annotated[int, Field(ge=1)] = 1
    summary: str = ""
    dataset: DatasetChoice
    models: list[str] = []
    """Reference models: run by default, and sources of transfer for everybody's models."""
    attacks: Annotated[list[Entry], Field(min_length=1)]
    """In a file, `published` stands for an entry for every measurement of `bench/paper/numbers.yaml` on this split, and
    the models follow from it."""
    rank_by: RankBy | None = None
    seed: int = 0
    board: Literal["robustness", "transfer", "rubbish", "paper"] = "robustness"
    """How the leaderboard lays the results out."""

    @model_validator(mode="before")
    @classmethod
    def _as_published(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("attacks") != PUBLISHED:
            return data
        if "models" in data:
            raise UsageError(f"models follow from attacks: {PUBLISHED}; leave them out")
        try:
            chosen = DatasetChoice.model_validate(data.get("dataset"))
        except ValidationError:
            return data  # the fields themselves tell of it, with its place
        from bench.paper.published import published  # which plans by suites

        entries, models = published(chosen.name, chosen.split)
        return data | {"attacks": entries, "models": models}

    @model_validator(mode="after")
    def _judges_its_own_models(self) -> Suite:
        for entry in self.attacks:
            for name in entry.models or ():
                if name not in self.models:
                    raise unknown(f"model of attack {entry.attack}", name, self.models)
        return self

    @model_validator(mode="after")
    def _rank_by_something(self) -> Suite:
        if self.rank_by is not None:
            alike = [
                entry for entry in self.attacks if entry.norm == self.rank_by.norm and entry.clip == self.rank_by.clip
            ]
            sizes = sorted({eps for entry in alike for eps in entry.eps if entry.n is None})
            if self.rank_by.eps not in sizes:
                have = ", ".join(f"{eps:g}" for eps in sizes) or "none"
                clipped = "clipped" if self.rank_by.clip else "unclipped"
                raise UsageError(
                    f"rank_by eps {self.rank_by.eps:g}: no {clipped} {self.rank_by.norm} attack over all examples has "
                    f"it; they have {have}"
                )
        return self


def names() -> list[str]:
    """The suites that ship with the program."""
    return sorted(item.name.removesuffix(".yaml") for item in _packaged().iterdir() if item.name.endswith(".yaml"))


def load_suite(spec: str) -> Suite:
    """The suite of a shipped name or of a YAML file.

    Raises:
        UsageError: unknown name, unreadable file, or anything wrong in it, with its line.
    """
    if spec.endswith((".yaml", ".yml")):
        try:
            text = Path(spec).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise UsageError(f"cannot read suite file {spec}: {reason}") from None
        suite = parse_suite(text, Path(spec).name)
        if suite.suite in names() and suite != load_suite(suite.suite):
            raise UsageError(f"{Path(spec).name}: {suite.suite} is a suite that ships; give yours another name")
        return suite
    if spec not in names():
        raise unknown("suite", spec, names())
    return parse_suite((_packaged() / f"{spec}.yaml").read_text(encoding="utf-8"), f"{spec}.yaml")


def parse_suite(text: str, origin: str) -> Suite:
    """The suite that a YAML text describes; `origin` names it in errors."""
    data, lines = read_yaml(text, origin)
    if not isinstance(data, dict):
        raise UsageError(f"{origin}: a suite is a mapping with the keys suite, dataset and attacks")
    where: Where = ()
    try:
        for position, entry in enumerate(data["attacks"] if isinstance(data.get("attacks"), list) else []):
            where = ("attacks", position)
            Entry.model_validate(entry)
        where = ()
        return Suite.model_validate(data)
    except ValidationError as error:
        raise _readable(error, data, lines, origin, where) from None
    except UsageError as error:
        place = f"{origin}, line {lines[where]}" if where else origin
        raise UsageError(f"{place}: {error}") from None


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


def _packaged() -> Any:
    return resources.files("suites")
