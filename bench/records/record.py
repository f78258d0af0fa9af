"""One cell's record: what was asked (`cell`), what came out (`result`), and how the run went (`run`).

How the schemas follow each other is told in docs/records.md.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from bench.records.cell import AttackId, Block, Cell, Count, Craft, DatasetId, ModelInfo, Name, Slice, Text
from bench.records.columns import columns, counts
from bench.records.identity import checksum
from bench.records.packing import unpack_floats, unpack_integers
from bench.records.plain import read_json

__all__ = [
    "SCHEMA", "AttackId", "Cell", "Costs", "Craft", "DatasetId", "Examples", "Failure", "ModelInfo", "Record", "Result",
    "Run", "Slice", "digest", "read_failure", "read_record",
]  # fmt: skip

SCHEMA: Literal[2] = 2
"""Of the files written; 1 is read as well."""
LARGEST = 4_000_000
"""Bytes of a file that is read: a record of 10,000 examples has some 10 kB, with every column some 150 kB."""
SAID = 2_000
"""Characters of a failure's message that are kept."""
Probability = Annotated[float, Field(ge=0, le=1.001)]
"""A mean of float32 numbers that may each come to a little more than 1."""


class Examples(Block):
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
    distance: str | None = None
    """Where the threat names no epsilon: how far each success lies from its example, rounded up; infinite elsewhere."""


class Costs(Block):
    """What crafting asked of the source, in examples: divided by n it is the cost of one."""

    forwards: Count = 0
    """Shown to its differentiable scores."""
    gradients: Count = 0
    """Shown to its input gradient."""
    queries: Count = 0
    """Shown to its labels, scores or probabilities."""


class Result(Block):
    """What came out of a cell. Equal runs give equal results, byte for byte, on one machine."""

    status: Literal["ok", "unsupported"]
    reason: Text | None = None
    n: Count = 0
    """Examples that count."""
    errors: Count | None = None
    """Predicted is not the true class; None for generated inputs, which have none."""
    abstentions: Count = 0
    successes: Count | None = None
    """Examples on which the criterion holds; None where it does not apply to this target."""
    confidence_on_mistakes: Probability | None = None
    """Mean probability of the class given, over the mistakes; over the successes where the criterion asks for it."""
    confidence: Probability | None = None
    """The same mean over all examples."""
    unmoved: Count = 0
    """Candidates equal to their clean input: where a gradient attack had nothing to go by."""
    largest: Annotated[float, Field(ge=0)] | None = None
    """Largest perturbation among the candidates, in the threat's norm, measured in float64."""
    median_margin: float | None = None
    """Median of best score minus second best over the examples labelled right; in the clean cell alone."""
    success_classes: tuple[Count, ...] | None = None
    """Successes by class given; of generated inputs alone."""
    flags: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    """Sanity findings about the target; in the clean cell alone."""
    costs: Costs | None = None
    """None for attacks that ask nothing of a model, and in records of schema 1."""
    examples: Examples | None = None

    @field_validator("flags")
    @classmethod
    def _of_schema_1(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        """There the effort of a quick model was a flag, too."""
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

    @cached_property
    def distance(self) -> NDArray[np.float32] | None:
        """`(N,)` how far each success lies from its example, infinite where there is none; None where eps is given."""
        if self.examples is None or self.examples.distance is None:
            return None
        return unpack_floats(self.examples.distance)

    def _unpacked(self, name: str) -> NDArray[np.int64]:
        packed = getattr(self.examples, name, None)
        if packed is None:
            raise ValueError(f"this record keeps no {name!r} values")
        return unpack_integers(packed)


class Run(Block):
    """How the run went: recorded, and never part of what is compared."""

    finished: str
    """UTC, ISO 8601."""
    seconds: float
    """Share of this cell in the time of its job."""
    device: str
    threads: int
    batch: int
    """Examples in the largest batch."""
    host: str
    versions: dict[str, str]
    asked_again: int | None = None
    """Examples that the target was asked again, drawn from a secret: no two runs ask the same ones."""
    findings: tuple[str, ...] | None = None
    """What that found: `order-dependent`, `not-repeatable`. None in records of before, and where there is nothing."""
    files: dict[str, str] | None = None
    """SHA-256 of the files that models came from, by the models' names; None where none did."""

    def of(self, cell: Cell) -> Run:
        """The same for one cell of those that were run together: with the files of its own models alone."""
        if self.files is None:
            return self
        names = {model.name for model in (cell.craft.source, cell.target) if model is not None}
        return self.model_copy(
            update={"files": {name: found for name, found in self.files.items() if name in names} or None}
        )

    @classmethod
    def unknown(cls) -> Run:
        """Of what no model was run for, or whose process did not live to tell."""
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        return cls(finished=finished, seconds=0.0, device="none", threads=0, batch=0, host=platform.node(), versions={})

    @field_validator("finished")
    @classmethod
    def _is_a_time(cls, finished: str) -> str:
        """By which the versions of a model are told apart."""
        if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}[0-9.+:-]{0,20}Z?", finished):
            raise ValueError("finished is no time in ISO 8601")
        return finished


