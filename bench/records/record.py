"""One cell's record: what was asked (`cell`), what came out (`result`), and how the run went (`run`).

How the schemas follow each other is told in docs/records.md.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from bench.records.cell import AttackId, Block, Cell, Craft, DatasetId, ModelInfo, Name, Slice
from bench.records.columns import columns, counts
from bench.records.identity import checksum
from bench.records.plain import read_json
from bench.records.result import Costs, Examples, Result

__all__ = [
    "SCHEMA", "AttackId", "Cell", "Costs", "Craft", "DatasetId", "Examples", "Failure", "ModelInfo", "Record", "Result",
    "Run", "Slice", "digest", "read_failure", "read_record",
]  # fmt: skip

SCHEMA: Literal[2] = 2
"""Of the files written; 1 is read as well."""
LARGEST = 4_000_000
"""Bytes of a file that is read: a record of 10,000 examples has some 10 kB, with every column some 150 kB."""
AGGREGATES = ("confidence", "confidence_on_mistakes", "largest", "median_margin")
"""Numbers of a result that come of sums in float32, whose last digits depend on threads and devices."""
NEAR = 1e-5
"""How near two of them are the same, as a share and, of those near 0, by itself."""
SAID = 2_000
"""Characters of a failure's message that are kept."""


Finding = Literal["order-dependent", "not-repeatable"]


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
    findings: tuple[Finding, ...] | None = None
    """What that found: `order-dependent`, `not-repeatable`. None in records of before, and where there is nothing."""
    files: dict[str, str] | None = None
    """SHA-256 of the files that models came from, by the models' names; None where none did."""
    examples: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the file of adversarial inputs that were kept; None where none were."""

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
        """The file's text: sorted keys, no NaN, the SHA-256 of cell and result, and that of the run."""
        plain = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        sums = {"sha256": digest(plain), "run_sha256": checksum(plain["run"])}
        return _text(plain | (sums if self.schema_version > 1 else {}))

    def same_as(self, other: Record) -> bool:
        """Whether two runs agree: the same cell and the same result, as far as both schemas tell.

        Every example, count and cost is held to be equal; means and medians over them only as far as the order in which
        a machine adds and multiplies leaves them alone.
        """
        if self.cell.id != other.cell.id:
            return False
        mine, theirs = _comparable(self, other), _comparable(other, self)
        for name in AGGREGATES:
            one, another = getattr(mine, name), getattr(theirs, name)
            if None not in (one, another) and math.isclose(one, another, rel_tol=NEAR, abs_tol=NEAR):
                mine = mine.model_copy(update={name: another})
        return mine == theirs

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
    """SHA-256, in hex, of the canonical JSON of a file's `cell` and `result`, and of what asking again found:
    a finding takes a model's rank.
    """
    told = {key: plain.get(key) for key in ("cell", "result")}
    run = plain.get("run")
    findings = run.get("findings") if isinstance(run, dict) else None
    return checksum(told if findings is None else told | {"findings": findings})


def read_record(content: bytes) -> Record:
    """The record in a file's bytes.

    Raises:
        ValueError: it is torn, of another schema, or not what was written.
    """
    plain = read_json(content)
    stated, run = plain.pop("sha256", None), plain.pop("run_sha256", None)
    if run not in (None, checksum(plain.get("run"))):  # files of before have none
        raise ValueError("its run_sha256 is not that of its run")
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
