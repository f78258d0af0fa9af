"""The norms, by name."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from bench.threats.base import Geometry
from bench.threats.l0 import L0
from bench.threats.l1 import L1
from bench.threats.l2 import L2
from bench.threats.linf import LInf

NORMS: dict[str, Geometry] = {norm.name: norm for norm in (LInf(), L2(), L1(), L0())}


def norm_named(name: str) -> Geometry:
    """The norm of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in NORMS:
        raise ValueError(f"norm {name!r} is none of {', '.join(NORMS)}")
    return NORMS[name]


Norm = Annotated[str, AfterValidator(lambda name: norm_named(name).name)]
"""A norm's name, checked."""