class Record(Block):
    """The file of a cell."""

    schema_version: Literal[1, 2] = Field(default=SCHEMA, alias="schema")
    id: str
    cell: Cell
    result: Result
    run: Run

    @model_validator(mode="after")
    def _columns_and_counts_agree(self) -> Record:
        """A column cut short would read as abstentions; a count that its column does not bear out is no result."""
        result = self.result
        if result.status != "ok":
            if result.examples is not None:
                raise ValueError(f"{result.status}, and yet with examples")
            return self
        if result.examples is None:
            raise ValueError("a result without examples")
        found = columns(self.cell, result.examples)
        for name, count in counts(self.cell, found, result.errors).items():
            if getattr(result, name) != count:
                raise ValueError(f"{name} is {getattr(result, name)}, and its columns come to {count}")
        if result.errors is None and self.cell.craft.slice.split is not None:
            raise ValueError("a result on labelled examples without errors")
        most = max(result.errors or 0, result.successes or 0, sum(result.success_classes or ()))
        if most > result.n or result.unmoved > self.cell.craft.slice.n:
            raise ValueError("it counts more examples than it has")
        return self

    def json_text(self) -> str:
        """The file's text: sorted keys, no NaN, and the SHA-256 of cell and result."""
        plain = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return _text(plain | ({"sha256": digest(plain)} if self.schema_version > 1 else {}))

    def same_as(self, other: Record) -> bool:
        """Whether two runs agree: the same cell and the same result, as far as both schemas tell."""
        return self.cell.id == other.cell.id and _comparable(self, other) == _comparable(other, self)

    def differing_labels(self, other: Record) -> int:
        """Number of examples that two runs of one cell label differently."""
        if self.result.examples is None or other.result.examples is None:
            return 0 if self.result == other.result else self.result.n or other.result.n
        return int((self.result.predicted != other.result.predicted).sum())


def _comparable(record: Record, other: Record) -> Result:
    """The result without what the other's schema does not keep."""
    old = other.schema_version == 1
    return record.result.model_copy(update={"costs": None}) if old else record.result


def digest(plain: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of the canonical JSON of a file's `cell` and `result`."""
    return checksum({key: plain.get(key) for key in ("cell", "result")})


def read_record(content: bytes) -> Record:
    """The record in a file's bytes.

    Raises:
        ValueError: it is torn, of another schema, or not what was written.
    """
    plain = read_json(content)
    stated = plain.pop("sha256", None)
    schema = plain.get("schema")
    if type(schema) is not int:  # True and 1.0 pass for 1
        raise ValueError("no record of any schema")
    right, old = stated == digest(plain), schema == 1
    if not (right or old):
        raise ValueError("its SHA-256 is not that of its contents")
    record = Record.model_validate(plain)
    if record.id != record.cell.id:
        raise ValueError("its id and its cell do not belong together")
    if not right and stated is not None:
        raise ValueError("its SHA-256 is not that of its contents")
    return record


class Failure(Block):
    """The file of a cell that could not be judged. It claims nothing and is replaced or removed freely."""

    schema_version: Literal[1, 2] = Field(default=SCHEMA, alias="schema")
    id: str
    cell: Cell
    kind: Name
    """Such as `exception`, `oom`, `invalid-output`, `invalid-candidate`."""
    message: str
    run: Run

    @field_validator("message")
    @classmethod
    def _is_bounded(cls, message: str) -> str:
        """A model may say much as it fails."""
        return message if len(message) <= SAID else f"{message[: SAID - 3]}..."

    def json_text(self) -> str:
        """The file's text: sorted keys, no NaN."""
        return _text(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def read_failure(content: bytes) -> Failure:
    """The failure in a file's bytes.

    Raises:
        ValueError: it is torn or of another schema.
    """
    failure = Failure.model_validate(read_json(content))
    if failure.id != failure.cell.id:
        raise ValueError("its id and its cell do not belong together")
    return failure


def _text(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, sort_keys=True, indent=1, allow_nan=False) + "\n"
