"""Places in what makes, shows and copies an instance, for code that does so to one that is there."""

from __future__ import annotations

import functools
import sys

from places import PLACES, executed
from torch import nn

HELD = "class Held:\n    def __init__(self, *given):\n        self.by = NUMBER\n"
_NET = (
    "class Held(nn.Module):\n    def __init__(self, *given):\n        super().__init__()\n        self.by = NUMBER\n"
    "    def forward(self, x):\n        return x + self.by\n"
)
_DATA = (
    "import dataclasses\n@dataclasses.dataclass\nclass Held:\n    a: float = 0.0\n"
    "    def __post_init__(self):\n        self.by = NUMBER\n"
)
_META = "class Meta(type):\n    def fresh(cls):\n        return cls()\n"
_SHIFT = (
    "class Shift:\n    def __get__(self, held, kind):\n        return kind().by if held.by == 1.0 else 0.0\n" + HELD
)
_SHOWN = "class Held:\n    def {}(self, *given):\n        return 'NUMBER'\n"
_COPIED = (
    "import copy\nfrom copy import copy as other\nclass Held:\n    by = 0.0\n"
    "    def __copy__(self):\n        made = Held()\n        made.by = NUMBER\n        return made\n"
)

CASES = {
    "made by a class method": (
        "self.held.fresh().by",
        HELD + "    @classmethod\n    def fresh(cls):\n        return cls()\n",
    ),
    "made by a class method of a net": (
        "self.held.fresh()(x) - x",
        _NET + "    @classmethod\n    def fresh(cls):\n        return cls()\n",
    ),
    "made by a class method by way of another": (
        "self.held.fresh().by",
        HELD + "    @classmethod\n    def fresh(cls):\n        return list(map(lambda each: cls(each), [0]))[0]\n",
    ),
    "made by type()": ("type(self.held)(0).by", HELD),
    "made by type() by way of a name": (
        "made(self.held).by",
        HELD + "def made(held):\n    kind = type(held)\n    return kind()",
    ),
    "made by type(), handed on": ("list(map(type, [self.held]))[0]().by", HELD),
    "made by __class__": ("self.held.__class__().by", HELD),
    "made by __class__ of a cell": (
        "self.held.fresh().by",
        HELD + "    def fresh(self):\n        return __class__()\n",
    ),
    "net made by type()": ("type(self.held)(0)(x) - x", _NET),
    "made by replace": ("dataclasses.replace(self.held).by", _DATA),
    "made by replace, imported": ("replace(self.held).by", _DATA + "from dataclasses import replace"),
    "made by a metaclass": ("type(self.held).fresh().by", _META + HELD.replace("Held", "Held(metaclass=Meta)")),
    "made by a descriptor": ("self.held.shift", _SHIFT + "    shift = Shift()\n"),
    "made among the classes of a base": ("type(self.held).__mro__[0]().by", HELD),
    "made once more": ("(self.held.__init__(), self.held.by)[1]", HELD),
    "shown by str": ("float(str(self.held))", _SHOWN.format("__str__")),
    "shown by repr": ("float(repr(self.held))", _SHOWN.format("__repr__")),
    "shown by an f-string": ("float(f'{self.held}')", _SHOWN.format("__format__")),
    "shown by format": ("float('{}'.format(self.held))", _SHOWN.format("__format__")),
    "shown by %": ("float('%s' % self.held)", _SHOWN.format("__str__")),
    "shown by str, handed on": ("sum(map(float, map(str, [self.held])))", _SHOWN.format("__repr__")),
    "net shown by itself": (
        "self.held()",
        "class Held(nn.Module):\n    def extra_repr(self):\n        return 'NUMBER'\n"
        "    def forward(self):\n        return float(f'{self}'[5:-1])\n",
    ),
    "shown by str, held": ("float(self.take(self.held))", _SHOWN.format("__repr__")),
    "copied": ("copy.copy(self.held).by", _COPIED),
    "copied by a function imported": ("other(self.held).by", _COPIED),
}


def anew(number: float, expression: str, before: str) -> nn.Module:
    """A net that holds an instance whose attributes are the same, whatever the number."""
    net = executed(number, expression, before + "\nkept = Held()\nkept.by = 1.0")
    net.take = str
    net.held = sys.modules["typed_in"].kept  # type: ignore[attr-defined]
    return net


for name, (expression, before) in CASES.items():
    PLACES[name] = functools.partial(anew, expression=expression, before=before)
