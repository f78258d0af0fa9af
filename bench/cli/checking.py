"""What `bench check` does: the checks of a model on examples of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bench import zoo
from bench.datasets import Dataset, open_dataset
from bench.planning.plan import indices
from bench.records.record import Slice
from bench.running.roster import Models, offers

if TYPE_CHECKING:
    from adapters.base import Adapter
    from bench.checks.report import Report

DATASET = "mnist"
"""For models that do not say which they are for."""


def reports(
    spec: str, *, dataset: str | None, n: int, device: str, say: Callable[[str], None]
) -> Iterator[tuple[str, str, Report]]:
    """Name, dataset and report of each model.

    Args:
        spec: a model as `--model` takes it; a file of several is checked model by model.
        dataset: whose test examples are shown; None for the one that the model is registered for, else MNIST.
        n: number of examples, at most.
        device: `auto`, `cpu` or `cuda`.
        say: told in a line what takes long.

    Raises:
        UsageError: bad input, or a model that does not take the dataset's inputs.
    """
    own = open_dataset(dataset or DATASET)
    references = zoo.names(own.name)
    if spec in references:
        yield spec, own.name, _report(Models(own, device, say).adapter(spec), own, n)
        return
    for offer in offers(spec, references, dataset):
        data = open_dataset(dataset or offer.dataset or DATASET)
        models = Models(data, device, say)
        models.add_guest(offer.name, offer.resolve)
        yield offer.name, data.name, _report(models.adapter(offer.name), data, n)


def _report(adapter: Adapter, data: Dataset, n: int) -> Report:
    from bench.testing import check_adapter

    size = data.sizes["test"]
    part = Slice(split="test", stop=min(n, size), of=size, sample=0 if n < size else None)
    taken = indices(part, data.labels("test"))
    x, y = data.examples("test", taken), data.labels("test")[taken]
    return check_adapter(adapter, x, y, clip=data.bounds)
