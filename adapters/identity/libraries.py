"""Whose code something is: its user's, which counts by what it does, or a library's, which counts by name.

The versions of Python, torch, NumPy, scikit-learn and this project are environment: recorded with every result, and no
part of what a model is. Any other installed distribution counts with its version.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

BY_NAME = frozenset({"torch", "sklearn", "numpy"})
"""Packages whose version is environment, wherever they lie."""
_OURS = frozenset({"adapters", "bench", "suites"})
_OUR_ROOT = str(Path(__file__).parents[2])
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_PYTHON = tuple(
    {os.path.join(os.path.realpath(sysconfig.get_path(name)), "") for name in ("stdlib", "platstdlib")}
    | {os.path.join(os.path.dirname(os.path.realpath(os.__file__)), "")}
)


def is_ours(kind: type) -> bool:
    """Whether this project defines a class."""
    return of_class(kind) == "potemkin"


def of_class(kind: type) -> str | None:
    """The library that defines a class; None where it is the user's."""
    return of_module(kind.__module__ if isinstance(kind.__module__, str) else "")


def of_code(code: CodeType, module: Any) -> str | None:
    """The library that a code object was compiled from; None where it is the user's, or made at run time."""
    if code.co_filename.startswith("<frozen "):
        return "python"
    if code.co_filename.startswith("<"):
        return None
    root = str(module).partition(".")[0]
    return _home(root if _can_be_of(root, code.co_filename) else "", code.co_filename)


@cache
def _can_be_of(root: str, file: str) -> bool:
    """Whether a file can be one of a package: code of a user's file may be run under any name."""
    home = getattr(sys.modules.get(root), "__file__", None)
    if root not in BY_NAME or not isinstance(home, str) or not os.path.isabs(file):
        return True
    return file.startswith(os.path.join(os.path.dirname(home), ""))


def is_installed(package: str) -> bool:
    """Whether a distribution that is installed has a package of this name."""
    return _installed(package) is not None


def is_users(function: FunctionType) -> bool:
    """Whether a function is the user's, and not made at run time by a library."""
    name = str(function.__globals__.get("__name__"))
    return of_code(function.__code__, name) is None and of_module(name) is None


def of_module(name: str) -> str | None:
    """The library that a module belongs to; None where it is the user's."""
    if name == "__main__":
        return None
    file = getattr(sys.modules.get(name), "__file__", None)
    return _home(name.partition(".")[0], file if isinstance(file, str) else None)


def of_file(name: str, file: str | None) -> str | None:
    """The library that a module which is not loaded belongs to, by its name and file."""
    return _home(name.partition(".")[0], None if file in (None, "built-in", "frozen") else file)


@cache
def _home(root: str, file: str | None) -> str | None:
    if root in BY_NAME:
        return root
    if file is None:
        return "python" if root in sys.stdlib_module_names or root in sys.builtin_module_names else _installed(root)
    parts = Path(file).parts
    if not _INSTALLED.isdisjoint(parts):
        last = max(place for place, part in enumerate(parts) if part in _INSTALLED)
        top = parts[last + 1].partition(".")[0] if last + 1 < len(parts) else root
        return top if top in BY_NAME else "potemkin" if _is_our_file(root, file) else _installed(top)
    if os.path.realpath(file).startswith(_PYTHON):
        return "python"
    return "potemkin" if _is_our_file(root, file) else None


def _is_our_file(root: str, file: str) -> bool:
    return root in _OURS and os.path.realpath(file).startswith(os.path.join(os.path.realpath(_OUR_ROOT), root, ""))


def _installed(root: str) -> str | None:
    """Name and version of the distributions that a package came with; None where it came with none."""
    found = sorted(set(_distributions().get(root, ())))
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in found) or None


@cache
def _distributions() -> Mapping[str, Sequence[str]]:
    return importlib.metadata.packages_distributions()


def found(module: str, qualname: str) -> Any:
    """What a dotted name leads to; None where it leads to nothing."""
    value: Any = sys.modules.get(module)
    for name in qualname.split("."):
        value = getattr(value, name, None)
    return value
