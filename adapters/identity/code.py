"""Code objects: what they do, whatever they were read from, and the names that they load.

Instructions count with their arguments resolved. File, lines, docstring and the names of functions do not count, so
that neither a comment nor the place of a file is part of what code does. Byte code differs from one minor version of
Python to the next, and so does then what it is told by.
"""

from __future__ import annotations

import dis
import itertools
import re
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple, TypeVar

from adapters.identity.marks import marks
from adapters.identity.reading import ANY
from adapters.identity.walk import node

T = TypeVar("T")

Chain = tuple[str, ...]
"""A name and the attributes loaded from it right away: `("prep", "scale")` of `prep.scale(x)`."""

_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_CELL = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})
_IDLE = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PRECALL"})
_NAME = re.compile(r"[^\W\d]\w*")
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_KIND = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""Flags of a code object that matter to a call: `*args`, `**kwargs`, generator, coroutine, ..."""


class Import(NamedTuple):
    """An import statement within a function."""

    level: int
    module: str
    names: tuple[str, ...]


class Code(NamedTuple):
    """What a code object does, those within it too."""

    digest: bytes
    globals: tuple[Chain, ...]
    """Loaded from its module, or from the builtins, each once, in order."""
    cells: tuple[Chain, ...]
    """Loaded from closures."""
    imports: tuple[Import, ...]
    within: tuple[Chain, ...]
    """Loaded from modules that an import within a function gives a name: `("os", "getpid")`."""
    attributes: frozenset[str]
    """Loaded as attributes, or possibly so: strings that could be names are among them, and marks."""


@lru_cache(maxsize=4096)
def read(code: CodeType) -> Code:
    """What a code object does."""
    body = list(dis.get_instructions(code))
    place, count = {}, 0  # of an instruction, among those that do something
    for instruction in body:
        place[instruction.offset] = count
        count += instruction.opname not in _IDLE
    nested = [read(const) for const in code.co_consts if isinstance(const, CodeType)]
    attributes = {str(each.argval) for each in body if each.opname in _ATTRIBUTE} | set(_by_any_name(body))
    attributes |= marks(code, body)
    attributes.update(_strings(tuple(each.argval for each in body if each.opcode in dis.hasconst)))
    loads = list(_chains(body))
    return Code(
        digest=node("code", _signature(code), *(_told(each, place) for each in body if each.opname not in _IDLE)),
        globals=_once([chain for op, chain in loads if op in _GLOBAL], [each.globals for each in nested]),
        cells=_once([chain for op, chain in loads if op in _CELL], [each.cells for each in nested]),
        imports=_once(list(_imports(body)), [each.imports for each in nested]),
        within=_once(list(_within(body)), [each.within for each in nested]),
        attributes=frozenset(attributes).union(*(each.attributes for each in nested)),
    )


def _signature(code: CodeType) -> str:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _KIND)
    # Where an exception leads: instructions by their offsets, which no comment moves.
    return repr((counts, code.co_varnames, code.co_cellvars, code.co_freevars, code.co_exceptiontable))


def _told(instruction: dis.Instruction, place: dict[int, int]) -> bytes:
    """One instruction with what it is about."""
    code, value = instruction.opcode, instruction.argval
    if code in dis.hasconst:
        return node(instruction.opname, _constant(value))
    if code in dis.hasjrel or code in dis.hasjabs:
        return node(instruction.opname, str(place.get(value, value)))
    named = code in dis.hasname or code in dis.haslocal or code in dis.hasfree or code in dis.hascompare
    return node(instruction.opname, repr(value if named else instruction.arg))


def _constant(value: Any) -> bytes:
    if isinstance(value, CodeType):
        return read(value).digest
    if isinstance(value, tuple):
        return node("tuple", *map(_constant, value))
    if isinstance(value, frozenset):
        return node("frozenset", *sorted(map(_constant, value)))
    return node(type(value).__name__, hex(value) if type(value) is int else repr(value))


def _strings(value: Any) -> Iterator[str]:
    """The strings among constants that could name an attribute."""
    if isinstance(value, str):
        if "{" in value or _DOTTED.fullmatch(value):  # as `"{0.scale}".format(net)` does
            yield from _NAME.findall(value)
    elif isinstance(value, (tuple, frozenset)):
        for part in value:
            yield from _strings(part)


def _by_any_name(body: list[dis.Instruction]) -> Iterator[str]:
    """What loads attributes by a name that is computed; `getattr(net, "head")` does not."""
    for start, instruction in enumerate(body):
        if instruction.opname in _GLOBAL and instruction.argval in ANY:
            owner, name = [*(each for each in body[start + 1 :] if each.opname not in _IDLE), None, None][:2]
            plain = owner is not None and owner.opname.startswith("LOAD_")
            if not plain or name is None or name.opcode not in dis.hasconst or not isinstance(name.argval, str):
                yield str(instruction.argval)
    doing = [each for each in body if each.opname not in _IDLE]
    for before, each in itertools.pairwise(doing):  # a text that is no constant may name any attribute
        if each.opname in _ATTRIBUTE and each.argval == "format" and before.opcode not in dis.hasconst:
            yield "format_map"


def _chains(body: list[dis.Instruction]) -> Iterator[tuple[str, Chain]]:
    for start, instruction in enumerate(body):
        if instruction.opname in _GLOBAL or instruction.opname in _CELL:
            chain = [str(instruction.argval)]
            for following in body[start + 1 :]:
                if following.opname in _ATTRIBUTE:
                    chain.append(str(following.argval))
                elif following.opname not in _IDLE:
                    break
            yield instruction.opname, tuple(chain)


def _imports(body: list[dis.Instruction]) -> Iterator[Import]:
    constants: list[Any] = []
    for instruction in body:
        if instruction.opname == "IMPORT_NAME":
            level, names = constants[-2:]
            yield Import(int(level), str(instruction.argval), tuple(names or ()))
        elif instruction.opcode in dis.hasconst:
            constants.append(instruction.argval)
        elif instruction.opname == "LOAD_SMALL_INT":
            constants.append(instruction.arg)


def _within(body: list[dis.Instruction]) -> Iterator[Chain]:
    """What is loaded from the modules that are imported here, under whatever local names."""
    doing = [each for each in body if each.opname not in _IDLE]
    known = {}
    for first, then in itertools.pairwise(doing):
        if first.opname == "IMPORT_NAME" and then.opname in ("STORE_FAST", "STORE_DEREF"):
            module = str(first.argval)
            known[then.argval] = module if then.argval != module.partition(".")[0] else str(then.argval)
    for place, each in enumerate(doing):
        if each.opname in ("LOAD_FAST", "LOAD_DEREF") and each.argval in known:
            chain = [known[each.argval]]
            for following in doing[place + 1 :]:
                if following.opname not in _ATTRIBUTE:
                    break
                chain.append(str(following.argval))
            yield tuple(chain)


def _once(own: list[T], nested: list[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys([*own, *(each for found in nested for each in found)]))
