"""The attacks, by name. A new one is one file here and one line in `bench.registry`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bench import registry
from bench.attacks.base import Attack
from bench.errors import UsageError, refused


def attack_class(name: str) -> type[Attack]:
    """The attack of that name or alias. Raises UsageError, with the nearest names, where there is none."""
    kind = registry.get("attack", name)
    if not (isinstance(kind, type) and issubclass(kind, Attack) and kind.name == registry.canonical("attack", name)):
        raise UsageError(f"{kind!r} is no Attack whose name is {name!r}")
    return kind


def make_attack(name: str, parameters: Mapping[str, Any]) -> Attack:
    """The attack of that name with these parameters, the others at their defaults.

    Raises UsageError for an unknown attack or parameter, and for a value that it does not take.
    """
    kind = attack_class(name)
    try:
        return kind(**parameters)
    except ValidationError as error:
        raise refused(f"attack {name}", kind.model_fields, error) from None
