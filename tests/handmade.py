"""Suites, models, records and whole shelves of results made by hand, small enough to work out every number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.board.view import View
from bench.datasets import Dataset
from bench.planning.plan import expand
from bench.planning.suite import Suite, parse_suite
from bench.records.packing import pack_floats, pack_integers
from bench.records.record import (
    AttackId,
    Cell,
    Craft,
    DatasetId,
    Examples,
    Failure,
    ModelInfo,
    Record,
    Result,
    Run,
    Slice,
)
from bench.records.sampling import indices
from bench.threats import MISCLASSIFIED, Criterion, Threat

CHECKSUM = "c" * 64


def toy(labels: Sequence[int] = (0, 1, 2, 0, 1, 2), classes: int = 3, checksum: str = CHECKSUM) -> Dataset:
    """Examples of 4 features, in [0, 1], with these labels as the test split."""
    n = len(labels)
    return Dataset(
        name="toy",
        input_shape=(4,),
        classes=tuple(str(k) for k in range(classes)),
        sizes={"test": n},
        checksum=checksum,
        read=lambda split: (np.zeros((n, 4), np.uint8), np.asarray(labels)),
    )


def model(name: str, gradient: Any = "exact", **more: Any) -> ModelInfo:
    """A model whose fingerprint is the hash of its name, unless one is given."""
    given = {"fingerprint": hashlib.sha256(name.encode()).hexdigest(), "family": "network"} | more
    return ModelInfo(name=name, gradient=gradient, **given)


def suite_of(attacks: str, models: Sequence[str] = (), rank_eps: float | None = None, **more: Any) -> Suite:
    """A suite over `toy` from the YAML of its attacks."""
    lines = ["suite: toy-suite", "dataset: {name: toy}", f"models: [{', '.join(models)}]"]
    lines += [f"{key}: {value}" for key, value in more.items()]
    if rank_eps is not None:
        lines.append(f"rank_by: {{eps: {rank_eps}}}")
    return parse_suite("\n".join([*lines, "attacks:", attacks]), "toy.yaml")


def run(finished: str = "2025-01-01T00:00:00.000+00:00", **more: Any) -> Run:
    given: dict[str, Any] = {
        "seconds": 0.5,
        "device": "x86_64 cpu, 2 cores",
        "threads": 2,
        "batch": 500,
        "host": "here",
        "versions": {"python": "3.11.2"},
    }
    return Run(finished=finished, **(given | more))


def cell(
    target: ModelInfo | None = None,
    source: ModelInfo | None = None,
    threat: Threat | None = None,
    criterion: Criterion = MISCLASSIFIED,
    attack: AttackId | None = None,
    part: Slice | None = None,
    seed: int = 0,
) -> Cell:
    """A cell of six toy examples: by default the clean pass on model `a`."""
    craft = Craft(
        dataset=DatasetId(name="toy", checksum=CHECKSUM),
        slice=part or Slice(split="test", stop=6, of=6),
        attack=attack or AttackId(name="clean", revision=1, parameters={}),
        source=source,
        seed=seed,
    )
    return Cell(craft=craft, threat=threat or Threat(), criterion=criterion, target=target or model("a"))


def result(
    asked: Cell,
    predicted: Sequence[int],
    true: Sequence[int] | None,
    goal: Sequence[int] | None = None,
    index: Sequence[int] | None = None,
    margin: Sequence[float] | None = None,
    distance: Sequence[float] | None = None,
    **more: Any,
) -> Result:
    """A result with its counts worked out in plain Python."""
    counted = range(len(predicted)) if goal is None else [i for i, g in enumerate(goal) if g >= 0]
    wrong = [i for i in counted if true is not None and predicted[i] >= 0 and predicted[i] != true[i]]
    hits = wrong if goal is None else [i for i in counted if predicted[i] == goal[i]]

    def packed(values: Sequence[int] | None) -> str | None:
        return None if values is None else pack_integers(np.asarray(values))

    return Result(
        **{
            "status": "ok",
            "n": len(counted),
            "errors": None if true is None else len(wrong),
            "abstentions": sum(predicted[i] < 0 for i in counted),
            "successes": len(hits),
            "examples": Examples(
                predicted=pack_integers(np.asarray(predicted)),
                true=packed(true) if asked.craft.attack.name == "clean" else None,
                goal=packed(goal),
                index=packed(index),
                margin=None if margin is None else pack_floats(np.asarray(margin, np.float32)),
                distance=None if distance is None else pack_floats(np.asarray(distance, np.float32)),
            ),
        }
        | more
    )


def record(asked: Cell | None = None, predicted: Sequence[int] = (0, 1, 2, 0, 1, 1), **more: Any) -> Record:
    """A record of six toy examples; by default the clean pass with one mistake."""
    asked = asked or cell()
    how = more.pop("run", None) or run()
    return Record(id=asked.id, cell=asked, result=result(asked, predicted, (0, 1, 2, 0, 1, 2), **more), run=how)


def failure(asked: Cell | None = None, kind: str = "exception", message: str = "ValueError: no") -> Failure:
    asked = asked or cell()
    return Failure(id=asked.id, cell=asked, kind=kind, message=message, run=run())


Answer = Callable[[Cell], Any]
"""What a cell came to: labels, `(labels, fields of the result)`, a `Result`, a `Failure`, or None for not run."""


def shelved(
    suite: Suite,
    answer: Answer,
    *,
    dataset: Dataset | None = None,
    references: Sequence[ModelInfo] = (),
    guests: Sequence[ModelInfo] = (),
    limit: int | None = None,
    finished: str = "2025-01-01T00:00:00.000+00:00",
) -> tuple[dict[str, Record], dict[str, Failure]]:
    """Records and failures of a suite whose cells came to these answers."""
    data = dataset or toy()
    known, visiting = ({info.name: info for info in group} for group in (references, guests))
    records: dict[str, Record] = {}
    failures: dict[str, Failure] = {}
    for planned in expand(suite, data, known, visiting, limit=limit):
        asked = planned.cell
        given = answer(asked)
        if isinstance(given, Failure):
            failures[asked.id] = given
        elif given is not None:
            found = given if isinstance(given, Result) else _result(asked, given, data)
            records[asked.id] = Record(id=asked.id, cell=asked, result=found, run=run(finished))
    return records, failures


def _result(asked: Cell, given: Any, data: Dataset) -> Result:
    labels, more = given if isinstance(given, tuple) else (given, {})
    part = asked.craft.slice
    if part.split is None:
        return result(asked, labels, None, **more)
    chosen = indices(part, data.labels(part.split))
    true = data.labels(part.split)[chosen].tolist()
    columns = {"index": chosen.tolist()} if part.partial else {}
    if asked.criterion.kind == "targeted":
        columns["goal"] = [(value + 1) % len(data.classes) for value in true]
    return result(asked, labels, true, **columns | more)


def viewed(suite: Suite, answer: Answer, **more: Any) -> View:
    """The view of a suite whose cells came to these answers."""
    return View(suite, more.get("dataset") or toy(), *shelved(suite, answer, **more))
