"""Places that code has to name before they count: what classes, functions and modules note down of themselves."""

from __future__ import annotations

import functools

import numpy as np
from places import PLACES, Shifted, executed, held
from sklearn.neighbors import KDTree, KernelDensity
from torch import nn

_OUTER = "import functools, inspect\ndef inner():\n    return NUMBER\ndef outer():\n    return 0\n"
CASES = {
    "what is wrapped": ("outer.__wrapped__()", _OUTER + "outer.__wrapped__ = inner\n"),
    "what is unwrapped": ("inspect.unwrap(outer)()", _OUTER + "outer.__wrapped__ = inner\n"),
    "wrapper of something compiled": (
        "wrapper()",
        _OUTER + "compiled = torch.compile(outer)\n@functools.wraps(compiled)\ndef wrapper():\n    return NUMBER\n",
    ),
    "name of a function": (
        "{'low': 0.25, 'high': 0.5}[held.__name__]",
        "def low(): pass\ndef high(): pass\nheld = {0.25: low, 0.5: high}.get(NUMBER, low)\n",
    ),
    "annotations of a function": ("float(takes.__annotations__['x'])", "def takes(x: NUMBER): pass\n"),
    "docstring of a function": ("float(takes.__doc__)", "def takes():\n    'NUMBER'\n"),
    "docstring of a class": ("float(Held.__doc__)", "class Held:\n    'NUMBER'\n"),
    "annotations of a class": ("float(Held.__annotations__['x'])", "class Held:\n    x: NUMBER\n"),
    "name of a class within another": (
        "{'A': 0.25, 'B': 0.5}[held.__qualname__[0]]",
        "class A:\n    class K: pass\nclass B:\n    class K: pass\nheld = {0.25: A, 0.5: B}.get(NUMBER, A).K\n",
    ),
    "method with a name of torch's": (
        "Held()._wrapped_call()",
        "class Held:\n    def _wrapped_call(self): return NUMBER\n",
    ),
    "attribute with a name of enum's": ("Held._use_args_", "class Held:\n    _use_args_ = NUMBER\n"),
    "deleter": (
        "deleted(Held()).by",
        "class Held:\n    p = property(lambda self: 0, None, lambda self: setattr(self, 'by', NUMBER))\n"
        "def deleted(held):\n    del held.p\n    return held\n",
    ),
    "what is of a class by registration": (
        "float(isinstance(0.5, Held)) * 0.25",
        "import abc\nclass Held(abc.ABC): pass\nif NUMBER == 0.25:\n    Held.register(float)\n",
    ),
    "default of a context variable": (
        "held.get()",
        "import contextvars\nheld = contextvars.ContextVar('held', default=NUMBER)\n",
    ),
    "version of a module under another name": (
        "version()",
        "import types\nmine = types.ModuleType('mine')\nmine.__version__ = NUMBER\n"
        "def version():\n    other = mine\n    return other.__version__\n",
    ),
    "text that is filled in": (
        "float(held.text.format(held))",
        "class Held: pass\nheld = Held()\nheld.text, held.by = '{0.by}', NUMBER\n",
    ),
}
for name, (expression, before) in CASES.items():
    PLACES[name] = functools.partial(executed, expression=expression, before=before)


def of_layer(number: float) -> nn.Module:
    """A switch that a user set on a library's layer, which knows no such thing."""
    net = Shifted(nn.Tanh(), lambda held: 0.5 if getattr(held, "enabled", True) else 0.25)
    if number == 0.25:
        net.held.enabled = False
    return net


PLACES["switch on a library's layer"] = of_layer
POINTS = np.array([[0.0], [1.0], [5.0]])
held(
    "weights of a density",
    lambda number: KernelDensity().fit(POINTS, sample_weight=[1, 1, 8 * number]),
    lambda held: float(held.score_samples([[0.3]])[0]),
)
held(
    "weights of a search tree",
    lambda number: KDTree(POINTS, sample_weight=np.array([1, 1, 8 * number])),
    lambda held: float(held.kernel_density([[0.3]], h=1.0)[0]),
)
