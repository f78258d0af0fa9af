"""Bringing a model and a dataset together: input shape, precision, what a network's outputs are, class order."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from adapters.aligned import align
from adapters.base import Adapter
from adapters.ensembles import Ensemble
from adapters.errors import InvalidOutput, NotWrappable, ShapeMismatch, Unclear
from adapters.networks import probing
from adapters.scaled import Scaled
from adapters.smoothing import Smoothed
from adapters.torch_module import TorchModule

_PRECISIONS = (None, torch.float64, torch.float16, torch.bfloat16)
"""Tried in turn on a network whose parameters do not tell its own."""
_SHAPES = ("shape", "size", "dim", "channel", "mat1")
_TYPES = ("dtype", "scalar type", "same type")
"""What torch's complaints about shapes and precisions have in them."""
_NO_KERNEL = "not implemented for '"
"""What it says of a precision that an operation does not have on this device."""
_ONE_BATCH = "size()[0] =="
"""What the program of a network says that was exported for batches of one size."""


def fit(adapter: Adapter, input_shape: tuple[int, ...], classes: Sequence[str]) -> Adapter:
    """The adapter for a dataset's inputs and classes.

    The members of an ensemble are fitted one by one. A network that does not say its input shape is tried with the
    dataset's shape and then with flat inputs; what its outputs are is found out. Only its complaint about shapes counts
    here; whatever else is wrong with it shows when it is judged.

    Raises:
        NotWrappable: torch does not run a network in its precision.
        ShapeMismatch: another number of features, or classes that are not the dataset's.
        Unclear: a network's outputs can be read in more than one way, and its owner must say which.
    """
    return align(_settled(adapter, input_shape, classes), classes)


def _settled(adapter: Adapter, input_shape: tuple[int, ...], classes: Sequence[str]) -> Adapter:
    """The adapter for inputs of this shape, over its own classes."""
    if isinstance(adapter, Ensemble):
        members = [fit(member, input_shape, classes) for member in adapter.members]
        return Ensemble(members, adapter.rule).to(adapter.device)
    if isinstance(adapter, Smoothed):
        inner = fit(adapter.inner, input_shape, classes)
        return adapter.around(inner, len(inner.classes or classes)).to(adapter.device)
    if isinstance(adapter, Scaled):
        adapter.scaling.check(input_shape)
        return adapter.around(_settled(adapter.inner, input_shape, classes)).to(adapter.device)
    if adapter.input_shape is not None and prod(adapter.input_shape) != prod(input_shape):
        raise ShapeMismatch(
            f"it takes inputs of shape {adapter.input_shape}, the dataset gives {input_shape}; "
            "give one for inputs of the dataset's"
        )
    if isinstance(adapter, TorchModule):
        if adapter.size is None:
            adapter.size = len(classes)
        if adapter.input_shape is None:
            adapter.scaling.check(input_shape)
            adapter.input_shape = _tried(adapter, probing.shapes(input_shape))
        else:
            _tried(adapter, [adapter.input_shape])
    return adapter


def _tried(adapter: TorchModule, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The first of the shapes that the network takes, in its precision; what its outputs are is found out with it."""
    complaint = ""
    for shape in shapes:
        for dtype in _PRECISIONS if adapter.precision is None else (None,):
            adapter.takes(dtype)
            try:
                adapter.settle(probing.probe(shape, adapter.device))
            except Unclear:
                raise
            except InvalidOutput:
                return shape
            except (RuntimeError, ValueError, IndexError, AssertionError) as error:
                text = " ".join(str(error).split()).rpartition("RuntimeError: ")[2]  # a scripted network's is long
                complaint = complaint or text[:200]
                if _NO_KERNEL in text:
                    raise NotWrappable(
                        f"torch cannot run it in its precision here ({text[:200]}); give net.float()"
                    ) from None
                if not any(word in text for word in _TYPES):
                    break
            except Exception:  # noqa: BLE001 - not about shapes: the judge will say what it is
                return shapes[0]
            else:
                return shape
        adapter.takes(None)
        if any(word in text for word in _TYPES) or not any(word in text for word in _SHAPES):
            return shapes[0]
    if _ONE_BATCH in complaint:
        raise ShapeMismatch(
            f"it was exported for batches of one size ({complaint}); export it for all of them: "
            'torch.export.export(net, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))'
        )
    tried = f"neither of the dataset's shape {shapes[0]} nor flat" if len(shapes) > 1 else f"of no shape {shapes[0]}"
    raise ShapeMismatch(f"it takes inputs {tried} ({complaint}); say its own with wrap(net, input_shape=...)")
