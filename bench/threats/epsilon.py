"""Perturbation sizes: one type, wherever one is read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator


def parse_epsilon(value: Any) -> float:
    """A perturbation size: a positive number, or text such as `8/255` and `1e-3`, which plain YAML leaves as text.

    Raises:
        ValueError: it is no positive finite number.
    """
    remedy = "give a positive number such as 0.1, 8/255 or 1e-3"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"eps {value!r} is no number; {remedy}")
    try:
        if isinstance(value, str) and "/" in value:
            above, below = value.split("/")
            number = float(above) / float(below)
        else:
            number = float(value)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(f"eps {value!r} is no number; {remedy}") from None
    if not 0 < number < float("inf"):
        raise ValueError(f"eps {value} is not positive and finite; {remedy}")
    return number


Epsilon = Annotated[float, BeforeValidator(parse_epsilon)]
