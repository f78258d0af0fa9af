"""`bench check`: is a model right, before its numbers count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bench.cli.options import AsJson, Device
from bench.cli.output import print_json, print_table

if TYPE_CHECKING:
    from bench.checks.report import Report
    from bench.running.roster import Models

DATASET = "mnist"
"""For models that do not say which they are for."""
Dataset = Annotated[str | None, Option(help="Whose test examples to show; else the registered one, or mnist.")]


def command(
    model: Annotated[str, Argument(metavar="MODEL|FILE.py[:OBJECT]", help="A model, as --model of a suite.")],
    dataset: Dataset = None,
    n: Annotated[int, Option(min=1, help="Number of examples, drawn from all classes alike.")] = 200,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Check a model before its numbers count: labels, scores, gradients. Exits with 1 where a check fails."""
    found = []
    for name, data, report in _reports(model, dataset, n, device):
        found.append({"model": name, "dataset": data, **report.as_dict()})
        if not as_json:
            print_table(report.table(f"{name} on {data}"))
    if as_json:
        print_json(found)
    if not all(entry["ok"] for entry in found):
        raise typer.Exit(1)


def _reports(spec: str, dataset: str | None, n: int, device: str) -> Iterator[tuple[str, str, Report]]:
    """Name, dataset and report of each model; a file of several is checked model by model."""
    from bench import zoo
    from bench.datasets import open_dataset
    from bench.progress import Plain
    from bench.running.roster import Models, offers

    own = open_dataset(dataset or DATASET)
    references = zoo.names(own.name)
    if spec in references:
        yield spec, own.name, _report(Models(own, device, Plain()), spec, n)
        return
    for offer in offers(spec, references, dataset):
        models = Models(open_dataset(dataset or offer.dataset or DATASET), device)
        models.add_guest(offer.name, offer.resolve)
        yield offer.name, models.dataset.name, _report(models, offer.name, n)


def _report(models: Models, name: str, n: int) -> Report:
    from bench.planning.plan import indices
    from bench.records.record import Slice
    from bench.testing import check_adapter

    data = models.dataset
    size = data.sizes["test"]
    part = Slice(split="test", stop=min(n, size), of=size, sample=0 if n < size else None)
    taken = indices(part, data.labels("test"))
    x, y = data.examples("test", taken), data.labels("test")[taken]
    return check_adapter(models.adapter(name), x, y, clip=data.bounds)
