"""What an adapter of one's own has from the project's counts where its code loads it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

MINE = """
import torch
from adapters.base import Adapter, Outputs

class Mine(Adapter):
    family = "mine"

    def __init__(self, name, value):
        super().__init__(input_shape=(12,), classes=None)
        self.weight = torch.arange(36.0).reshape(12, 3)
        setattr(self, name, value)

    def _logits(self, x):
        return EXPRESSION @ self.weight

    def _outputs(self, x):
        logits = self._logits(x)
        return Outputs(logits.argmax(1), logits, logits.softmax(1))

    def _state(self):
        return ()
"""
x = torch.linspace(0, 1, 24).reshape(2, 12)

CASES: dict[str, tuple[str, Any, Any]] = {
    "bounds": ("x.clamp(*self.bounds)", (0.0, 0.25), (0.0, 0.5)),
    "device": ("(x + self.device)", 0.25, 0.5),
    "notes": ("(x + self.notes[0])", [0.25], [0.5]),
    "_nonce": ("(x + self._nonce)", 0.25, 0.5),
    "classes": ("(x + self.classes[0])", (0.25, 1, 2), (0.5, 1, 2)),
}


def mine(name: str, value: Any, expression: str) -> Any:
    space: dict[str, Any] = {"__name__": "notebook"}
    exec(MINE.replace("EXPRESSION", expression), space)
    return space["Mine"](name, value)


@pytest.mark.parametrize("name", CASES)
def test_what_the_code_of_an_own_adapter_loads_counts(name: str) -> None:
    expression, one, two = CASES[name]
    first, same, other = (mine(name, value, expression) for value in (one, one, two))
    assert not torch.equal(first.logits(x), other.logits(x))
    assert first.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize("name", ["bounds", "notes", "_nonce"])
def test_what_it_does_not_load_counts_for_nothing(name: str) -> None:
    _, one, two = CASES[name]
    assert mine(name, one, "x").fingerprint == mine(name, two, "x").fingerprint


def test_the_flag_that_comes_of_looking_is_no_part_of_what_is_looked_at() -> None:
    """Nor is where the adapter runs."""
    adapter = mine("file", None, "(x + len(self.notes) + len(open('net.txt').read()) + 0 * len(str(self.device)))")
    before = adapter.fingerprint
    assert adapter.notes == ["no-version"]
    assert adapter.fingerprint == adapter.to("cpu").fingerprint == before
