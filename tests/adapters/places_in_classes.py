"""Places in classes that were typed in, and in modules that they import."""

from __future__ import annotations

import functools
import sys
import types

from places import PLACES, executed
from torch import nn

TYPED: dict[str, dict[str, str]] = {
    "constant of forward": {"expression": "NUMBER"},
    "global": {"expression": "SHIFT", "before": "SHIFT = NUMBER"},
    "global tensor": {"expression": "SHIFT", "before": "SHIFT = torch.tensor(NUMBER)"},
    "global object": {
        "expression": "config.shift",
        "before": "class Config: pass\nconfig = Config(); config.shift = NUMBER",
    },
    "global dictionary": {"expression": "CONFIG['shift']", "before": "CONFIG = {'shift': NUMBER}"},
    "global of a function called": {
        "expression": "shift()",
        "before": "SHIFT = NUMBER\ndef shift():\n    return SHIFT",
    },
    "function called": {"expression": "shift()", "before": "def shift():\n    return NUMBER"},
    "function under another name": {
        "expression": "other()",
        "before": "def shift():\n    return NUMBER\nother = shift",
    },
    "function in a conditional": {
        "expression": "shift()",
        "before": (
            "def shift():\n    def one():\n        return NUMBER\n    def two():\n        return 0\n"
            "    return one() if True else two()"
        ),
    },
    "comprehension": {"expression": "sum([NUMBER for _ in range(1)])"},
    "global in a comprehension": {"expression": "sum(SHIFT for _ in range(1))", "before": "SHIFT = NUMBER"},
    "default of a lambda": {"expression": "shift()", "before": "shift = lambda by=NUMBER: by"},
    "class attribute": {"expression": "self.shift", "of_class": "shift = NUMBER"},
    "parameter of the class": {"expression": "self.shift", "of_class": "shift = nn.Parameter(torch.tensor(NUMBER))"},
    "inherited attribute": {"expression": "self.shift", "inherited": "shift = NUMBER"},
    "inherited method": {"expression": "self.shift()", "inherited": "def shift(self):\n    return NUMBER"},
    "static method": {"expression": "self.shift()", "of_class": "@staticmethod\ndef shift():\n    return NUMBER"},
    "class method": {
        "expression": "self.shift()",
        "of_class": "by = NUMBER\n@classmethod\ndef shift(cls):\n    return cls.by",
    },
    "property": {"expression": "self.shift", "of_class": "@property\ndef shift(self):\n    return NUMBER"},
    "property computed once": {
        "expression": "self.shift",
        "of_class": "@functools.cached_property\ndef shift(self):\n    return NUMBER",
    },
    "descriptor": {
        "expression": "self.shift",
        "of_class": "shift = Shift(NUMBER)",
        "before": (
            "class Shift:\n    def __init__(self, by):\n        self.by = by\n"
            "    def __get__(self, net, kind):\n        return self.by"
        ),
    },
    "mixin": {"expression": "self.shift", "before": "class Mixin:\n    shift = NUMBER", "bases": ", Mixin"},
    "call overridden": {
        "expression": "0",
        "of_class": "def __call__(self, x):\n    return super().__call__(x + NUMBER)",
    },
    "attribute by __getattr__": {
        "expression": "self.shift",
        "of_class": "def __getattr__(self, name):\n    return NUMBER if name == 'shift' else super().__getattr__(name)",
    },
    "attribute by its name": {"expression": "getattr(self, 'sh' + 'ift')", "of_class": "shift = NUMBER"},
    "metaclass": {
        "expression": "type(self).shift",
        "of_class": "pass",
        "bases": ", metaclass=Meta",
        "before": "class Meta(type):\n    @property\n    def shift(cls):\n        return NUMBER",
    },
    "member of an enumeration": {"expression": "Shift.BY.value", "before": "class Shift(enum.Enum):\n    BY = NUMBER"},
    "method of an enumeration": {
        "expression": "Shift.BY.by()",
        "before": "class Shift(enum.Enum):\n    BY = 1\n    def by(self):\n        return NUMBER",
    },
    "class made in forward": {
        "expression": "Shift().by",
        "before": "class Shift:\n    def __init__(self):\n        self.by = NUMBER",
    },
    "dataclass made in forward": {
        "expression": "Shift().by",
        "before": (
            "import dataclasses\n@dataclasses.dataclass\nclass Shift:\n"
            "    by: float = dataclasses.field(default_factory=lambda: NUMBER)"
        ),
    },
    "metadata of a field": {
        "expression": "dataclasses.fields(Shift)[0].metadata['by']",
        "before": (
            "import dataclasses\n@dataclasses.dataclass\nclass Shift:\n"
            "    by: float = dataclasses.field(default=0, metadata={'by': NUMBER})"
        ),
    },
    "function of autograd": {
        "expression": "0 * x + Add.apply(x)",
        "before": "class Add(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        return torch.full_like(x, NUMBER)\n"
        "    @staticmethod\n    def backward(ctx, g):\n        return g",
    },
    "matched class": {
        "expression": "shift(self)",
        "of_class": "by = NUMBER",
        "before": "def shift(net):\n    match net:\n        case nn.Module(by=by):\n            return by",
    },
    "raised and caught": {
        "expression": "shift()",
        "before": (
            "def shift():\n    try:\n        raise KeyError(NUMBER)\n    except KeyError as error:\n"
            "        return error.args[0]"
        ),
    },
    "decorated forward": {
        "expression": "0",
        "before": "def adding(by):\n    def decorate(f):\n        @functools.wraps(f)\n        def g(self, x):\n"
        "            return f(self, x + by)\n"
        "        return g\n    return decorate",
        "of_class": "@adding(NUMBER)\ndef __call__(self, x):\n    return super().__call__(x)",
    },
}
for name, parts in TYPED.items():
    PLACES[name] = functools.partial(lambda parts, number: executed(number, **parts), parts)


def imported(number: float, statement: str, expression: str, within: str = "") -> nn.Module:
    """A module beside the file, and a class that imports it."""
    module = types.ModuleType("prep_of_places")
    exec(f"SHIFT = {number!r}\ndef inner():\n    return SHIFT\ndef shift():\n    return inner()", vars(module))
    outer = types.ModuleType("packed_places")
    outer.prep = module  # type: ignore[attr-defined]
    sys.modules["prep_of_places"], sys.modules["packed_places"] = module, outer
    before = f"{statement}\ndef take():\n    {within or 'pass'}\n    return {expression}"
    return executed(0.0, "take()", before)


IMPORTS = {
    "imported module": ("import prep_of_places", "prep_of_places.shift()"),
    "imported module under another name": ("import prep_of_places as p", "p.inner()"),
    "imported name": ("from prep_of_places import shift", "shift()"),
    "imported name under another name": ("from prep_of_places import shift as s", "s()"),
    "everything imported": ("from prep_of_places import *", "shift()"),
    "value of a module": ("import prep_of_places", "prep_of_places.SHIFT"),
    "module of a module": ("import packed_places", "packed_places.prep.shift()"),
    "module by a computed name": ("import prep_of_places", "getattr(prep_of_places, 'sh' + 'ift')()"),
    "module handed on": ("import prep_of_places\ndef use(m):\n    return m.shift()", "use(prep_of_places)"),
}
for name, (statement, expression) in IMPORTS.items():
    PLACES[name] = functools.partial(imported, statement=statement, expression=expression)
PLACES["import within a function"] = functools.partial(
    imported, statement="", expression="prep_of_places.shift()", within="import prep_of_places"
)
PLACES["name imported within a function"] = functools.partial(
    imported, statement="", expression="s()", within="from prep_of_places import shift as s"
)
