"""JSON without its traps: no key twice, no NaN, no number beyond a float, no half of a character, a bounded depth."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

DEPTH = 32
"""Of blocks within blocks; a record has eight."""


def read_json(content: bytes) -> dict[str, Any]:
    """The object that a file's bytes are.

    Raises:
        ValueError: they are no JSON object (`json.JSONDecodeError` or UnicodeDecodeError where they are no JSON), or
            one with any of the traps above.
    """
    try:
        plain = json.loads(
            content.decode(), object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite_float
        )
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    if not isinstance(plain, dict):
        raise ValueError("torn or no JSON object")
    _check(plain, DEPTH)
    return plain


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands in it twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} stands in it for a number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} in it is no number that there is")
    return value


def _check(value: Any, depth: int) -> None:
    """Raises ValueError for what is nested too deeply, and for text that cannot be printed."""
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("half of a character stands in its text") from None
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise ValueError("its JSON is nested too deeply")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth - 1)
        if isinstance(value, dict):
            for name in value:
                _check(name, depth)
