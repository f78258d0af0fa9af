"""What models are tested on. A dataset is one file here and one line in the table below."""

from __future__ import annotations

from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown

__all__ = ["Dataset", "names", "open_dataset"]

# Strings, so that knowing the names imports none of the modules.
_TABLE = {
    "mnist": "bench.datasets.mnist:mnist",
    "mnist-3v7": "bench.datasets.mnist_3v7:mnist_3v7",
    "digits": "bench.datasets.digits:digits",
    "fashion-mnist": "bench.datasets.fashion_mnist:fashion_mnist",
    "cifar10": "bench.datasets.cifar10:cifar10",
    "cifar10-preprocessed": "bench.datasets.cifar10_preprocessed:cifar10_preprocessed",
    "idx-folder": "bench.datasets.idx_folder:idx_folder",
    "image-folder": "bench.datasets.image_folder:image_folder",
}


def names() -> tuple[str, ...]:
    """The names that `open_dataset` knows."""
    return tuple(_TABLE)


def open_dataset(name: str, **options: Any) -> Dataset:
    """The dataset of that name. Packaged ones read no examples yet; folders are read once, for their checksum.

    `options` are the dataset's own, such as `path=` of the folders. Raises UsageError for an unknown name or option, a
    missing option, and data that can't be used.
    """
    if name not in _TABLE:
        raise unknown("dataset", name, _TABLE)
    module, function = _TABLE[name].split(":")
    maker = getattr(import_module(module), function)
    known = signature(maker).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of dataset {name!r}", option, known)
    for option, parameter in known.items():
        if parameter.default is Parameter.empty and option not in options:
            raise UsageError(f"dataset {name!r} needs {option!r}; give {option}: ... beside its name")
    dataset: Dataset = maker(**options)
    return dataset
