"""`bench check`: is a model right, before its numbers count."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bench.cli.options import AsJson, Data, Device, Isolate, MemoryLimit, StartTimeout, Timeout, limits_of
from bench.cli.output import print_json, print_table
from bench.errors import UsageError
from bench.running.isolation.limits import START_TIMEOUT, TIMEOUT, Limits

if TYPE_CHECKING:
    from adapters.errors import Ended
    from bench.checks.report import Report
    from bench.datasets import Dataset as Examples
    from bench.running.roster import Models

DATASET = "mnist"
"""For models that do not say which they are for."""
Dataset = Annotated[str | None, Option(help="Whose test examples to show; else the registered one, or mnist.")]


def command(
    model: Annotated[str, Argument(metavar="MODEL|FILE.py[:OBJECT]", help="A model, as --model of a suite.")],
    dataset: Dataset = None,
    data: Data = None,
    n: Annotated[int, Option(min=1, help="Number of examples, drawn from all classes alike.")] = 200,
    device: Device = "auto",
    isolate: Isolate = True,
    timeout: Timeout = TIMEOUT,
    start_timeout: StartTimeout = START_TIMEOUT,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
) -> None:
    """Check a model before its numbers count: labels, scores, gradients. Exits with 1 where a check fails."""
    found = []
    limits = limits_of(isolate, timeout, start_timeout, memory_limit)
    for name, shown, report in _reports(model, dataset, data, n, device, limits):
        found.append({"model": name, "dataset": shown, **report.as_dict()})
        if not as_json:
            print_table(report.table(f"{name} on {shown}"))
    if as_json:
        print_json(found)
    if not all(entry["ok"] for entry in found):
        raise typer.Exit(1)


def _reports(
    spec: str, dataset: str | None, path: Path | None, n: int, device: str, limits: Limits | None
) -> Iterator[tuple[str, str, Report]]:
    """Name, dataset and report of each model; a file of several is checked model by model."""
    from adapters.errors import Ended
    from bench import zoo
    from bench.datasets import options_of
    from bench.progress import SILENT, Plain
    from bench.running.isolation.models import Isolated
    from bench.running.roster import Models, offers

    options_of(dataset or DATASET)  # which tells of an unknown one
    references = zoo.names(dataset or DATASET)
    if spec in references:
        own = _opened(dataset or DATASET, path)
        yield spec, own.name, _report(Models(own, device, Plain()), spec, n)
        return
    isolated = None if limits is None else Isolated(limits, SILENT.say)
    with contextlib.nullcontext() if isolated is None else contextlib.closing(isolated):
        try:
            found = offers(spec, references, dataset, isolated)
        except Ended as error:
            yield spec, dataset or DATASET, _lost(error)
            return
        for offer in found:
            models = Models(_opened(dataset or offer.dataset or DATASET, path), device, isolated=isolated)
            models.add(offer)
            yield offer.name, models.dataset.name, _report(models, offer.name, n)


def _opened(name: str, path: Path | None) -> Examples:
    """The dataset of a name, at a path where it is read from one."""
    from bench.datasets import open_dataset, options_of

    takes = options_of(name)
    if path is None and takes.get("path"):
        raise UsageError(f"dataset {name} is read from a path; say which with --data PATH")
    if path is not None and "path" not in takes:
        raise UsageError(f"dataset {name} is read from no path; leave out --data")
    return open_dataset(name, **({} if path is None else {"path": str(path)}))


def _report(models: Models, name: str, n: int) -> Report:
    from adapters.errors import Ended
    from bench.records.record import Slice
    from bench.records.sampling import indices
    from bench.testing import check_adapter

    data = models.dataset
    size = data.sizes["test"]
    part = Slice(split="test", stop=min(n, size), of=size, sample=0 if n < size else None)
    taken = indices(part, data.labels("test"))
    x, y = data.examples("test", taken), data.labels("test")[taken]
    try:
        adapter = models.adapter(name)
    except Ended as error:
        return _lost(error)
    return check_adapter(adapter, x, y, clip=data.bounds, classes=len(data.classes))


def _lost(error: Ended) -> Report:
    """Of a model that did not start, because its process ended or took too long."""
    from bench.checks.report import Report, Verdict

    return Report("not started", (Verdict("start", "fail", f"{error.kind}: {error}", "run it with --no-isolate"),))
