"""What models are tested on. A dataset is one file here and one line in `bench.registry`."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

from bench import registry
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown

__all__ = ["Dataset", "names", "open_dataset", "options_of"]


def names() -> tuple[str, ...]:
    """The names that `open_dataset` knows."""
    return registry.names("dataset")


def open_dataset(name: str, **options: Any) -> Dataset:
    """The dataset of that name. Packaged ones read no examples yet; folders are read once, for their checksum.

    `options` are the dataset's own, such as `path=` of the folders. Raises UsageError for an unknown name or option, a
    missing option, and data that can't be used.
    """
    known = options_of(name)
    for option in options:
        if option not in known:
            raise unknown(f"option of dataset {name!r}", option, known)
    for option, needed in known.items():
        if needed and option not in options:
            raise UsageError(f"dataset {name!r} needs {option!r}; give {option}: ... beside its name")
    dataset: Dataset = registry.get("dataset", name)(**options)
    return dataset


def options_of(name: str) -> dict[str, bool]:
    """The options that `open_dataset` takes for that name, and whether it needs them; UsageError for an unknown one."""
    parameters = signature(registry.get("dataset", name)).parameters
    return {option: parameter.default is Parameter.empty for option, parameter in parameters.items()}
