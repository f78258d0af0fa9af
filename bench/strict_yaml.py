"""YAML without its traps: no duplicate keys, no aliases, no tags, a size cap, and the line of everything read."""

from __future__ import annotations

import re
from typing import Any

import yaml

from bench.errors import UsageError

SIZE_CAP = 256_000
"""Bytes. A suite is a page or two; anything larger is a mistake or an attack."""

_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")}
"""What plain YAML text can come to."""

_ANY = re.compile(r".*", re.DOTALL)
_PLAIN = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "tag:yaml.org,2002:bool": re.compile(r"true|false|True|False"),
}
"""How values look whose YAML reading surprises nobody: not 0777 (511), 1:30 (90) or no (False)."""

Path = tuple[str | int, ...]


def read_yaml(text: str, origin: str) -> tuple[Any, dict[Path, int]]:
    """The document and the line (from 1) of every value, by its path of keys and positions.

    Raises:
        UsageError: not YAML, too large, or one of the traps above; names `origin` and the line.
    """
    if len(text) > SIZE_CAP:
        raise UsageError(f"{origin}: larger than {SIZE_CAP // 1000} kB")
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, (yaml.AliasToken, yaml.AnchorToken)):
                raise UsageError(f"{origin}, line {token.start_mark.line + 1}: aliases and anchors are not allowed")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[Path, int] = {}
        return (None if node is None else _build(node, (), lines, origin)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{origin}{where}: {error.problem or error.context}") from None
    except RecursionError:
        raise UsageError(f"{origin}: nested too deeply") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{origin}: {' '.join(str(error).split())}") from None


def _build(node: yaml.Node, path: Path, lines: dict[Path, int], origin: str) -> Any:
    line = node.start_mark.line + 1
    lines[path] = line
    if node.tag not in _TAGS:
        raise UsageError(f"{origin}, line {line}: tag {node.tag} is not allowed")
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError(f"{origin}, line {key_node.start_mark.line + 1}: a key must be a plain word")
            if key in built:
                raise UsageError(f"{origin}, line {key_node.start_mark.line + 1}: key {key!r} stands here twice")
            built[key] = _build(value_node, (*path, key), lines, origin)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), lines, origin) for index, item in enumerate(node.value)]
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except ValueError as error:  # such as the date 2020-13-45
        raise UsageError(f"{origin}, line {line}: {node.value!r}: {error}") from None
    if getattr(node, "style", None) is None and not _PLAIN.get(node.tag, _ANY).fullmatch(node.value):
        raise UsageError(
            f"{origin}, line {line}: YAML reads {node.value!r} as {value!r}; write it plainly or in quotes"
        )
    return value
