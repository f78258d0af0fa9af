"""The attacks, by name. A new one is one file here and one line in this table."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from bench.attacks.base import Attack
from bench.errors import refused, unknown

TABLE = {
    "clean": "bench.attacks.clean:Clean",
    "fgsm": "bench.attacks.fgsm:FGSM",
    "iterated-fgsm": "bench.attacks.iterated_fgsm:IteratedFGSM",
    "rotation": "bench.attacks.rotation:Rotation",
    "gradient-aligned-subspace": "bench.attacks.subspace:GradientAlignedSubspace",
    "uniform-noise": "bench.attacks.noise:UniformNoise",
    "sign-noise": "bench.attacks.noise:SignNoise",
    "gaussian-rubbish": "bench.attacks.rubbish:GaussianRubbish",
    "fooling": "bench.attacks.fooling:Fooling",
}


def attack_class(name: str) -> type[Attack]:
    """The attack of that name.

    Raises:
        UsageError: there is none; the message gives the nearest names.
    """
    if name not in TABLE:
        raise unknown("attack", name, TABLE)
    module, _, attribute = TABLE[name].partition(":")
    return cast("type[Attack]", getattr(importlib.import_module(module), attribute))


def make_attack(name: str, parameters: Mapping[str, Any]) -> Attack:
    """The attack of that name with these parameters, the others at their defaults.

    Raises:
        UsageError: unknown attack or parameter, or a value that it does not take.
    """
    from pydantic import ValidationError

    kind = attack_class(name)
    try:
        return kind(**parameters)
    except ValidationError as error:
        raise refused(f"attack {name}", kind.model_fields, error) from None
