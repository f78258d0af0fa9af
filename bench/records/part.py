"""What is known of a craft's cells over one part of its slice: published as soon as it is there, joined when all are.

A part file is working state and no result: it goes when its cells have their records.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bench.records.cell import Block, Cell
from bench.records.identity import canonical
from bench.records.record import Costs, Run

Column = NDArray[Any]
KINDS = {"b": "<i1", "i": "<i8", "f": "<f8"}
"""How columns of integers and of other numbers are kept: wide enough for any sum over them to be the same."""


class CellPart(Block):
    """One cell over one part."""

    cell: Cell
    columns: Mapping[str, str] = Field(default_factory=dict)
    """Values an example, in the order of the slice, whatever order they were judged in; see `packed`."""
    unmoved: int = 0
    largest: float | None = None
    costs: Costs | None = None
    seconds: float = 0.0
    """Share of the cell in the time of the part."""
    flags: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    """What asking again found; see `Run`."""
    asked_again: int = 0
    broken: tuple[str, str] | None = None
    """Kind and message of the failure, in place of all else."""

    def column(self, name: str) -> Column | None:
        """The values of a column; None where there is none."""
        return unpacked(self.columns[name]) if name in self.columns else None


class Part(Block):
    """The file of a part."""

    schema_version: Literal[2] = 2
    craft: str
    """Id of the craft."""
    number: Annotated[int, Field(ge=0)]
    """Which part of the slice, from 0."""
    of: Annotated[int, Field(ge=1)]
    """Number of parts."""
    classes: int
    """Number of the dataset's classes."""
    cells: tuple[CellPart, ...]
    run: Run

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Part:
        if self.number >= self.of:
            raise ValueError(f"part {self.number} of {self.of}")
        return self

    @property
    def name(self) -> str:
        """Of the file: another set of cells is another file."""
        ids = canonical(sorted(found.cell.id for found in self.cells))
        return f"{self.craft}-{self.number}-{hashlib.sha256(ids.encode()).hexdigest()[:16]}.json"

    def json_text(self) -> str:
        """The file's text, with its SHA-256."""
        text = canonical(self.model_dump(mode="json", exclude_none=True))
        return f'{text[:-1]},"sha256":"{hashlib.sha256(text.encode()).hexdigest()}"}}\n'


def read_part(content: bytes) -> Part:
    """The part in a file's bytes.

    Raises:
        ValueError: it is torn, of another schema, or not what was written.
    """
    plain = json.loads(content)
    if not isinstance(plain, dict) or plain.pop("sha256", None) != _digest(plain):
        raise ValueError("its SHA-256 is not that of its contents")
    return Part.model_validate(plain)


def packed(values: Column) -> str:
    """`(N,)` numbers as text."""
    if values.dtype.kind == "f":
        kind = "f"
    else:
        kind = "b" if values.size and values.min() >= -128 and values.max() < 128 else "i"
    return kind + base64.b64encode(np.ascontiguousarray(values, dtype=KINDS[kind]).tobytes()).decode()


def unpacked(text: str) -> Column:
    """The numbers that `packed` packed."""
    values = np.frombuffer(base64.b64decode(text[1:], validate=True), dtype=KINDS[text[0]])
    return values.astype(np.int64) if text[0] == "b" else values


def _digest(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(plain).encode()).hexdigest()
