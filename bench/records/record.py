"""One cell's record: what was asked (`cell`), what came out (`result`), and how the run went (`run`)."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bench.records.identity import identity
from bench.records.packing import unpack_floats, unpack_integers
from bench.threats import Criterion, Threat

SCHEMA = 1


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants", allow_inf_nan=False)


class DatasetId(_Block):
    """Which data: the checksum is the identity, the name is for people."""

    name: str
    checksum: str
    note: str = ""


class Slice(_Block):
    """Which examples of a split: a run of it, a stratified sample of it, or none of it (generated inputs)."""

    split: str | None = None
    """None for inputs that an attack generates."""
    start: int = 0
    stop: int
    of: int
    """Size of the whole that the slice is a part of."""
    sample: int | None = None
    """Seed of the sample of `stop` examples; None for the run `[start, stop)`."""

    @property
    def n(self) -> int:
        return self.stop - self.start

    @property
    def partial(self) -> bool:
        """Whether the slice is a short look, by sampling, at something larger."""
        return self.sample is not None


class AttackId(_Block):
    """Which attack, with every parameter but epsilon."""

    name: str
    revision: int
    parameters: dict[str, Any]


class ModelInfo(_Block):
    """What a board and a plan need to know of a model: its fingerprint is the identity, the rest is for people."""

    name: str
    fingerprint: str
    family: str
    gradient: Literal["exact", "surrogate", "none"]
    confidence_kind: str | None = None
    notes: tuple[str, ...] = ()
    effort: str | None = None
    """How short a training the model had, such as `5 epochs of all examples`; None where it was no quick one."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        """There the effort was a note, and whether a model was declared to be stochastic was kept."""
        if not isinstance(data, dict):
            return data
        notes = data.get("notes", ())
        quick = [note.removeprefix("quick: ") for note in notes if str(note).startswith("quick: ")]
        kept = {key: value for key, value in data.items() if key != "stochastic"}
        if quick:
            kept |= {"notes": [note for note in notes if not str(note).startswith("quick: ")], "effort": quick[0]}
        return kept


class Craft(_Block):
    """What candidates are made of: shared by all cells that judge the same candidates."""

    dataset: DatasetId
    slice: Slice
    attack: AttackId
    source: ModelInfo | None = None
    """None for attacks that ask nothing of a model."""
    seed: int

    @cached_property
    def id(self) -> str:
        return identity(
            {
                "dataset": self.dataset.checksum,
                "slice": self.slice,
                "attack": self.attack,
                "source": self.source.fingerprint if self.source else None,
                "seed": self.seed,
            }
        )


class Cell(_Block):
    """One question: these candidates, within this threat, judged on this target by this criterion."""

    craft: Craft
    threat: Threat
    criterion: Criterion
    target: ModelInfo

    @cached_property
    def id(self) -> str:
        return identity(
            {
                "craft": self.craft.id,
                "threat": self.threat,
                "criterion": self.criterion,
                "target": self.target.fingerprint,
            }
        )

    @property
    def white_box(self) -> bool:
        """Whether the candidates were crafted on the target itself."""
        return self.craft.source is not None and self.craft.source.fingerprint == self.target.fingerprint

    def __str__(self) -> str:
        """Such as `knn, fgsm from maxout, linf eps 0.25`."""
        attack, source, threat = self.craft.attack.name, self.craft.source, self.threat
        parts = [self.target.name, f"{attack} from {source.name}" if source and not self.white_box else attack]
        if threat.eps is not None:
            parts.append(f"{threat.norm} eps {threat.eps:g}{'' if threat.clip else ' unclipped'}")
        return ", ".join(parts)


class Examples(_Block):
    """Per-example values, packed (see `bench.records.packing`)."""

    predicted: str
    """The class that the target gave to each candidate; -1 where it abstained."""
    true: str | None = None
    """The true classes. In the clean cell alone: it is read beside every other cell of its target."""
    goal: str | None = None
    """The class that a targeted attack was set; -1 where the example was left out."""
    index: str | None = None
    """Positions in the split, where the slice is a sample."""
    margin: str | None = None
    """Best score minus second best, where the criterion asks for confidence."""


class Result(_Block):
    """What came out of a cell. Equal runs give equal results, byte for byte, on one machine."""

    status: Literal["ok", "unsupported"]
    reason: str | None = None
    n: int = 0
    """Examples that count."""
    errors: int | None = None
    """Predicted is not the true class; None for generated inputs, which have none."""
    abstentions: int = 0
    successes: int | None = None
    """Examples on which the criterion holds; None where it does not apply to this target."""
    confidence_on_mistakes: float | None = None
    """Mean probability of the class given, over the mistakes; over the successes where the criterion asks for it."""
    confidence: float | None = None
    """The same mean over all examples."""
    unmoved: int = 0
    """Candidates equal to their clean input: where a gradient attack had nothing to go by."""
    largest: float | None = None
    """Largest perturbation among the candidates, in the threat's norm, measured in float64."""
    median_margin: float | None = None
    """Median of best score minus second best over the examples labelled right; in the clean cell alone."""
    success_classes: tuple[int, ...] | None = None
    """Successes by class given; of generated inputs alone."""
    flags: tuple[str, ...] = ()
    """Sanity findings about the target; in the clean cell alone."""
    examples: Examples | None = None

    @field_validator("flags")
    @classmethod
    def _of_schema_1(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        """There the effort of a quick model was a flag."""
        return tuple(flag for flag in flags if not flag.startswith("quick: "))

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        return self._unpacked("predicted")

    @cached_property
    def true(self) -> NDArray[np.int64]:
        return self._unpacked("true")

    @cached_property
    def index(self) -> NDArray[np.int64]:
        return self._unpacked("index")

    @cached_property
    def goal(self) -> NDArray[np.int64]:
        return self._unpacked("goal")

    @cached_property
    def margin(self) -> NDArray[np.float32]:
        return unpack_floats((self.examples and self.examples.margin) or "")

    def _unpacked(self, name: str) -> NDArray[np.int64]:
        packed = getattr(self.examples, name, None)
        if packed is None:
            raise ValueError(f"this record keeps no {name!r} values")
        return unpack_integers(packed)


class Run(_Block):
    """How the run went: recorded, and never part of what is compared."""

    finished: str
    """UTC, ISO 8601."""
    seconds: float
    """Share of this cell in the time of its job."""
    device: str
    threads: int
    batch: int
    host: str
    versions: dict[str, str]


class Record(_Block):
    """The file of a cell."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    id: str
    cell: Cell
    result: Result
    run: Run

    @model_validator(mode="after")
    def _columns_are_whole(self) -> Record:
        """A column cut short would read as abstentions, which are no mistakes."""
        n = self.cell.craft.slice.n
        if self.result.examples is not None:
            for name, packed in self.result.examples:
                if packed is not None:
                    values = unpack_floats(packed) if name == "margin" else unpack_integers(packed)
                    if len(values) != n:
                        raise ValueError(f"{name} has {len(values)} values for {n} examples")
        return self

    def json_text(self) -> str:
        """The file's text: sorted keys, no NaN."""
        return _text(self)

    def same_as(self, other: Record) -> bool:
        """Whether two runs agree: the same cell and the same result."""
        return self.cell.id == other.cell.id and self.result == other.result

    def differing_labels(self, other: Record) -> int:
        """Number of examples that two runs of one cell label differently."""
        if self.result.examples is None or other.result.examples is None:
            return 0 if self.result == other.result else self.result.n or other.result.n
        return int((self.result.predicted != other.result.predicted).sum())


class Failure(_Block):
    """The file of a cell that could not be judged. It claims nothing and is replaced or removed freely."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    id: str
    cell: Cell
    kind: str
    """Such as `exception`, `oom`, `invalid-output`, `invalid-candidate`."""
    message: str
    run: Run

    def json_text(self) -> str:
        """The file's text: sorted keys, no NaN."""
        return _text(self)


def _text(block: BaseModel) -> str:
    plain = block.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(plain, sort_keys=True, indent=1, allow_nan=False) + "\n"
