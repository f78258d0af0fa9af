"""Structures as tensors and plain values, to come from the process that a model is in."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from adapters.errors import InvalidOutput
from adapters.structures import KINDS
from adapters.structures.base import Structure

DEEPEST = 8
"""How deep dataclasses and tuples may lie within each other."""
MOST = 100_000
"""Values in one tuple, at most."""


def packed(structure: Structure) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors by name, and the rest, which says where they belong."""
    tensors: dict[str, Tensor] = {}
    return tensors, {"kind": structure.kind, "fields": _told(structure, tensors)}


def unpacked(tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> Structure:
    """The structure that was packed.

    Raises:
        InvalidOutput: it is none; it comes from a stranger's process.
    """
    kind = KINDS.get(str(plain.get("kind")))
    if kind is None:
        told = " ".join(str(plain.get("kind")).split())[:40]
        raise InvalidOutput(f"the model's process tells of a structure of no kind that there is: {told!r}")
    try:
        found = _made(kind, plain.get("fields"), tensors, 0)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        why = " ".join(str(error).split())[:200]
        raise InvalidOutput(f"the model's process tells of a {kind.kind} that makes no sense: {why}") from None
    assert isinstance(found, Structure)
    return found


def _told(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = value.detach().cpu().contiguous()
        return {"tensor": name}
    if dataclasses.is_dataclass(value):
        told = {field.name: _told(getattr(value, field.name), tensors) for field in dataclasses.fields(value)}
        return {"of": type(value).__name__, "fields": told}
    if isinstance(value, tuple):
        return [_told(each, tensors) for each in value]
    return value


def _made(wanted: Any, told: Any, tensors: Mapping[str, Tensor], depth: int) -> Any:
    """A value of the wanted type. What is told is from a stranger: only what the type asks for is ever made."""
    if depth > DEEPEST:
        raise ValueError("too deep")
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is tuple:
        if not isinstance(told, list) or len(told) > MOST:
            raise ValueError(f"a tuple of at most {MOST} is due")
        return tuple(_made(inner[0], each, tensors, depth + 1) for each in told)
    if inner:  # a union: of None and something, or of dataclasses by their names
        if told is None and type(None) in inner:
            return None
        named = {str(getattr(kind, "__name__", "")): kind for kind in inner if dataclasses.is_dataclass(kind)}
        if isinstance(told, dict) and "of" in told:
            return _made(named[str(told["of"])], told, tensors, depth)
        (wanted,) = (kind for kind in inner if kind is not type(None))
        return _made(wanted, told, tensors, depth)
    if wanted is Tensor:
        value = tensors[str(told["tensor"])]
        if not value.numel() and max(value.shape, default=0) > MOST:
            raise ValueError(f"a tensor is of shape {tuple(value.shape)}")
        if value.is_floating_point() and bool(value.isnan().any()):
            raise ValueError("a number is NaN")
        return value
    if dataclasses.is_dataclass(wanted):
        fields = told["fields"] if isinstance(told, dict) else None
        hints = typing.get_type_hints(wanted)
        names = [field.name for field in dataclasses.fields(wanted)]
        if not isinstance(fields, dict) or set(fields) != set(names):
            raise ValueError(f"{wanted} has {', '.join(names)}")
        return wanted(**{name: _made(hints[name], fields[name], tensors, depth + 1) for name in names})  # type: ignore[operator]
    if isinstance(told, float) and told != told:
        raise ValueError("a number is NaN")
    if wanted is torch.dtype or type(told) is not wanted:
        raise ValueError(f"{str(told)[:40]!r} is no {getattr(wanted, '__name__', wanted)}")
    return told
