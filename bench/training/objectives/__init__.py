"""What networks are trained on, by name. An objective is a class in one of these files and a line in the registry."""

from __future__ import annotations

from pydantic import ValidationError

from bench import registry
from bench.errors import refused
from bench.training.objectives.base import Objective
from bench.training.spec import ObjectiveSpec


def make_objective(spec: ObjectiveSpec) -> Objective:
    """The objective that a recipe describes. Raises UsageError for an unknown one, and parameters it does not take."""
    kind: type[Objective] = registry.get("training objective", spec.kind)
    try:
        return kind(**spec.parameters)
    except ValidationError as error:
        raise refused(f"training objective {spec.kind}", kind.model_fields, error) from None
