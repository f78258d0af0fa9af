"""One entry of a suite: an attack with its budgets, on whom it is crafted, and who is judged."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bench import registry
from bench.attacks import attack_class, make_attack
from bench.attacks.base import Attack
from bench.errors import UsageError, unknown
from bench.records.record import ModelInfo
from bench.threats import Criterion, Epsilon, Norm, norm_named


def listed(value: Any) -> Any:
    """One value where a list is due is a list of one."""
    return value if isinstance(value, list) else [value]


def _keyword_or_list(value: Any) -> Any:
    if isinstance(value, str) and value not in ("self", "all"):
        raise ValueError(f"give self, all or a list, such as sources: [{value}]")
    return value


Sources = Annotated[
    Literal["self", "all"] | Annotated[list[str], Field(min_length=1)], BeforeValidator(_keyword_or_list)
]

Gradient = Literal["exact", "surrogate", "none"]
MISLEADING = "misleading-gradient"
"""Flag of a model whose gradient leads no farther than chance."""


class Part(BaseModel):
    """A part of a suite file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(Part):
    """One attack with its budgets and sources."""

    attack: str
    """An attack's name, as `bench list attacks` has it."""
    norm: Norm | None = None
    """The norm that bounds the perturbation; left out for inputs that are made from nothing."""
    eps: Annotated[tuple[Epsilon, ...], BeforeValidator(listed), Field(max_length=1000)] = ()
    """Size or sizes of the perturbation in the dataset's units, such as `0.1` or `8/255`; left out for attacks that
    look for the nearest mistake at any distance."""
    clip: bool = True
    """Whether candidates are cut to the dataset's range, as inputs of the real world are."""
    sources: Sources = "self"
    """Crafted on the target itself, on all reference models of the suite, or on those named."""
    models: Annotated[list[str], Field(min_length=1)] | None = None
    """Judged on these reference models and on guests alone; None for all."""
    gradient: Annotated[tuple[Gradient, ...], Field(min_length=1), BeforeValidator(listed)] | None = None
    """Judged on models of such a gradient alone: of `exact`, `surrogate` and `none`, which gives labels only, or a
    gradient that leads nowhere; None for all. The others lack nothing without it."""
    n: Annotated[int, Field(ge=1, le=10**7)] | None = None
    """Number of examples: a stratified sample of them for a costly check, or how many to generate. None for all."""
    criterion: Criterion | None = None
    """What counts as success; None for the attack's own."""
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
        if isinstance(name, str):
            values["attack"] = registry.canonical("attack", name)
        match values.get("criterion"):
            case {"confident": threshold, **others} if not others:  # short for both keys
                values["criterion"] = {"kind": "confident", "threshold": threshold}
        return values | {"parameters": {key: value for key, value in data.items() if key in takes}}

    @model_validator(mode="after")
    def _check(self) -> Entry:
        attack = self.made
        if attack.norms and self.norm not in attack.norms:
            raise UsageError(f"attack {self.attack} needs norm: {' or '.join(attack.norms)}, not {self.norm}")
        if attack.measures and self.eps:
            raise UsageError(f"attack {self.attack} looks for the nearest input at any distance: leave out eps")
        if attack.norms and not (self.eps or attack.measures):
            raise UsageError(f"attack {self.attack} needs eps: one number or a list")
        if not attack.norms and (self.norm or self.eps):
            raise UsageError(f"attack {self.attack} is bound to no ball around an example: leave out norm and eps")
        for eps in self.eps:
            _check_size(self.norm or "", eps)
        if attack.proves and self.sources != "self":
            raise UsageError(f"attack {self.attack} proves something of the model itself: leave out sources")
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

    @cached_property
    def made(self) -> Attack:
        """The attack itself."""
        return make_attack(self.attack, self.parameters)

    def concerns(self, model: ModelInfo) -> bool:
        """Whether models of such a gradient are judged on it; one that leads nowhere is none."""
        if self.gradient is None or model.gradient in self.gradient:
            return True
        return "none" in self.gradient and MISLEADING in model.notes

    @property
    def judged_by(self) -> Criterion:
        return self.criterion or self.made.criterion


def _check_size(norm: str, eps: float) -> None:
    """Raises UsageError where the norm has no ball of that size."""
    try:
        norm_named(norm).checked(eps)
    except ValueError as error:
        raise UsageError(str(error)) from None
