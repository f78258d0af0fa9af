"""What code does to instances without a name for it: make new ones of their class, turn them to text, copy them.

A mark stands among the names that code loads, and says so: of an instance that is there its attributes tell, unless
code makes another like it; and what shows an instance decides nothing, unless code reads what it shows.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator, Sequence
from types import CodeType

MAKES = "type()"
"""Code makes an instance of a class that it has from another instance."""
SHOWS = "str()"
"""Code turns something to text."""
SHOWS_SELF = "str(self)"
"""Code turns its first argument to text."""
COPYING = "copy()"
"""Code copies something, or pickles it."""
GRADIENTS = ".grad"
"""Code reads the gradient of a tensor; `torch.autograd.grad(...)` does not."""
MARKS = frozenset({MAKES, SHOWS, SHOWS_SELF, COPYING, GRADIENTS})
_MAKING = frozenset(
    {"dataclasses.replace", "dataclasses.asdict", "dataclasses.astuple", "copy.replace", "sklearn.base.clone"}
    | {"attr.evolve", "attr.assoc", "attr._make.evolve", "attr._funcs.evolve", "attrs.evolve", "sklearn.clone"}
    | {"torch.utils._pytree.tree_map", "torch.utils._pytree.tree_unflatten"}
)
CALLED_BY = {
    MAKES: _MAKING,
    COPYING: frozenset(f"{module}.{name}" for module in ("pickle", "_pickle") for name in ("dump", "dumps", "Pickler"))
    | {"copy.copy", "copy.deepcopy"},
    SHOWS: frozenset({"pprint.pformat", "reprlib.repr"}),
    "__wrapped__": frozenset({"inspect.unwrap", "inspect.signature"}),
    "__annotations__": frozenset({"inspect.get_annotations", "inspect.signature", "typing.get_type_hints"}),
    "__doc__": frozenset({"inspect.getdoc"}),
}
"""Functions and classes of libraries that do so, or load this, of what they are handed."""
HELD = {str: SHOWS, repr: SHOWS, format: SHOWS, ascii: SHOWS, type: MAKES}
"""Builtins that do, where an object has them as attributes; code that loads them by name is looked at itself."""
_MAKERS = frozenset({"__init__", "__new__", "__mro__", "mro", "__base__", "__bases__", "__subclasses__"})
"""Attributes that lead to the making of instances."""
_TEXTS = frozenset({"str", "repr", "format", "ascii"})
_COMPARE = frozenset({"IS_OP", "COMPARE_OP", "CONTAINS_OP", "POP_TOP"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "STORE_ATTR"})
_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_IDLE = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PRECALL"})


def marks(code: CodeType, instructions: Sequence[dis.Instruction]) -> set[str]:
    """The marks of a code object's own instructions."""
    body = [each for each in instructions if each.opname not in _IDLE]
    found = set(_texts(code, body))
    if any(_escapes(body, place) for place in _classes(body)) or any(_makers(body)):
        found.add(MAKES)
    if any(_is_gradient(body, place) for place in range(len(body))):
        found.add(GRADIENTS)
    return found


def _is_gradient(body: Sequence[dis.Instruction], place: int) -> bool:
    each = body[place]
    called = sys.version_info >= (3, 12) and bool(int(each.arg or 0) & 1)
    loaded = each.opname == "LOAD_ATTR" and each.argval == "grad" and not called
    return loaded or (each.argval == "grad" and each.opcode in dis.hasconst and body[place - 2].argval == "getattr")


def hands_on(code: CodeType, number: int) -> bool:
    """Whether code does more with an argument, a class, than to ask it for attributes: it may call it."""
    if number >= code.co_argcount:
        return False
    name = code.co_varnames[number]
    if name in code.co_cellvars:
        return True
    body = [each for each in dis.get_instructions(code) if each.opname not in _IDLE]
    for place, each in enumerate(body):
        if isinstance(each.argval, tuple) and name in each.argval and each.opname.startswith("LOAD_FAST"):
            return True  # two at once
        if each.opname.startswith("LOAD_FAST") and each.argval == name and _escapes(body, place):
            return True
    return False


