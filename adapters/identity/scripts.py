"""Programs of TorchScript and torch.export: their code and everything that they hold."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from typing import Any

import torch
from torch.jit._script import RecursiveScriptModule

from adapters.identity.networks import hooks_of, network
from adapters.identity.walk import Walk, node, rule

_MANGLED = re.compile(r"___torch_mangle_\d+\.?|_potemkin_user_\w+?_[0-9a-f]{12}\b")
"""What a process puts into names to tell them apart, and the names of modules of users' files."""
_DEVICE = re.compile(r"(cpu|cuda(:\d+)?)")


@rule(torch.jit.ScriptModule)
def program(walk: Walk, value: Any) -> bytes:
    if not isinstance(value, RecursiveScriptModule):
        return network(walk, value)
    hooks = hooks_of(walk, value)
    return node("script", _archive(value), *hooks) if walk.weigh else node("script", *hooks)


@rule(torch.jit.ScriptFunction)
def function(walk: Walk, value: Any) -> bytes:
    return node("script", _archive(value))


def _archive(value: Any) -> bytes:
    """The digest of what saving writes: code, constants and data; not what is for debuggers, nor names of files."""
    parts = []
    with zipfile.ZipFile(io.BytesIO(value.save_to_buffer())) as archive:
        for name in archive.namelist():
            inner = _MANGLED.sub("", name.partition("/")[2])
            if inner.startswith("code/") and inner.endswith(".py"):
                parts.append(node(inner, _code(archive.read(name).decode())))
            elif inner.endswith(".pkl") and not inner.startswith("code/"):
                parts.append(node(inner, *_pickled(archive.read(name))))
            elif inner.startswith(("data/", "constants/")):
                parts.append(node(inner, archive.read(name)))
    return node("archive", *sorted(parts))


def _code(text: str) -> str:
    """Code without what differs from process to process: names, and the order of a class's constants."""
    found: list[str] = []
    constants: list[str] = []
    for line in _MANGLED.sub("", text).splitlines():
        if " : Final[" in line:
            constants.append(line)
            continue
        found += [*sorted(constants), line]
        constants = []
    return "\n".join([*found, *sorted(constants)])


def _pickled(data: bytes) -> list[bytes]:
    """What a pickle says, read and not carried out."""
    found = []
    for code, argument, _ in pickletools.genops(data):
        if isinstance(argument, str):
            argument = "device" if _DEVICE.fullmatch(argument) else _MANGLED.sub("", argument)
        found.append(node(code.name, repr(argument)))
    return found


@rule(torch.ScriptObject)
def packed(walk: Walk, value: Any) -> bytes:
    """An object of C++, by what it would be pickled as."""
    return node("object of C++", walk.of(value.__getstate__()))


@rule(torch.export.ExportedProgram)
def exported(walk: Walk, value: Any) -> bytes:
    parts = (value.graph_module, value.state_dict, value.constants, str(value.graph_signature))
    return node("exported", *(walk.of(part) for part in parts))
