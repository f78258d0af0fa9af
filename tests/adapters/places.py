"""Places where a number can hide in a network: each makes, of a number, a network that adds it to its inputs."""

from __future__ import annotations

import array
import collections
import dataclasses
import functools
import operator
import re
import sys
import textwrap
import types
import weakref
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.utils import parametrize

Place = Callable[[float], nn.Module]
PLACES: dict[str, Place] = {}


def place(make: Place) -> Place:
    PLACES[make.__name__.replace("_", " ").strip()] = make
    return make


def body() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 3))


class Shifted(nn.Module):
    """Adds to its inputs what a function makes of something that it holds."""

    def __init__(self, held: Any, take: Callable[[Any], Any] = lambda held: held) -> None:
        super().__init__()
        self.body, self.held, self.take = body(), held, take

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x + self.take(self.held))


def held(name: str, hold: Callable[[float], Any], take: Callable[[Any], Any] = lambda held: held) -> None:
    PLACES[name] = lambda number: Shifted(hold(number), take)


# -- attributes, containers and objects -------------------------------------------------------------------------------


class Plain:
    def __init__(self, number: float) -> None:
        self.number = number


class Slotted:
    __slots__ = ("number",)

    def __init__(self, number: float) -> None:
        self.number = number


class Pair(NamedTuple):
    first: float
    second: float


@dataclasses.dataclass(frozen=True)
class Data:
    number: float
    other: str = "same"


class Listing(list):  # type: ignore[type-arg]
    number = 0.0


class Reticent(dict):  # type: ignore[type-arg]
    """Shows nothing of itself, in whatever way it is asked."""

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "nothing"

    def __getstate__(self) -> Any:
        return {}


class Late:
    """Computes once."""

    def __init__(self, number: float) -> None:
        self.source = [number]

    @functools.cached_property
    def number(self) -> float:
        return self.source[0]


class Dynamic:
    def __init__(self, number: float) -> None:
        self._values = {"number": number}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None


class Text(str):
    number: float


def text_of(number: float) -> Text:
    text = Text("same")
    text.number = number
    return text


def number_of(held: Any) -> Any:
    return held.number


def objects(*parts: Any) -> np.ndarray:
    found = np.empty(len(parts), dtype=object)
    found[:] = parts
    return found


def padded(number: float) -> np.ndarray:
    return np.array([(1, number)], dtype=np.dtype([("flag", "u1"), ("number", "f8")], align=True))


def linear(number: float) -> nn.Linear:
    part = nn.Linear(1, 1)
    nn.init.constant_(part.weight, 0.0)
    nn.init.constant_(part.bias, number)
    return part.requires_grad_(False)


def listing_of(number: float) -> Listing:
    found = Listing([1])
    found.number = number
    return found


held("attribute", lambda n: n)
held("tensor that is no buffer", lambda n: torch.tensor(n))
held("tensor in float16", lambda n: torch.tensor(n, dtype=torch.bfloat16), lambda t: t.float())
held("sparse tensor", lambda n: torch.tensor([[0.0, n]]).to_sparse(), lambda t: t.to_dense()[0, 1])
held("part of a tensor", lambda n: torch.tensor([n, 2.0])[:1])
held("conjugate", lambda n: torch.tensor([complex(1, n)]).conj(), lambda t: -torch.view_as_real(t.resolve_conj())[0, 1])
held("list in a dictionary in a tuple", lambda n: ({"a": [1, n]},), lambda h: h[0]["a"][1])
held("key of a dictionary", lambda n: {n: 1}, lambda h: next(iter(h)))
held("set", lambda n: {n, "a", "b"}, lambda h: next(x for x in h if not isinstance(x, str)))
held("default dictionary", lambda n: collections.defaultdict(functools.partial(float, n)), lambda h: h["a"])
held("deque", lambda n: collections.deque([n]), lambda h: h[0])
held("ordered dictionary", lambda n: collections.OrderedDict(a=n), lambda h: h["a"])
held("chain of dictionaries", lambda n: collections.ChainMap({"a": n}), lambda h: h["a"])
held("dictionary of the user's", lambda n: Reticent(a=n), lambda h: dict.__getitem__(h, "a"))
held("list of the user's", listing_of, number_of)
held("string of the user's", text_of, number_of)
held("object", Plain, number_of)
held("object with slots", Slotted, number_of)
held("named tuple", lambda n: Pair(1, n), lambda h: h.second)
held("dataclass", Data, number_of)
held("namespace", lambda n: SimpleNamespace(number=n), number_of)
held("computed once", Late, number_of)
held("attributes by __getattr__", Dynamic, number_of)
held("array", lambda n: np.array([n], dtype=np.float32), lambda h: torch.from_numpy(h.copy()))
held("array of objects", lambda n: objects({"a": n}, None), lambda h: h[0]["a"])
held("structured array", padded, lambda h: float(h["number"][0]))
held("masked array", lambda n: np.ma.masked_array([1.0], mask=[True], fill_value=n), lambda h: float(h.filled()[0]))
held("number of NumPy", np.float64)
held("array of Python", lambda n: array.array("d", [n]), lambda h: h[0])
held("fraction", lambda n: Fraction(n), float)
held("bytes", lambda n: memoryview(np.array([n]).tobytes()).tobytes(), lambda h: float(np.frombuffer(h)[0]))
held("sparse matrix", lambda n: sparse.csr_matrix([[0.0, n]]), lambda h: float(h.toarray()[0, 1]))
held("slice", lambda n: slice(n), lambda h: h.stop)
held("pattern", lambda n: re.compile(f"{n}|x"), lambda h: float(h.pattern[:-2]))
held("generator of torch", lambda n: torch.Generator().manual_seed(int(8 * n) + 99), lambda h: h.initial_seed() / 8)
held(
    "generator of NumPy",
    lambda n: np.random.default_rng(int(8 * n) + 99),
    lambda h: h.bit_generator.state["state"]["state"] % 997,
)
held("module in a list", lambda n: [linear(n)], lambda h: h[0](torch.zeros(1, 1)))
held(
    "module in a dictionary of lists",
    lambda n: {"a": [nn.Sequential(linear(n))]},
    lambda h: h["a"][0](torch.zeros(1, 1)),
)

