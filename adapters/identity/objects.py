"""Anything else: the user's objects by their attributes, a library's by those or by what they would be pickled as."""

from __future__ import annotations

import copyreg
import sys
from typing import Any

import torch
from torch._ops import HigherOrderOperator, OpOverload, OpOverloadPacket

from adapters.identity import libraries
from adapters.identity.classes import attributes_of, kind_of
from adapters.identity.containers import pairs
from adapters.identity.functions import named
from adapters.identity.patched import HEAP
from adapters.identity.reading import IN_ORDER
from adapters.identity.walk import Walk, node, rule

_BYSTANDERS = frozenset({"_sklearn_version", "cv_results_", "refit_time_"})
"""What scikit-learn writes into an estimator's state that differs from fit to fit and decides nothing."""
_SEARCH_TREES = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
_BUILT_IN = frozenset({"aten", "prim", "prims", "quantized", "quantized_decomposed", "inductor", "_c10d_functional"})


@rule(object)
def thing(walk: Walk, value: Any) -> bytes:
    kind = type(value)
    if kind is object:
        return node("object")
    if kind.__name__ in ("cython_function_or_method", "fused_cython_function"):
        return named(walk, value, str(value.__module__), str(value.__name__))
    home = libraries.of_class(kind)
    if home is None:
        return node("instance", kind_of(walk, kind), attributes_of(walk, value), _payload(walk, value))
    if _is_named(value, kind):
        return node("of a library", home, value.__module__, value.__qualname__)
    if hasattr(kind, "__members__") and hasattr(value, "name"):  # an enumeration of C++
        return node("member", kind_of(walk, kind), str(value.name))
    if kind.__module__.startswith("numba") and hasattr(value, "py_func"):
        return node("compiled", walk.of(value.py_func))
    if _reduces_itself(kind) or _root(kind) is not object:
        return node("object", home, _reduced(walk, value))
    return node("object", kind_of(walk, kind), attributes_of(walk, value))


def _payload(walk: Walk, value: Any) -> bytes:
    """What an instance of a user's class has from a class that is written in C."""
    return b"" if _root(type(value)) is object else _reduced(walk, value)


def _root(kind: type) -> type:
    """The class written in C that instances are laid out by."""
    for base in kind.__mro__:
        made = base.__new__
        if not base.__flags__ & HEAP or getattr(made, "__self__", None) is base:
            return base
    return object


def _is_named(value: Any, kind: type) -> bool:
    """Whether a library has an object by a name that it tells."""
    module, name = (getattr(value, key, None) for key in ("__module__", "__qualname__"))
    if not isinstance(module, str) or not isinstance(name, str) or libraries.of_module(module) is None:
        return False
    return libraries.found(module, name) is value


def _reduces_itself(kind: type) -> bool:
    names = ("__reduce_ex__", "__reduce__", "__getstate__")
    return kind in copyreg.dispatch_table or any(getattr(kind, name) is not getattr(object, name) for name in names)


def _reduced(walk: Walk, value: Any) -> bytes:
    """An object by what it would be pickled as: a name, or a function with its arguments and a state."""
    kind = type(value)
    reduced = copyreg.dispatch_table[kind](value) if kind in copyreg.dispatch_table else value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return node("name", kind.__module__, reduced)
    if kind.__module__ in _SEARCH_TREES:  # which count their calls
        return node("search tree", kind.__name__, *(walk.of(part) for part in _searched(value)))
    made, arguments, state, items, entries = (*reduced, None, None, None)[:5]
    if isinstance(state, dict):
        state = {name: part for name, part in state.items() if name not in _BYSTANDERS or walk.reading.names(name)}
    return node(
        "reduced",
        kind_of(walk, made) if made is kind else walk.of(made, ""),
        *(kind_of(walk, each) if each is kind else walk.of(each, "") for each in arguments),
        pairs(walk, state, ordered=walk.reading.names_any(IN_ORDER)) if type(state) is dict else walk.of(state, ""),
        walk.of(None if items is None else list(items), ""),
        pairs(walk, dict(entries or ())),
    )


def _searched(tree: Any) -> list[Any]:
    """Points and metric of a search tree, and the points' weights where they have any."""
    *state, metric, weights = tree.__getstate__()
    return [state[0], metric, *([] if weights is None else [weights])]


@rule(OpOverload, OpOverloadPacket, HigherOrderOperator)
def operator(walk: Walk, value: Any) -> bytes:
    """torch's own by name, the user's by the function that it was made of."""
    name = str(value) if isinstance(value, (OpOverload, HigherOrderOperator)) else value._qualified_op_name
    space, _, rest = str(name).replace("::", ".").partition(".")
    if isinstance(value, HigherOrderOperator) or space in _BUILT_IN:
        return node("operator", str(name))
    made = sys.modules["torch._library.custom_ops"].OPDEFS if "torch._library.custom_ops" in sys.modules else {}
    found = made.get(f"{space}::{rest.partition('.')[0]}")
    return walk.cannot(value, f"{name}, an operator of no Python code") if found is None else walk.of(found)


@rule(torch.library.CustomOpDef if hasattr(torch.library, "CustomOpDef") else torch._library.custom_ops.CustomOpDef)
def made(walk: Walk, value: Any) -> bytes:
    functions = {"forward": value._init_fn, "backward": value._backward_fn, "devices": value._backend_fns}
    return node("operator", *(walk.of(part, name) for name, part in functions.items()))
