"""The question: which candidates, within which threat, judged on which model. Its hash names the record."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.records.identity import identity
from bench.threats import Criterion, Threat

Count = Annotated[int, Field(ge=0, le=2**53)]
Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]
"""What a person wrote, or a program for one."""


class Block(BaseModel):
    """A part of a record: immutable, of no unknown field, without NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants", allow_inf_nan=False)

    def __eq__(self, other: object) -> bool:
        """Equal in every field; what was unpacked from one of them meanwhile does not count."""
        names = type(self).model_fields
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in names)


class DatasetId(Block):
    """Which data: the checksum is the identity, the name is for people."""

    name: Name
    checksum: Name
    note: Text = ""


class Slice(Block):
    """Which examples of a split: a run of it, a stratified sample of it, or none of it (generated inputs)."""

    split: Name | None = None
    """None for inputs that an attack generates."""
    start: Count = 0
    stop: Count
    of: Count
    """Size of the whole that the slice is a part of."""
    sample: int | None = None
    """Seed of the sample of `stop` examples; None for the run `[start, stop)`."""

    @model_validator(mode="after")
    def _lies_within(self) -> Slice:
        if not self.start < self.stop <= self.of or (self.sample is not None and self.start):
            raise ValueError(f"examples {self.start} to {self.stop} of {self.of}")
        return self

    @property
    def n(self) -> int:
        return self.stop - self.start

    @property
    def partial(self) -> bool:
        """Whether the slice is a short look, by sampling, at something larger."""
        return self.sample is not None


class AttackId(Block):
    """Which attack, with every parameter but epsilon."""

    name: Name
    revision: int
    parameters: dict[str, Any]


class ModelInfo(Block):
    """What a board and a plan need to know of a model: its fingerprint is the identity, the rest is for people."""

    name: Name
    fingerprint: Name
    family: Name
    gradient: Literal["exact", "surrogate", "none"]
    confidence_kind: Name | None = None
    notes: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    effort: Text | None = None
    """How short a training the model had, such as `5 epochs of all examples`; None where it was no quick one."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        """There the effort was a note, and whether a model was declared to be stochastic was kept."""
        if not isinstance(data, dict):
            return data
        notes = data.get("notes", ())
        if not isinstance(notes, (list, tuple)) or not all(isinstance(note, str) for note in notes):
            return data  # which the fields tell of
        quick = [note.removeprefix("quick: ") for note in notes if note.startswith("quick: ")]
        kept = {key: value for key, value in data.items() if key != "stochastic"}
        if quick:
            kept |= {"notes": [note for note in notes if not note.startswith("quick: ")], "effort": quick[0]}
        return kept


class Craft(Block):
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


class Cell(Block):
    """One question: these candidates, within this threat, judged on this target by this criterion."""

    kind: Literal["attack", "certificate"] = "attack"
    """Which sort of question: whether these candidates fool the target, or whether any can as well. A sort of its own
    is a cell of its own (see docs/records.md)."""
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
            | ({} if self.kind == "attack" else {"kind": self.kind})
        )

    @property
    def white_box(self) -> bool:
        """Whether the candidates were crafted on the target itself."""
        return self.craft.source is not None and self.craft.source.fingerprint == self.target.fingerprint

    def __str__(self) -> str:
        """Such as `knn, fgsm from maxout, linf eps 0.25`."""
        attack, source, threat = self.craft.attack.name, self.craft.source, self.threat
        parts = [self.target.name, f"{attack} from {source.name}" if source and not self.white_box else attack]
        if threat.norm is not None:
            size = "nearest" if threat.eps is None else f"eps {threat.eps:g}"
            parts.append(f"{threat.norm} {size}{'' if threat.clip else ' unclipped'}")
        return ", ".join(parts)