# -- functions --------------------------------------------------------------------------------------------------------


def adding(number: float) -> Callable[[Any], Any]:
    return lambda held: number


def by_default(number: float) -> Callable[[Any], Any]:
    def take(held: Any, number: float = number) -> float:
        return number

    return take


def by_keyword(number: float) -> Callable[[Any], Any]:
    def take(held: Any, *, number: float = number) -> float:
        return number

    return take


def twice_closed(number: float) -> Callable[[Any], Any]:
    def inner() -> float:
        return number

    def take(held: Any) -> float:
        return sum(inner() for _ in range(1))

    return take


def wrapped(number: float) -> Callable[[Any], Any]:
    @functools.wraps(number_of)
    def take(held: Any) -> float:
        return number

    return take


def with_attribute(number: float) -> Callable[[Any], Any]:
    def take(held: Any) -> Any:
        return take.number  # type: ignore[attr-defined]

    take.number = number  # type: ignore[attr-defined]
    return take


def typed(number: float) -> Callable[[Any], Any]:
    """The number in the code itself; a function of no file."""
    space: dict[str, Any] = {}
    exec(f"def take(held):\n    return [{number} for _ in range(1)][0]", space)
    return space["take"]


def calls(take: Callable[[Any], Any]) -> nn.Module:
    return Shifted(None, take)


for name, make in {
    "closure": adding,
    "default": by_default,
    "keyword default": by_keyword,
    "closure of a closure": twice_closed,
    "wrapped function": wrapped,
    "attribute of a function": with_attribute,
    "constant of code": typed,
}.items():
    PLACES[name] = functools.partial(lambda make, number: calls(make(number)), make)


def referring(number: float) -> nn.Module:
    KEPT.append(Plain(number))
    reference = weakref.ref(KEPT[-1])
    return calls(lambda held: reference().number)  # type: ignore[union-attr]


KEPT: list[Plain] = []
PLACES["weak reference"] = referring
PLACES["mapping proxy"] = lambda n: calls(of_cell(item, types.MappingProxyType({"a": n})))
PLACES["compressed tensor"] = lambda n: calls(of_cell(dense_part, torch.tensor([[0.0, n]]).to_sparse_csr()))
PLACES["partial"] = lambda n: calls(functools.partial(second, n))
PLACES["keyword of a partial"] = lambda n: calls(functools.partial(keyed, by=n))
PLACES["bound method"] = lambda n: calls(Bound(n).take)
PLACES["callable object"] = lambda n: calls(Called(n))
PLACES["method of a builtin"] = lambda n: calls({None: n}.__getitem__)
PLACES["remembering function"] = lambda n: calls(functools.lru_cache(adding(n)))
PLACES["item getter"] = lambda n: Shifted([1.0, 2.0, 3.0, *range(4, 90)], operator.itemgetter(int(8 * n) + 40))
PLACES["vectorised function"] = lambda n: Shifted(np.vectorize(adding(n)), lambda held: float(held(0)))
PLACES["function without gradient"] = lambda n: calls(torch.no_grad()(adding(n)))
PLACES["compiled function"] = lambda n: calls(torch.compile(adding(n), backend="eager"))
PLACES["single dispatch"] = lambda n: calls(functools.singledispatch(adding(n)))


