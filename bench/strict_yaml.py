"""YAML without its traps: no duplicate keys, no aliases, no tags, a size cap, and the line of everything read."""

from __future__ import annotations

import re
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from bench.errors import UsageError

SIZE_CAP = 256_000
"""Bytes. A suite is a page or two; anything larger is a mistake or an attack."""
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")}
"""What plain YAML text can come to."""
_PLAIN = {"tag:yaml.org,2002:int": r"[-+]?(0|[1-9][0-9]*)", "tag:yaml.org,2002:bool": r"true|false|True|False"}
"""How values look whose YAML reading surprises nobody: not 0777 (511), 1:30 (90) or no (False)."""

Path = tuple[str | int, ...]


def text_of(file: Traversable, called: str) -> str:
    """A file's text. Raises UsageError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {called}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None


def read_yaml(text: str, origin: str) -> tuple[Any, dict[Path, int]]:
    """The document and the line (from 1) of every value, by its path of keys and positions.

    Raises UsageError, which names `origin` and the line, for what is not YAML, too large, or one of the traps above.
    """
    if len(text) > SIZE_CAP:
        raise UsageError(f"{origin}: larger than {SIZE_CAP // 1000} kB")
    lines: dict[Path, int] = {}
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, (yaml.AliasToken, yaml.AnchorToken)):
                raise _trap("aliases and anchors are not allowed", token)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return (None if node is None else _build(node, (), lines)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{origin}{where}: {error.problem or error.context}") from None
    except RecursionError:
        raise UsageError(f"{origin}: nested too deeply") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{origin}: {' '.join(str(error).split())}") from None


def _build(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if node.tag not in _TAGS:
        raise _trap(f"tag {node.tag} is not allowed", node)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), lines) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _trap("a key must be a plain word", key)
            if key.value in built:
                raise _trap(f"key {key.value!r} stands here twice", key)
            built[key.value] = _build(value, (*path, key.value), lines)
            lines[*path, key.value] = key.start_mark.line + 1
        return built
    try:
        scalar = yaml.SafeLoader("").construct_object(node)
    except ValueError as error:  # such as the date 2020-13-45
        raise _trap(f"{node.value!r}: {error}", node) from None
    if getattr(node, "style", None) is None and not re.fullmatch(_PLAIN.get(node.tag, r"(?s:.*)"), node.value):
        raise _trap(f"YAML reads {node.value!r} as {scalar!r}; write it plainly or in quotes", node)
    return scalar


def _trap(problem: str, at: yaml.Node | yaml.Token) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
