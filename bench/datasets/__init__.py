"""What models are tested on. A dataset is one file here and one line in the table below."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown

__all__ = ["Dataset", "names", "open_dataset", "options_of"]

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
    maker = _maker(name)
    known = signature(maker).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of dataset {name!r}", option, known)
    for option, parameter in known.items():
        if parameter.default is Parameter.empty and option not in options:
            raise UsageError(f"dataset {name!r} needs {option!r}; give {option}: ... beside its name")
    return maker(**options)


def options_of(name: str) -> tuple[str, ...]:
    """The options that `open_dataset` takes for that name. Raises UsageError for an unknown one."""
    return tuple(signature(_maker(name)).parameters)


def _maker(name: str) -> Callable[..., Dataset]:
    if name not in _TABLE:
        raise unknown("dataset", name, _TABLE)
    module, function = _TABLE[name].split(":")
    maker: Callable[..., Dataset] = getattr(import_module(module), function)
    return maker
