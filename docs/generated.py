"""Parts of the reference that are made of the program itself: suites' keys, attacks, norms, commands."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bench import datasets as dataset_table
from bench import registry
from bench.attacks import attack_class
from bench.attacks.base import Attack
from bench.planning.entry import Entry
from bench.planning.suite import DatasetChoice, RankBy, Suite, load_suite
from bench.threats import NORMS, Criterion


def suite_keys() -> str:
    """The keys of a suite file and of its parts, a table each, from the models that check them."""
    parts: list[tuple[str, type[BaseModel]]] = [
        ("The file", Suite),
        ("`dataset`", DatasetChoice),
        ("An entry of `attacks`", Entry),
        ("`criterion` of an entry", Criterion),
        ("`rank_by`", RankBy),
    ]
    return "\n\n".join(f"## {title}\n\n{_paragraphs(kind)}\n\n{_fields(kind)}" for title, kind in parts)


def attacks() -> str:
    """Every attack: what it is, what it needs, which norms it bounds, its parameters."""
    return "\n\n".join(map(_attack, registry.each("attack", attack_class)))


def norms() -> str:
    """The norms by name."""
    return table(
        ("`norm`", "name", "what it is"),
        [(f"`{name}`", norm.title, _paragraphs(type(norm)).split("\n\n")[0]) for name, norm in NORMS.items()],
    )


def suites() -> str:
    """The suites that ship."""
    found = list(registry.each("suite", load_suite))
    rows = [(f"`{s.suite}`", str(s.version), f"`{s.dataset.name}`", str(len(s.models)), s.summary) for s in found]
    return table(("suite", "version", "dataset", "models", "what it does"), rows)


def datasets() -> str:
    """The datasets by name, with what each takes."""
    rows = []
    for name in dataset_table.names():
        takes = ", ".join(f"`{option}`" for option in dataset_table.options_of(name))
        made = registry.get("dataset", name)
        rows.append((f"`{name}`", _one_line(inspect.getdoc(made) or ""), takes))
    return table(("dataset", "what it is", "takes"), rows)


def commands() -> str:
    """Every command with its arguments and options, as its own help says them."""
    from typer.main import get_command

    from bench.cli.app import app

    group: Any = get_command(app)
    return "\n\n".join(_command(name, command) for name, command in group.commands.items())


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table."""
    lines = [headers, [":--"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _attack(kind: type[Attack]) -> str:
    module = inspect.getdoc(inspect.getmodule(kind)) or ""
    asks = {"nothing": "no model: nothing is asked of one", "structure": "the structure of the model"}
    facts = [
        f"- role: {kind.role}",
        f"- asks for: {asks.get(kind.needs, kind.needs)}",
        f"- norms: {', '.join(f'`{norm}`' for norm in kind.norms) or 'none'}",
        f"- revision: {kind.revision}",
    ]
    parameters = _fields(kind) if kind.model_fields else "It has no parameters."
    return "\n\n".join([f"## `{kind.name}`", _tidy(module), _paragraphs(kind), "\n".join(facts), parameters])


def _command(name: str, command: Any) -> str:
    context = command.context_class(command, info_name=f"bench {name}")
    records = [parameter.get_help_record(context) for parameter in command.params if parameter.name != "help"]
    rows = [(f"`{shown}`", f"{_one_line(said)}") for shown, said in filter(None, records)]
    usage = f"bench {name} " + " ".join(command.collect_usage_pieces(context))
    said = _one_line(command.help or "")
    return f"## bench {name}\n\n{said}\n\n```text\n{usage}\n```\n\n" + table(("", "what it does"), rows)


def _fields(kind: type[BaseModel]) -> str:
    said = _said_of_fields(kind)
    rows = []
    for name, field in kind.model_fields.items():
        if kind is Entry and name == "parameters":
            rows.append(("*any other*", "", "", said.get(name, "")))
            continue
        rows.append((f"`{name}`", _type(field), _default(field), said.get(name, field.description or "")))
    return table(("key", "takes", "default", "meaning"), rows)


def _said_of_fields(kind: type[BaseModel]) -> dict[str, str]:
    """The docstrings below the fields of a class and of those it derives from."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if not (issubclass(each, BaseModel) and each is not BaseModel):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, after in zip(body.body, body.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                found[field.target.id] = _one_line(str(after.value.value))
    return found


def _type(field: FieldInfo) -> str:
    """What a field takes, in words."""
    words = _words(field.annotation)
    bounds = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    told = [
        f"{word} {getattr(mark, name):g}"
        for mark in field.metadata
        for name, word in bounds.items()
        if getattr(mark, name, None) is not None
    ]
    return ", ".join([words, *told])


def _words(kind: Any) -> str:
    names = {
        int: "integer",
        float: "number",
        str: "text",
        bool: "true or false",
        type(None): "nothing",
        Any: "anything",
    }
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _words(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(each) for each in arguments if each is not type(None))
    if origin in (list, tuple):
        return f"one or a list of: {_words(arguments[0])}" if origin is tuple else f"list of {_words(arguments[0])}"
    if origin is dict:
        return "mapping"
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return "mapping, below" if kind is not Entry else "entries, below"
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value in ("", (), [], {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


def _paragraphs(kind: type) -> str:
    """A class's own docstring."""
    return _tidy(inspect.cleandoc(kind.__dict__.get("__doc__") or ""))


def _tidy(text: str) -> str:
    """A docstring as Markdown: what begins with a section of Google's style is left to the reference of Python."""
    return re.split(r"^(?:Args|Raises|Returns):", text, flags=re.MULTILINE)[0].strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())
