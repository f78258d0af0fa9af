"""What is known of a craft's cells over one part of its slice: published as soon as it is there, joined when all are.

A part file is working state and no result: it goes when its cells have their records.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bench.records.cell import Block, Cell, Count, Name, Text
from bench.records.identity import canonical, checksum, identity
from bench.records.plain import read_json
from bench.records.record import Costs, Run

Column = NDArray[Any]
KINDS = {"b": "<i1", "i": "<i8", "f": "<f8"}
"""How columns of integers and of other numbers are kept: wide enough for any sum over them to be the same."""
LARGEST = 500_000_000
"""Bytes of a file that is read: a part of 1,000 examples has up to some 50 kB for each of its cells."""
NEEDED = ("labels", "true")


class CellPart(Block):
    """One cell over one part."""

    cell: Cell
    columns: Mapping[str, str] = Field(default_factory=dict)
    """Values an example, in the order of the slice, whatever order they were judged in; see `packed`."""
    unmoved: Count = 0
    largest: Annotated[float, Field(ge=0)] | None = None
    risk: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Of a certificate, as `Result.risk`."""
    costs: Costs | None = None
    seconds: float = 0.0
    """Share of the cell in the time of the part."""
    flags: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    findings: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    """What asking again found; see `Run`."""
    asked_again: int = 0
    keep: Count = 0
    """How many adversarial inputs are to be kept of the whole cell."""
    kept: str | None = None
    """Those of this part, as base64 of their file (see `bench.records.examples`)."""
    broken: tuple[str, str] | None = None
    """Kind and message of the failure, in place of all else."""

    @model_validator(mode="after")
    def _has_columns_of_one_length(self) -> CellPart:
        values = {name: unpacked(text) for name, text in self.columns.items()}
        lengths = {name: len(column) for name, column in values.items()}
        if self.broken is None and not lengths.keys() >= set(NEEDED):
            raise ValueError("a part without labels")
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            raise ValueError("columns of several lengths, or of none")
        if any(column.dtype.kind == "i" and column.min() < -1 for column in values.values()):
            raise ValueError("a column of classes below -1")
        return self

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(unpacked(self.columns["labels"])) if self.broken is None else 0

    def column(self, name: str) -> Column | None:
        """The values of a column; None where there is none."""
        return unpacked(self.columns[name]) if name in self.columns else None


class Part(Block):
    """The file of a part."""

    schema_version: Literal[2] = 2
    craft: Name
    """Id of the craft."""
    number: Annotated[int, Field(ge=0)]
    """Which part of the slice, from 0."""
    of: Annotated[int, Field(ge=1)]
    """Number of parts."""
    classes: Annotated[int, Field(ge=1, le=10**6)]
    """Number of the dataset's classes."""
    cells: tuple[CellPart, ...]
    run: Run

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Part:
        if self.number >= self.of:
            raise ValueError(f"part {self.number} of {self.of}")
        for item in self.cells:
            if item.cell.craft.id != self.craft:
                raise ValueError("a cell of another craft")
            if item.broken is None and not self._can_have(item.n, item.cell.craft.slice.n):
                raise ValueError(f"{item.n} examples as part {self.number} of {self.of} of {item.cell.craft.slice.n}")
        return self

    def _can_have(self, n: int, whole: int) -> bool:
        """Whether a part can have `n` of a slice's examples, where all parts but the last are of one size."""
        others = self.of - 1
        if self.number < others:
            return n * others < whole <= n * self.of
        return whole == n if others == 0 else (whole - n) % others == 0 and n <= (whole - n) // others

    @property
    def name(self) -> str:
        """Of the file: another set of cells is another file."""
        ids = sorted(found.cell.id for found in self.cells)
        return f"{self.craft}-{self.number}-{identity(ids)[:16]}.json"

    def json_text(self) -> str:
        """The file's text, with its SHA-256."""
        plain = self.model_dump(mode="json", exclude_none=True)
        return canonical(plain | {"sha256": checksum(plain)}) + "\n"


def read_part(content: bytes) -> Part:
    """The part in a file's bytes.

    Raises:
        ValueError: it is torn, of another schema, or not what was written.
    """
    plain = read_json(content)
    if plain.pop("sha256", None) != checksum(plain):
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
    """The numbers that `packed` packed.

    Raises:
        ValueError: the text is no such packing.
    """
    if text[:1] not in KINDS:
        raise ValueError(f"a column of no kind that there is, {text[:1]!r}")
    values = np.frombuffer(base64.b64decode(text[1:], validate=True), dtype=KINDS[text[0]])
    return values.astype(np.int64) if text[0] == "b" else values
