"""What is remembered of a library's class: it is asked about again as soon as anything in it is another."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import pytest

from adapters.identity.untouched import is_untouched


def made() -> Any:
    def plain(self: Any, by: int = 1) -> int:
        return by

    def named(self: Any, *, by: int = 1) -> int:
        return by

    def alone(by: int = 2) -> int:
        return by

    @functools.wraps(plain)
    def wrapping(self: Any) -> int:
        return plain(self)

    values = {
        "plain": plain,
        "named": named,
        "alone": staticmethod(alone),
        "wrapping": wrapping,
        "number": 3,
        "part": types.ModuleType("part"),
    }
    return type("Held", (), values)


def never(owner: Any, name: str, value: Any) -> bool:
    return False


def other(self: Any, by: int = 1) -> int:
    return 2 * by


class Called(types.ModuleType):
    def __call__(self) -> None: ...


CHANGES: dict[str, Callable[[Any], object]] = {
    "another function": lambda held: setattr(held, "plain", other),
    "another number": lambda held: setattr(held, "number", 4),
    "one name more": lambda held: setattr(held, "more", 1),
    "one name fewer": lambda held: delattr(held, "number"),
    "a name in the place of another": lambda held: (delattr(held, "number"), setattr(held, "digit", 3)),
    "other code": lambda held: setattr(held.plain, "__code__", other.__code__),
    "other defaults": lambda held: setattr(held.plain, "__defaults__", (7,)),
    "other defaults by keyword": lambda held: setattr(held.plain, "__kwdefaults__", {"by": 7}),
    "other defaults of a static method": lambda held: setattr(held.alone, "__defaults__", (7,)),
    "an attribute of a function": lambda held: setattr(held.plain, "__wrapped__", other),
    "a default within those by keyword": lambda held: held.named.__kwdefaults__.update(by=7),
    "the class of a module": lambda held: setattr(held.part, "__class__", Called),
    "the function that one wraps": lambda held: setattr(held.wrapping, "__wrapped__", other),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_asked_about(name: str) -> None:
    held = made()
    assert is_untouched(held, never)
    assert is_untouched(held, never)
    CHANGES[name](held)
    changed = {"named", "wrapping"} if "within" in name or "wraps" in name else set(vars(held))
    assert not is_untouched(held, lambda owner, name, value: name in changed)


def test_what_cannot_change_is_asked_about_once() -> None:
    asked: list[str] = []

    def asking(owner: Any, name: str, value: Any) -> bool:
        asked.append(name)
        return False

    held = made()
    assert is_untouched(held, asking)
    assert {"plain", "alone", "number"} <= set(asked)
    asked.clear()
    assert is_untouched(held, asking)
    assert not {"plain", "alone", "number"} & set(asked)


def test_what_was_put_there_is_not_remembered_as_untouched() -> None:
    held = made()
    assert not is_untouched(held, lambda owner, name, value: name == "plain")
    assert not is_untouched(held, lambda owner, name, value: name == "plain")
    assert is_untouched(held, never)
