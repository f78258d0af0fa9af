"""YAML without its traps: no duplicate keys, no aliases, no tags, caps, and the line of everything read."""

from __future__ import annotations

import pathlib
import re
from copy import deepcopy
from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from bench.errors import UsageError
from bench.files import Refused, read_file, size_text

SIZE_CAP = 256_000
"""Bytes. A suite is a page or two; anything larger is a mistake or an attack."""
DEPTH_CAP = 50
"""Of lists and mappings within each other."""
TOKEN_CAP = 20_000
"""Values, keys and marks: what a second is enough for."""
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")}
"""What plain YAML text can come to."""
_PLAIN = {"tag:yaml.org,2002:int": r"[-+]?(0|[1-9][0-9]*)", "tag:yaml.org,2002:bool": r"true|false|True|False"}
"""How values look whose YAML reading surprises nobody: not 0777 (511), 1:30 (90) or no (False)."""

Path = tuple[str | int, ...]


def text_of(file: Traversable, called: str) -> str:
    """A file's text. Raises UsageError where it cannot be read, or is larger than the cap."""
    try:
        if isinstance(file, pathlib.Path):
            return read_file(file, 4 * SIZE_CAP).decode()  # of which as many characters as the cap may come
        return file.read_text(encoding="utf-8")
    except Refused as error:
        raise UsageError(f"{called} {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {called}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None


def read_yaml(text: str, origin: str) -> tuple[Any, dict[Path, int]]:
    """The document and the line (from 1) of every value, by its path of keys and positions.

    Raises UsageError, which names `origin` and the line, for what is not YAML, too large, or one of the traps above.
    """
    if len(text) > SIZE_CAP:
        raise UsageError(f"{origin}: larger than {size_text(SIZE_CAP)}, the most that is read: {size_text(len(text))}")
    try:
        data, lines = _parsed(text)
        return deepcopy(data), dict(lines)  # the caller's to change
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{origin}{where}: {error.problem or error.context}") from None
    except RecursionError:
        raise UsageError(f"{origin}: nested too deeply; {DEPTH_CAP} levels are the most that is read") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{origin}: {' '.join(str(error).split())}") from None


@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[Any, dict[Path, int]]:
    """What a text comes to; remembered, since every run reads the suites that ship once more."""
    lines: dict[Path, int] = {}
    node = yaml.compose(text, Loader=_Loader)
    return (None if node is None else _build(node, (), lines)), lines


class _Loader(yaml.SafeLoader):
    """Reads no further than the caps: what follows may take minutes to read, or memory without end."""

    def fetch_more_tokens(self) -> None:
        super().fetch_more_tokens()
        last = self.tokens[-1]
        if isinstance(last, (yaml.AliasToken, yaml.AnchorToken)):
            raise _trap("aliases and anchors are not allowed", last)
        if self.flow_level + len(self.indents) > DEPTH_CAP:
            raise RecursionError
        if self.tokens_taken > TOKEN_CAP:
            raise _trap(f"more than {TOKEN_CAP} values and marks", last)


def _build(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if node.tag not in _TAGS:
        raise _trap(f"tag {_short(node.tag)} is not allowed", node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), lines) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _trap("a key must be a plain word", key)
            if key.value in built:
                raise _trap(f"key {_short(key.value)!r} stands here twice", key)
            built[key.value] = _build(value, (*path, key.value), lines)
            lines[*path, key.value] = key.start_mark.line + 1
        return built
    try:
        scalar = yaml.SafeLoader("").construct_object(node)
        if getattr(node, "style", None) is None and not re.fullmatch(_PLAIN.get(node.tag, r"(?s:.*)"), node.value):
            read = _short(repr(scalar))
            raise _trap(f"YAML reads {_short(node.value)!r} as {read}; write it plainly or in quotes", node)
    except ValueError as error:  # such as the date 2020-13-45, or a number of more digits than Python prints
        raise _trap(f"{_short(node.value)!r}: {error}", node) from None
    return scalar


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _trap(problem: str, at: yaml.Node | yaml.Token) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
