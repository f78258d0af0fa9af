"""Bringing a model and a dataset together: input shape and class order."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

from adapters.aligned import align
from adapters.base import Adapter
from adapters.ensembles import Ensemble
from adapters.errors import ShapeMismatch
from adapters.torch_module import TorchModule


def fit(adapter: Adapter, input_shape: tuple[int, ...], classes: Sequence[str]) -> Adapter:
    """The adapter for a dataset's inputs and classes.

    The members of an ensemble are fitted one by one. A network that does not say its input shape is tried with the
    dataset's shape and then with flat inputs. Only its complaint about shapes counts here; whatever else is wrong with
    it shows when it is judged.

    Raises:
        ShapeMismatch: another number of features, or classes that are not the dataset's.
    """
    if isinstance(adapter, Ensemble):
        members = [fit(member, input_shape, classes) for member in adapter.members]
        adapter = Ensemble(members, adapter.rule).to(adapter.device)
    elif adapter.input_shape is None and isinstance(adapter, TorchModule):
        for name, values in (("mean", adapter.mean), ("std", adapter.std)):
            if values is not None and values.ndim and len(values) not in (1, input_shape[0]):
                raise ShapeMismatch(f"{name} has {len(values)} values, the dataset's inputs {input_shape[0]} channels")
        adapter.input_shape = _tried(adapter, input_shape)
    elif adapter.input_shape is not None and prod(adapter.input_shape) != prod(input_shape):
        raise ShapeMismatch(f"it takes inputs of shape {adapter.input_shape}, the dataset gives {input_shape}")
    return align(adapter, classes)


def _tried(adapter: TorchModule, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    complaint = ""
    for shape in (input_shape, (prod(input_shape),)):
        try:
            with torch.no_grad():
                # Two examples of zeros: a batch of one hides a network that drops the batch dimension.
                adapter.module(torch.zeros(2, *shape, device=adapter.device))
        except (RuntimeError, ValueError, IndexError) as error:
            text = str(error)
            if not any(word in text for word in ("shape", "size", "dim", "channel", "mat1")):
                return input_shape
            complaint = complaint or text.splitlines()[0]
        except Exception:  # noqa: BLE001 - not about shapes: the judge will say what it is
            return input_shape
        else:
            return shape
    raise ShapeMismatch(
        f"it takes inputs neither of the dataset's shape {input_shape} nor flat ({complaint}); "
        "say its own with wrap(net, input_shape=...)"
    )
