"""The command that makes a row again: a suite of that one attack, as a file, and the call that runs it.

A cell's identity is the data, the attack, the threat and the models, and no suite's: what such a suite runs is the very
cell of the row (see docs/records.md).
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from typing import Any

import yaml

from bench.board.measured import Measured
from bench.board.versions import REFITTED
from bench.planning.suite import Suite, earlier, names
from bench.report.page.given import Board

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class Again:
    """How a row is made again."""

    file: str
    """Name of the suite file."""
    text: str
    """What stands in it."""
    command: str


def again(board: Board, row: Measured) -> Again:
    """The suite file of a row, and the command that runs it."""
    entry = _entry(board, row)
    suite: dict[str, Any] = {"dataset": board.suite.dataset.model_dump()}
    if board.suite.models:
        suite["models"] = list(board.suite.models)
    if board.suite.seed:
        suite["seed"] = board.suite.seed
    suite["attacks"] = [entry]
    mark = hashlib.sha256(repr(suite).encode()).hexdigest()[:8]
    name = f"{board.suite.suite[:40]}-{row.made.name[:28]}-{mark}"
    text = yaml.dump({"suite": name, **suite}, Dumper=DUMPER, sort_keys=False, default_flow_style=None, width=110)
    runs = row.source if row.source is not None and row.source.name in board.view.guests else row.target
    command = f"bench suite {name}.yaml --model {_spec(board, runs.name)}"
    part = row.cell.craft.slice
    if row.entry.n is None and part.partial:
        command += f" --limit {part.stop}"
    return Again(f"{name}.yaml", text, f"{command} --ignore-published --out again")


def whole(board: Board, model: str) -> str:
    """The command that recomputes all of a model's rows of a suite, compares, and overwrites nothing."""
    return f"bench suite {_called(board.suite)} --model {_spec(board, model)} --rerun all"


def _called(suite: Suite) -> str:
    """A suite that ships by its name, an earlier version with its number, one of somebody's own by its file."""
    if suite.suite not in names():
        return f"{suite.suite}.yaml"
    version = f"{suite.suite}@{suite.version}"
    return version if version in earlier(suite.suite) else suite.suite


def _entry(board: Board, row: Measured) -> dict[str, Any]:
    """A row's attack at its one size, as suites write it."""
    entry, threat = row.entry, row.cell.threat
    told: dict[str, Any] = {"attack": entry.attack}
    if threat.norm is not None:
        told["norm"] = threat.norm
    if threat.eps is not None:
        told["eps"] = [threat.eps]
    if threat.norm is not None and not entry.clip:
        told["clip"] = False
    if row.source is not None and not row.cell.white_box:
        source = row.source.name.removesuffix(REFITTED)
        told["sources"] = "all" if source not in board.suite.models else [source]
    if entry.n is not None:
        told["n"] = entry.n
    if entry.criterion is not None:
        told["criterion"] = entry.criterion.model_dump(mode="json", exclude_none=True)
    return told | {key: _plain(value) for key, value in entry.parameters.items()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _spec(board: Board, model: str) -> str:
    """What `--model` is given: a reference model's name, or the file of another, whose place nobody recorded."""
    name = model.removesuffix(REFITTED)
    return shlex.quote(name if name in board.suite.models else f"FILE.py:{name}")
