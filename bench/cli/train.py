"""`bench train`: make a reference model anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from bench.cli.options import Data, Device, Style
from bench.cli.output import say
from bench.errors import UsageError


def command(
    model: Annotated[str, Argument(help="A reference model; see: bench list models.")],
    dataset: Annotated[str, Option(help="Which dataset's model of that name.")] = "mnist",
    data: Data = None,
    out: Annotated[Path | None, Option(help="Folder for the weights and the card; default: the user's cache.")] = None,
    epochs: Annotated[int | None, Option(min=1, help="Fewer than the recipe's: a trial, never put to use.")] = None,
    device: Device = "auto",
    quick: Annotated[
        bool, Option("--quick", help="By the quick recipe of bench paper --budget quick, where there is one.")
    ] = False,
    progress: Style = "auto",
) -> None:
    """Train or refit a reference model by its recipe."""
    from bench import zoo
    from bench.datasets import open_dataset, options_of
    from bench.progress import progress as telling

    if data is not None and "path" not in options_of(dataset):
        raise UsageError(f"dataset {dataset} is read from no path; leave out --data")
    opened = open_dataset(dataset, **({} if data is None else {"path": data}))
    budget: zoo.Budget = "quick" if quick else "full"
    with telling(progress) as teller:
        card = zoo.train(opened, model, out=out, epochs=epochs, budget=budget, device=device, progress=teller)
    say([f"{model} on {dataset}: {card.verdict}, fingerprint {card.fingerprint[:12]}"])
