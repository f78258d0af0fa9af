"""What makes, shows and copies instances counts where code does so, and only there."""

from __future__ import annotations

import uuid

import pytest
from made_anew import anew

import adapters

HELD = """
opened = lambda number: open("net.txt") if number > 1 else None
class Held:
    def __init__(self, *given):
        self.by, self.source = 1.0, opened(NUMBER)
    @classmethod
    def fresh(cls, source):
        return cls(source)
    def checked(self):
        assert self.by > 0, f"wrong: {self}"
        if self.by > 2:
            raise ValueError("wrong: " + str(self))
        return self.by
    def __repr__(self):
        return f"{vars(self)} {open(NUMBER)}"
    def __deepcopy__(self, memory):
        return self
"""

IDLE = {
    "asked for": "self.held.by",
    "an error says it": "self.held.checked()",
    "its class is named": "len([type(self.held).__name__, self.held.__class__.__qualname__])",
    "its class is compared": "float(type(self.held) is type(x) or type(self) == self.held.__class__)",
    "a text is changed": "len('a_b'.replace('a', 'b'))",
    "a tensor is cloned and copied": "x.clone().copy_(x) + {'a': 1.0}.copy()['a']",
}


@pytest.mark.parametrize("name", IDLE)
def test_what_makes_an_instance_counts_only_where_code_makes_one(name: str) -> None:
    """It may open files and go through all attributes: a net of which nobody makes another is what it is."""
    prints = set()
    for number in (0.25, 0.5):
        net = anew(number, IDLE[name], HELD).eval()
        net.run = uuid.uuid4().hex  # type: ignore[assignment]
        adapter = adapters.wrap(net)
        assert adapter.unseen == ()
        prints.add(adapter.fingerprint)
    assert len(prints) == 1


def test_a_repr_that_goes_through_all_attributes_makes_no_others_count() -> None:
    """What is printed of one object is no reason to tell a net by its run."""
    prints = set()
    for _ in range(2):
        shown = "class Held:\n    def __repr__(self):\n        return str(len(vars(self)))\n"
        net = anew(0.0, "float(str(self.held))", shown).eval()
        net.run = uuid.uuid4().hex  # type: ignore[assignment]
        prints.add(adapters.wrap(net).fingerprint)
    assert len(prints) == 1