def dense_part(by: Tensor) -> Tensor:
    return by.to_dense()[0, 1]


def item(by: Any) -> Any:
    return by["a"]


def of_cell(take: Callable[[Any], Any], by: Any) -> Callable[[Any], Any]:
    """For what cannot be copied: a closure is shared."""
    return lambda held: take(by)


def second(first: float, held: Any) -> float:
    return first


def keyed(held: Any, by: float) -> float:
    return by


class Bound:
    def __init__(self, number: float) -> None:
        self.number = number

    def take(self, held: Any) -> float:
        return self.number


class Called(Bound):
    __call__ = Bound.take


# -- classes ----------------------------------------------------------------------------------------------------------

CLASS = """
import enum, functools
import torch
from torch import nn

{before}

class Base(nn.Module):
    {inherited}

class Net(Base{bases}):
    {of_class}

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x + {expression})
"""


def executed(
    number: float, expression: str, before: str = "", of_class: str = "", inherited: str = "pass", bases: str = ""
) -> nn.Module:
    """A class that was typed in, with a number somewhere."""
    filled = {
        "before": before.replace("NUMBER", repr(number)),
        "of_class": textwrap.indent(of_class.replace("NUMBER", repr(number)), "    ").strip() or "pass",
        "inherited": textwrap.indent(inherited.replace("NUMBER", repr(number)), "    ").strip(),
        "expression": expression.replace("NUMBER", repr(number)),
        "bases": bases,
    }
    module = sys.modules["typed_in"] = types.ModuleType("typed_in")
    exec(CLASS.format(**filled), vars(module))
    return module.Net(body())


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


# -- modules that are imported ----------------------------------------------------------------------------------------


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

# -- networks ---------------------------------------------------------------------------------------------------------


class Bias(nn.Module):
    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        return x + self.number


def ahead(part: nn.Module) -> nn.Module:
    return nn.Sequential(part, body())


@place
def parameter(number: float) -> nn.Module:
    net = body()
    with torch.no_grad():
        net[1].bias += number  # type: ignore[index]
    return net


@place
def buffer_that_is_not_persistent(number: float) -> nn.Module:
    net = Shifted(None, lambda held: 0)
    net.register_buffer("by", torch.tensor(number), persistent=False)
    net.take = lambda held: net.by
    return net


@place
def hook(number: float) -> nn.Module:
    net = body()
    net.register_forward_pre_hook(lambda module, inputs: (inputs[0] + number,))
    return net


@place
def hook_behind(number: float) -> nn.Module:
    net = body()
    net[1].register_forward_hook(lambda module, inputs, output: output + number)  # type: ignore[index]
    return net


@place
def hook_with_keywords(number: float) -> nn.Module:
    net = body()
    net.register_forward_pre_hook(lambda module, inputs, kwargs: ((inputs[0] + number,), kwargs), with_kwargs=True)
    return net


@place
def parametrization(number: float) -> nn.Module:
    net = body()
    parametrize.register_parametrization(net[1], "bias", Bias(number))  # type: ignore[index]
    return net


@place
def forward_of_an_instance(number: float) -> nn.Module:
    net = body()
    before = net.forward
    net.forward = lambda x: before(x + number)  # type: ignore[method-assign]
    return net


@place
def method_of_an_instance(number: float) -> nn.Module:
    net = body()

    def forward(self: Any, x: Tensor) -> Tensor:
        return nn.Sequential.forward(self, x + number)

    net.forward = types.MethodType(forward, net)  # type: ignore[method-assign]
    return net


@place
def quantised_weight(number: float) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(parameter(number), {nn.Linear})


@place
def compiled_net(number: float) -> nn.Module:
    return torch.compile(ahead(Bias(number)), backend="eager")  # type: ignore[return-value]


@place
def graph(number: float) -> nn.Module:
    return torch.fx.symbolic_trace(ahead(Bias(number)))


@place
def estimator_in_a_net(number: float) -> nn.Module:
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    fitted = LogisticRegression().fit(x, [0, 0, 1, 1])
    fitted.intercept_ = fitted.intercept_ + number
    return Shifted(fitted, lambda fitted: float(fitted.decision_function([[0.0]])[0]))


@place
def part_of_another_net(number: float) -> nn.Module:
    other = linear(number)
    return calls(lambda held: other(torch.zeros(1, 1)))


@place
def property_that_a_library_asks_for(number: float) -> nn.Module:
    class Constant(nn.Linear):
        """Nothing of the user's loads its bias."""

        @property
        def bias(self) -> Tensor:  # type: ignore[override]
            return torch.full((3,), number)

        def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
            if name != "bias":
                super().register_parameter(name, param)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), Constant(12, 3, bias=False))