def _classes(body: Sequence[dis.Instruction]) -> Iterator[int]:
    """Where a class is had from an instance: `type(h)`, `h.__class__`, `__class__`; -1 where that cannot be told."""
    for place, each in enumerate(body):
        if each.opname in _GLOBAL and each.argval == "type":
            yield _call(body, place)
        elif each.opname in _ATTRIBUTE and each.argval == "__class__":
            yield place
        elif each.opname in ("LOAD_DEREF", "LOAD_CLASSDEREF") and each.argval == "__class__":
            yield from () if place and body[place - 1].argval == "super" else (place,)


def _call(body: Sequence[dis.Instruction], place: int) -> int:
    """Where a function of one argument that is simply loaded is called."""
    for after in range(place + 1, len(body)):
        each = body[after]
        if each.opname == "CALL" and each.arg == 1 and after > place + 1:
            return after
        if not each.opname.startswith("LOAD_"):
            break
    return -1


def _escapes(body: Sequence[dis.Instruction], place: int) -> bool:
    """Whether a class that an instruction leaves behind goes further than to be compared or asked for an attribute."""
    above = 0  # what lies on top of it
    for each in body[place + 1 :] if place >= 0 else ():
        if above == 0 and each.opname in _ATTRIBUTE:
            return each.argval in _MAKERS or each.argval == "__call__"
        if above <= 1 and each.opname in _COMPARE:
            return False
        if not above and not each.opname.startswith(("LOAD_", "PUSH_")):
            return True
        above += _effect(each)
        if above <= 0:
            return True
    return True


def _effect(each: dis.Instruction) -> int:
    """How many more values an instruction leaves; of a call with what precedes it in some versions of Python."""
    if each.opname == "CALL":
        return -1 - int(each.arg or 0)
    return dis.stack_effect(each.opcode, each.arg if each.opcode >= dis.HAVE_ARGUMENT else None)


def _makers(body: Sequence[dis.Instruction]) -> Iterator[bool]:
    """Whether an attribute that makes instances is loaded, and not of what `super()` is."""
    for place, each in enumerate(body):
        if each.opname in ("LOAD_ATTR", "LOAD_METHOD") and each.argval in _MAKERS:
            yield not (place and body[place - 1].opname == "CALL")


def _texts(code: CodeType, body: Sequence[dis.Instruction]) -> Iterator[str]:
    first = code.co_varnames[0] if code.co_argcount else None
    for place, each in enumerate(body):
        formats = each.opname.startswith("FORMAT_")
        if _is_raised(body, place):
            continue
        if formats or (each.opname in _GLOBAL and each.argval in _TEXTS) or _fills_in(body, place):
            yield SHOWS
            beside = body[max(place - 2, 0) : place] if formats else body[place + 1 : place + 3]
            if any(near.opname.startswith("LOAD_FAST") and near.argval == first for near in beside) and not any(
                near.opname in _ATTRIBUTE for near in beside
            ):
                yield SHOWS_SELF


def _is_raised(body: Sequence[dis.Instruction], place: int) -> bool:
    """Whether what comes of an instruction is what an error says."""
    for each in body[place + 1 :]:
        if each.opname == "RAISE_VARARGS":
            return True
        if not each.opname.startswith(("LOAD_", "FORMAT_", "BUILD_", "CALL", "PUSH_", "KW_", "CONVERT_", "BINARY_")):
            return False
    return False


def _fills_in(body: Sequence[dis.Instruction], place: int) -> bool:
    """Whether an instruction is `"%s" % h`, with a text that is not told apart from a number."""
    return (
        body[place].opname == "BINARY_OP"
        and body[place].argrepr in ("%", "%=")
        and any(
            isinstance(each.argval, str) and "%" in each.argval for each in body[:place] if each.opcode in dis.hasconst
        )
    )
