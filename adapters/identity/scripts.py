"""Programs of TorchScript and torch.export: their code and everything that they hold."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import torch
from torch.jit._script import RecursiveScriptModule

from adapters.identity.networks import hooks_of, network
from adapters.identity.operators import graphs_of, note_calls
from adapters.identity.walk import Walk, node, rule

_MANGLE = re.compile(r"\.___torch_mangle_\d+")
"""What a process puts into the names of types to tell them apart: another number in each."""
_TYPE = re.compile(r"__torch__(?:\.\w+)+")
_USERS = re.compile(r"_potemkin_user_\w+?_[0-9a-f]{12}\b")
"""The names of modules of users' files."""
_START = re.compile(r"(?:class|def) (\w+)")
_CHANGEABLE = frozenset({"BUILD", "EMPTY_DICT", "EMPTY_LIST", "SETITEM", "SETITEMS", "APPEND", "APPENDS"})
"""What makes, in a pickle, something that can be changed in place."""
_EXAMPLES = "traced_inputs.pkl"
"""The inputs that a program was traced on, which its copies know nothing of."""
_DEVICE = re.compile(r"(cpu|cuda(:\d+)?)")


@rule(torch.jit.ScriptModule)
def program(walk: Walk, value: Any) -> bytes:
    if not isinstance(value, RecursiveScriptModule):
        return network(walk, value)
    hooks = hooks_of(walk, value)
    calls_python = note_calls(walk, value, graphs_of(value))
    if not walk.weigh:
        return node("script", *hooks)
    # What calls Python cannot be saved.
    told = walk.of(dict(value.state_dict()), "state") if calls_python else _archive(value)
    return node("script", told, *hooks)


@rule(torch.jit.ScriptFunction)
def function(walk: Walk, value: Any) -> bytes:
    return node("script", b"" if note_calls(walk, value, [value.inlined_graph]) else _archive(value))


class _Types:
    """Names of types by their order: the first of a name that is met, the second, whatever they are called here."""

    def __init__(self) -> None:
        self._met: dict[str, list[str]] = {}

    def __call__(self, text: str) -> str:
        """A text with every type in it named so."""
        return _TYPE.sub(lambda match: self._named(match[0]), _USERS.sub("", text))

    def knows(self, name: str) -> bool:
        return name in self._met.get(_MANGLE.sub("", name), ())

    def _named(self, name: str) -> str:
        plain = _MANGLE.sub("", name)
        alike = self._met.setdefault(plain, [])
        if name not in alike:
            alike.append(name)
        return f"{plain}#{alike.index(name)}"


def _archive(value: Any) -> bytes:
    """The digest of what saving writes: code, constants and data; not what is for debuggers, nor names of files."""
    parts, types, code = [], _Types(), list[tuple[str, str]]()
    with zipfile.ZipFile(io.BytesIO(value.save_to_buffer())) as archive:
        inside = {name.partition("/")[2]: name for name in archive.namelist()}
        for inner in sorted(inside):  # the objects in their order name the types in theirs
            if inner.endswith(".pkl") and not inner.startswith("code/") and inner != _EXAMPLES:
                parts.append(node(inner, _pickled(archive.read(inside[inner]), types)))
            elif inner.startswith(("data/", "constants/")):
                parts.append(node(inner, archive.read(inside[inner])))
        for inner, name in inside.items():
            if inner.startswith("code/") and inner.endswith(".py"):
                module = _USERS.sub("", inner[len("code/") : -len(".py")].replace("/", "."))
                code += _blocks(module, _USERS.sub("", archive.read(name).decode()))
    # Types of objects come by their order, the others by their text.
    code.sort(key=lambda pair: (types(pair[0]) if types.knows(pair[0]) else "~", _MANGLE.sub("", "".join(pair))))
    return node("archive", *parts, *(node(types(name), types(text)) for name, text in code))


def _blocks(module: str, text: str) -> list[tuple[str, str]]:
    """The types and functions of a file, by their names: a process may keep in one file what another has in two."""
    blocks: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        start = _START.match(line)
        if start or not blocks:
            blocks.append((f"{module}.{start[1]}" if start else module, []))
        blocks[-1][1].append(line)
    return [(name, _constants_sorted(lines)) for name, lines in blocks]


def _constants_sorted(lines: list[str]) -> str:
    """Code with a class's constants in one order: it differs from process to process."""
    found: list[str] = []
    constants: list[str] = []
    for line in lines:
        if " : Final[" in line:
            constants.append(line)
            continue
        found += [*sorted(constants), line]
        constants = []
    return "\n".join([*found, *sorted(constants)])


def _pickled(data: bytes, types: _Types) -> bytes:
    """The digest of what a pickle makes, read and not carried out; the same whichever of its parts it took down.

    Of a program and of its copy PyTorch takes down other parts to come back to, by how often this process holds them.
    """
    stack: list[tuple[str, bytes]] = []
    taken_down: dict[Any, tuple[str, bytes]] = {}
    for code, argument, _ in pickletools.genops(data):
        name = code.name
        if name.endswith("PUT"):
            taken_down[argument] = stack[-1]
        elif name == "MEMOIZE":
            taken_down[len(taken_down)] = stack[-1]
        elif name.endswith("GET"):
            kind, digest = taken_down[argument]
            # What can be changed in place is the same object, not one like it.
            stack.append((kind, node("again", digest) if kind in _CHANGEABLE else digest))
        else:
            if isinstance(argument, str):
                # A type is told as its module and its name.
                argument = argument.replace(" ", ".") if name == "GLOBAL" else argument
                argument = "device" if _DEVICE.fullmatch(argument) else types(argument)
            made = node(name, repr(argument), *_popped(stack, code.stack_before))
            if name == "STOP":
                return made
            stack += [(name, made)] * len(code.stack_after)
    raise ValueError("a pickle that does not end")


def _popped(stack: list[tuple[str, bytes]], what: Sequence[pickletools.StackObject]) -> list[bytes]:
    """The digests that an operation takes from the stack, from the last."""
    found = []
    if pickletools.markobject in what:
        while stack[-1][0] != "MARK":
            found.append(stack.pop()[1])
        what = what[: what.index(pickletools.markobject) + 1]
    return [*found, *(stack.pop()[1] for _ in what)]


@rule(torch.ScriptObject)
def packed(walk: Walk, value: Any) -> bytes:
    """An object of C++, by what it would be pickled as."""
    return node("object of C++", walk.of(value.__getstate__()))


@rule(torch.export.ExportedProgram)
def exported(walk: Walk, value: Any) -> bytes:
    parts = (value.graph_module, value.state_dict, value.constants, str(value.graph_signature))
    return node("exported", *(walk.of(part) for part in parts))
