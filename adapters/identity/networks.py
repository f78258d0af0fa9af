"""Networks: parameters, buffers, modules and hooks in their order, and whatever else they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as global_hooks
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from adapters.identity import libraries
from adapters.identity.classes import attributes_of, kind_of
from adapters.identity.containers import pairs
from adapters.identity.walk import Walk, node, rule

_HOOKS = {
    "_forward_pre_hooks": ("_forward_pre_hooks_with_kwargs",),
    "_forward_hooks": ("_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    "_backward_pre_hooks": (),
    "_backward_hooks": (),
}
"""Hooks by the number of their handle, and those that are called in another way."""
_STATE = ("_parameters", "_buffers", "_modules")
_SAVING = ("_state_dict_pre_hooks", "_state_dict_hooks")
_KEPT = frozenset(
    {*_HOOKS, *_STATE, "_non_persistent_buffers_set", "_is_full_backward_hook", "_compiled_call_impl"}
    | {name for flags in _HOOKS.values() for name in flags}
    | {f"_{kind}_hooks" for kind in ("state_dict", "state_dict_pre", "load_state_dict_pre", "load_state_dict_post")}
)
"""Attributes of every network that are seen in a way of their own, or decide nothing."""
_OF_GRAPHS = frozenset(
    {"_graph", "_code", "_lineno_map", "_prologue_start", "_tracer_cls", "_tracer_extras", "meta", "shape_env", "train"}
    | {"_replace_hooks", "_create_node_hooks", "_erase_node_hooks", "_deepcopy_hooks", "range_constraints", "eval"}
    | {"validate_inputs"}
)
"""Attributes of a graph of torch.fx that its code was made from, which does the work."""
_COMPILED = "torch._dynamo.eval_frame.OptimizedModule"
_GRAPH = "torch.fx.graph_module.GraphModule"


@rule(nn.Module)
def network(walk: Walk, value: nn.Module) -> bytes:
    kind = type(value)
    own = vars(value)
    names = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    if _COMPILED in names:  # it computes what the original does
        return node("compiled", walk.of(own["_modules"]["_orig_mod"]), *_hooks(walk, own))
    kept = _KEPT | _OF_GRAPHS if _GRAPH in names else _KEPT
    state = [node(name, _state(walk, own.get(name) or {}, name)) for name in _STATE]
    return node(
        "network",
        kind_of(walk, kind),
        *_own_containers(walk, own, _STATE),
        *state,
        *_hooks(walk, own),
        *_hooks_of_saving(walk, own),
        attributes_of(walk, value, kept | _derived(own)),
        _saved(walk, value),
    )


def _derived(own: Mapping[str, Any]) -> frozenset[str]:
    """The tensors that torch's norms and prunings compute anew at every call, whatever they computed last."""
    hooks = [hook for hook in (own.get("_forward_pre_hooks") or {}).values() if _is_norm(type(hook))]
    return frozenset(str(getattr(hook, "name", getattr(hook, "_tensor_name", ""))) for hook in hooks)


def _is_norm(kind: type) -> bool:
    return any(base.__module__.startswith("torch.nn.utils.") for base in kind.__mro__)


def _state(walk: Walk, found: Mapping[str, Any], name: str) -> bytes:
    return node(name, *(node(key, walk.of(part, key)) for key, part in found.items()))


def _hooks(walk: Walk, own: Mapping[str, Any], prefix: str = "") -> list[bytes]:
    """The hooks in their order: the numbers of their handles count everybody's."""
    found = _own_containers(walk, own, [prefix + each for name, flags in _HOOKS.items() for each in (name, *flags)])
    for name, flags in _HOOKS.items():
        for number, hook in (own.get(prefix + name) or {}).items():
            how = repr([number in (own.get(prefix + flag) or ()) for flag in flags])
            found.append(node(name, how, walk.of(hook, name.strip("_"))))
    return found


def _own_containers(walk: Walk, own: Mapping[str, Any], names: Iterable[str]) -> list[bytes]:
    """The containers of somebody's own class among these, which may give what they like when they are gone through."""
    kinds = {name: type(own.get(name)) for name in names}
    return [
        node(f"container {name}", walk.of(own[name], name.strip("_")))
        for name, kind in kinds.items()
        if libraries.of_class(kind) not in ("python", "torch")
    ]


def _hooks_of_saving(walk: Walk, own: Mapping[str, Any]) -> list[bytes]:
    """The hooks that decide what `state_dict()` gives, where code reads that."""
    if not walk.reading.names("state_dict"):
        return []
    return [walk.of(hook, name.strip("_")) for name in _SAVING for hook in (own.get(name) or {}).values()]


def _saved(walk: Walk, value: nn.Module) -> bytes:
    """What a library's module saves of itself beside parameters and buffers, such as packed weights."""
    for name in ("_save_to_state_dict", "get_extra_state"):
        base = next(base for base in type(value).__mro__ if name in vars(base))
        if base is not nn.Module and libraries.of_class(base) is not None:
            saved: dict[str, Any] = {}
            value._save_to_state_dict(saved, "", False)
            return node("saved", pairs(walk, saved))
    return b""


def hooks_of(walk: Walk, value: nn.Module) -> list[bytes]:
    """The hooks of a network itself, in their order."""
    return _hooks(walk, vars(value))


def hooks_of_all(walk: Walk) -> bytes:
    """The hooks of all networks of this process, and the modes that it is in, where somebody has entered one."""
    return node("hooks", *_hooks(walk, vars(global_hooks), "_global"), *_modes(walk))


def _modes(walk: Walk) -> list[bytes]:
    found = [walk.of(mode, "mode") for mode in _get_current_function_mode_stack()]  # type: ignore[no-untyped-call]
    found.extend(node("dispatch", walk.of(mode, "mode")) for mode in _get_current_dispatch_mode_stack())
    if hooks := torch._C._autograd._top_saved_tensors_default_hooks(True):  # only those entered last are called
        found.append(node("saved tensors", walk.of(hooks, "saved_tensors_hooks")))
    if torch.is_autocast_enabled("cpu"):
        found.append(node("autocast", str(torch.get_autocast_dtype("cpu"))))
    if torch.get_default_dtype() != torch.float32:
        found.append(node("default dtype", str(torch.get_default_dtype())))
    return found
