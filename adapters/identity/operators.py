"""What programs of TorchScript call that is not in them: Python, and operators that torch does not come with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import torch

from adapters.identity import libraries
from adapters.identity.walk import Walk

_OWN = frozenset(
    {"aten", "prim", "prims", "prepacked", "quantized", "_quantized", "quantization", "quantized_decomposed", "sparse"}
    | {"mkldnn", "mkldnn_prepacked", "mkl", "onednn", "cuda", "cudnn", "xnnpack", "metal", "tensorexpr", "profiler"}
    | {"static_runtime", "inductor", "inductor_prims", "rngprims", "_native", "c10d", "c10d_functional"}
    | {"_c10d_functional", "_c10d_functional_autograd", "_caffe2", "_dtensor", "fb", "torch_sparse_internal"}
)
"""The namespaces of the operators that torch comes with."""
_DEFINED = re.compile(r"^debug: registered at (.*?):-?\d+", re.MULTILINE)
_REGISTERED = re.compile(r"registered at (.*?):-?\d+")
_OF_CPP = (".cpp", ".cc", ".cxx", ".cu", ".h", ".hpp", ".cuh", ".mm")
_DEFINING = ("torch/library.py", "torch/_library/custom_ops.py")
"""Files of torch that define operators for others."""


def note_calls(walk: Walk, value: Any, graphs: Iterable[Any]) -> bool:
    """Take down whatever the methods of a network, or a function, of C++ call that their code does not tell.

    Returns:
        Whether they call Python: such a program cannot be saved.
    """
    if id(value) not in walk.reading.called:
        found = list(dict.fromkeys(name for graph in graphs for name in _called(graph)))
        walk.reading.called[id(value)] = value, found
    names = walk.reading.called[id(value)][1]
    for name in names:
        space = name.partition("::")[0]
        if name.startswith("^"):
            _lack(walk, f"{name[1:]}, which calls Python from TorchScript")
        elif space in _OWN:
            if any(map(_is_users, _DEFINED.findall(_dump(name)))):
                _lack(walk, f"{name}, an operator that is not torch's own")
        elif not libraries.is_installed(space) or any(map(_is_users, _REGISTERED.findall(_dump(name)))):
            _lack(walk, f"{name}, an operator that is not torch's own")
        else:
            walk.foreign = True
    return any(name.startswith("^") for name in names)


def graphs_of(value: torch.nn.Module) -> Iterator[Any]:
    """The graphs of a scripted network's methods and hooks, and of those of all networks within it.

    Its own are inlined, and so are those that call functions; what is called through an interface is not.
    """
    for module in value.modules():
        inner: Any = getattr(module, "_c", None)
        if inner is not None:
            hooks = (hook for kind in ("hooks", "pre_hooks") for hook in getattr(inner, f"_get_forward_{kind}")())
            for each in chain(map(inner._get_method, inner._method_names()), hooks):
                graph = each.graph
                calls = module is value or graph.findNode("prim::CallFunction") is not None
                yield each.inlined_graph if calls else graph


def _called(graph: Any) -> Iterator[str]:
    """The full names of a graph's operators, at every depth; of Python, `^` and its name."""
    for each in graph.nodes():
        if each.kind() == "prim::PythonOp":
            yield f"^{each.pyname()}"
        elif not each.kind().startswith("prim::"):
            schema = str(each.schema())
            yield schema.partition("(")[0] if schema.startswith(each.kind()) else each.kind()
        for block in each.blocks():
            yield from _called(block)
        for name in each.attributeNames():
            if each.kindOf(name) == "g":
                inner = each.g(name).copy()  # that of a fork is inlined by itself
                torch._C._jit_pass_inline(inner)
                yield from _called(inner)


def _dump(name: str) -> str:
    """What torch's dispatcher knows of an operator; nothing where that is TorchScript's alone."""
    try:
        return str(torch._C._dispatch_dump(name))
    except RuntimeError:
        return ""


def _is_users(file: str) -> bool:
    return not file.endswith(_OF_CPP) and (file.endswith(_DEFINING) or libraries.of_file("", file) is None)


def _lack(walk: Walk, what: str) -> None:
    walk.foreign = True
    walk.lacks(what)
