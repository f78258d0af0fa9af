"""The published numbers, with their conditions and how ours are measured: the schema and loader of `numbers.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.errors import UsageError
from bench.paper.claims import Claim, parse
from bench.planning.entry import listed
from bench.strict_yaml import Path as Where
from bench.strict_yaml import read_yaml, text_of
from bench.threats import Epsilon, Norm

PUBLISHED = Path(__file__).with_name("numbers.yaml")

Which = Literal[
    "error",
    "confidence_on_mistakes",
    "confidence",
    "agreement",
    "agreement_when_both_err",
    "chance_when_both_err",
    "class_share",
    "class_success",
    "mean_class_success",
]
"""Which number of a row.

`agreement` is over the mistakes of the other model, or of both; `chance_when_both_err` is that of models that make as
many mistakes of each kind independently of each other. `class_share` is the share of the successes that fell to a
class, `class_success` the success among the inputs that were to become a class; its mean is over the classes.
"""

SEEDS = r"(-seed-[0-9]+)?"
"""What may follow a model's name in that of another training run of it, as a regular expression."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(_Part):
    """Where one of our numbers stands: a row of a board, and which number of it."""

    number: Which
    dataset: str = "mnist"
    split: str = "test"
    model: str
    """The target. Its training runs with other seeds, `NAME-seed-N`, are counted with it."""
    attack: str = "clean"
    parameters: dict[str, Any] = {}
    source: str | None = None
    """The model crafted on; None for the target itself, and for attacks that are crafted on none."""
    norm: Norm | None = None
    eps: Epsilon | None = None
    clip: bool = True
    criterion: dict[str, Any] | None = None
    """What counts as success, as in a suite; None for the attack's own."""
    n: Annotated[int, Field(ge=1)] | None = None
    """As in a suite: a sample of so many examples, or how many to generate."""
    of: str | None = None
    """The model that the target is to agree with; None for the source."""
    label: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Measure:
        if (self.number in ("class_share", "class_success")) != (self.label is not None):
            raise ValueError(f"label goes with class_share and class_success, not with {self.number}")
        if self.compares and self.source is None:
            raise ValueError(f"{self.number} needs a source")
        if self.of is not None and not self.number.endswith("when_both_err"):
            raise ValueError(f"of goes with numbers over the mistakes of both, not with {self.number}")
        return self

    @property
    def compares(self) -> bool:
        """Whether the number is of two models' labels."""
        return self.number == "agreement" or self.number.endswith("when_both_err")


class Choices(_Part):
    """What the publication leaves open, and what we took."""

    clipping: str = ""
    confidence: str = ""
    epochs: str = ""
    other: str = ""


Values = Annotated[tuple[float, ...], BeforeValidator(listed), Field(min_length=1)]
"""One published value, or those of several training runs."""


class Number(_Part):
    """One published result: a number, several that belong together, a figure, or a statement."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
    where: str
    """Section, figure or slide."""
    what: str
    """What was measured or stated, in words."""
    conditions: dict[str, Any] = {}
    """Of the publication, and of every measurement that does not say otherwise."""
    published: dict[str, Values] = {}
    tolerance: dict[str, float] = {}
    """How far ours may be from each published number to match it, and `because` of what."""
    because: str = ""
    claim: str = ""
    """The comparison that must hold for the verdict `direction`."""
    open: Choices = Choices()
    measure: dict[str, Measure] = {}
    beside: dict[str, Measure] = {}
    """Numbers that are shown with ours and decide nothing."""
    figure: bool = False
    """Whether a figure is all there is to show."""
    lacks: str = ""
    """Why nothing can be measured yet."""
    tried: str = ""
    """What was tried to come closer."""

    @model_validator(mode="before")
    @classmethod
    def _under_the_conditions(cls, data: Any) -> Any:
        """Measurements inherit the conditions; a bare word is which number."""
        if not isinstance(data, dict):
            return data
        base, given = data.get("conditions") or {}, {key: data.get(key) for key in ("measure", "beside")}
        return data | {
            key: {name: _inherited(base, own) for name, own in measures.items()}
            for key, measures in given.items()
            if isinstance(measures, dict)
        }

    @field_validator("claim")
    @classmethod
    def _is_a_claim(cls, text: str) -> str:
        if text:
            parse(text)
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> Number:
        if sum((bool(self.measure), self.figure, bool(self.lacks))) != 1:
            raise ValueError(f"{self.id}: exactly one of measure, figure and lacks")
        if self.tolerance.keys() != self.published.keys() or bool(self.published) != bool(self.because):
            raise ValueError(f"{self.id}: every published number needs its tolerance, and they need because")
        if self.measure and not self.claim:
            raise ValueError(f"{self.id}: what is measured needs a claim")
        if self.measure and not self.published.keys() <= self.measure.keys():
            raise ValueError(f"{self.id}: a published number is not measured")
        if self.measure and not self.stated.names <= self.measure.keys():
            raise ValueError(f"{self.id}: the claim speaks of a number that is not measured")
        return self

    @property
    def stated(self) -> Claim:
        """The claim, parsed."""
        return parse(self.claim)


def _inherited(base: dict[str, Any], own: Any) -> Any:
    if isinstance(own, str):
        own = {"number": own}
    return base | own if isinstance(own, dict) else own


class Group(_Part):
    """Numbers that belong to one section."""

    title: str
    source: Literal["paper", "slides"]
    numbers: Annotated[tuple[Number, ...], Field(min_length=1)]


class Numbers(_Part):
    """A file of published numbers."""

    title: str
    sources: dict[Literal["paper", "slides"], str]
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _told_apart(self) -> Numbers:
        ids = [number.id for number in self.all]
        for id in sorted(set(ids)):
            if ids.count(id) > 1:
                raise ValueError(f"id {id} stands here twice")
        return self

    @property
    def all(self) -> list[Number]:
        """The numbers of all groups."""
        return [number for group in self.groups for number in group.numbers]

    @property
    def measures(self) -> list[Measure]:
        """All measurements of all numbers."""
        return [found for number in self.all for found in (*number.measure.values(), *number.beside.values())]


def load_numbers(path: Path = PUBLISHED) -> Numbers:
    """The numbers in a file. Raises UsageError where it cannot be read, or for what is wrong in it, with its line."""
    data, lines = read_yaml(text_of(path, str(path)), path.name)
    try:
        return Numbers.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        at: Where = first["loc"]
        while at and at not in lines:
            at = at[:-1]
        key = f"{first['loc'][-1]}: " if first["loc"] else ""
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{path.name}, line {lines.get(at, 1)}: {key}{message}") from None
