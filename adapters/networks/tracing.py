"""A network's layers, read off what it does to one input: every operation of torch's that its values go through.

The operations are seen where torch carries them out, below modules, functions, methods and operators alike, so how the
network is written does not matter. What does not depend on the input is a constant, and computed. An operation that is
not understood spoils its result and nothing else; only where the outputs depend on it is the network none to be opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from adapters.errors import Unsupported
from adapters.networks.operations import OPERATIONS
from adapters.networks.steps import CONSTANT, PEEKS, Step
from adapters.structures.layers import Layer


class Path(NamedTuple):
    """How a tensor came out of the input."""

    layers: tuple[Layer, ...] = ()
    end: str = ""
    """A softmax or sigmoid after all layers."""
    spoiled: str = ""
    """Why it is not known."""


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the values of one input while a network runs."""

    def __init__(self, x: Tensor) -> None:
        """
        Args:
            x: `(1, *input_shape)`, which the network is then given within this context.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._paths: dict[int, tuple[Tensor, Path]] = {}
        self._written: set[int] = set()
        """Memory that something depending on the input was written into in a way that is not followed."""
        self.types: set[torch.dtype] = set()
        """Floating-point types of all that was followed."""
        self._follow(x, Path())

    def path_of(self, result: Tensor) -> Path:
        """How a result came out of the input.

        Raises:
            Unsupported: that is not known, or it does not depend on the input at all.
        """
        path = self._known(result)
        if path is None:
            raise Unsupported("its outputs cannot be followed from its inputs: they leave torch, or are constant")
        if path.spoiled:
            raise Unsupported(path.spoiled)
        return path

    def __torch_dispatch__(
        self, func: Any, types: Sequence[Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        followed = [(tensor, path) for tensor in _tensors((args, given)) if (path := self._known(tensor)) is not None]
        before = [(tensor.shape, tensor.dtype) for tensor, _ in followed]
        name = str(func._schema.name).partition("::")[2]
        if followed and name in PEEKS:
            raise Unsupported("which way it goes depends on the values of its input")
        result = func(*args, **given)
        if followed and name not in CONSTANT:
            self._note(name, func, args, given, followed, before, result)
        return result

    def _note(
        self,
        name: str,
        func: Any,
        args: tuple[Any, ...],
        given: dict[str, Any],
        followed: list[tuple[Tensor, Path]],
        before: list[tuple[torch.Size, torch.dtype]],
        result: Any,
    ) -> None:
        """Take down how the results came about; of a list of results, of each."""
        tensor, path = followed[0]
        bound = _bound(func, args, given)
        results = list(_tensors(result))
        for place, made in enumerate(results):
            many = len(results) > 1
            step = Step(name, func, bound, tensor, before[0][0], before[0][1], made, place if many else None)
            self._follow(made, self._after(step, path, len(followed)))
        written = [bound[each.name] for each in func._schema.arguments if _is_written(each) and each.name in bound]
        for target in _tensors(written):
            if any(target is each for each, _ in followed):
                self._spoil_aliases(target)
            else:
                self._written.add(_memory(target))

    def _after(self, step: Step, path: Path, count: int) -> Path:
        if path.spoiled:
            return path
        if count > 1:
            return path._replace(spoiled=f"{step.name} joins several paths through it, such as a residual connection")
        if path.end:
            if step.moves_nothing():
                return path
            return path._replace(spoiled=f"{step.name} comes after a {path.end}")
        try:
            layers, end = OPERATIONS[step.name](step) if step.name in OPERATIONS else step.dense()
        except Unsupported as error:
            return path._replace(spoiled=str(error))
        return Path(path.layers + tuple(layers), end)

    def _follow(self, tensor: Tensor, path: Path) -> None:
        self._paths[id(tensor)] = (tensor, path)  # kept alive: its id is its name
        if tensor.is_floating_point():
            self.types.add(tensor.dtype)

    def _known(self, tensor: Tensor) -> Path | None:
        found = self._paths.get(id(tensor))
        if found is not None:
            return found[1]
        if self._written and _memory(tensor) in self._written:
            return Path(spoiled="it writes what comes of its input into other tensors")
        return None

    def _spoil_aliases(self, target: Tensor) -> None:
        """Other views of memory that was written into in place are no longer what they were."""
        memory = _memory(target)
        for key, (tensor, path) in list(self._paths.items()):
            if tensor is not target and _memory(tensor) == memory:
                self._paths[key] = (tensor, path._replace(spoiled="it writes into tensors in place that it uses again"))


def _bound(func: Any, args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
    """All arguments by name."""
    arguments = func._schema.arguments
    bound = {each.name: each.default_value for each in arguments if each.has_default_value()}
    bound.update(zip((each.name for each in arguments), args, strict=False))
    return {**bound, **given}


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and bool(argument.alias_info.is_write)


def _memory(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return id(tensor)


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)
