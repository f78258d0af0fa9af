"""`wrap`: the adapter that fits a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from adapters.base import Adapter, Bounds, checked_bounds
from adapters.errors import NotWrappable
from adapters.scaled import Scaled
from adapters.scaling import Scaling

_NETWORK_ALONE = ("outputs", "logits", "training_loss", "input_shape", "version")
"""Options that nothing but a network takes."""


def wrap(model: Any, **options: Any) -> Adapter:
    """An adapter for a `torch.nn.Module`, a fitted scikit-learn classifier, or an adapter already.

    Args:
        model: the fitted classifier.
        options: of the adapter: for a network see `adapters.torch_module.TorchModule` (`mean`, `std`, `scale`,
            `input_shape`, `classes`, `outputs`, `logits`, `training_loss`). A scikit-learn classifier, and one of
            XGBoost, LightGBM or CatBoost, takes `mean`, `std` and `scale` (it is shown `(x * scale - mean) / std`, and
            epsilon stays in the units of `x`), `classes` (the dataset's names of its classes, in the order of its
            outputs), and `bounds`: lowest and highest valid input, each a number or an array of one a feature. An
            adapter, such as a black box, takes `mean`, `std` and `scale`.

    Raises:
        NotWrappable: the model is of no known kind, is not fitted, or does not take these options.
    """
    if type(model).__module__.startswith("torch.export") and not isinstance(model, torch.nn.Module):
        model = model.module()
    if isinstance(model, torch.nn.Module):
        from adapters.torch_module import TorchModule

        try:
            return TorchModule(model, **options)
        except TypeError as error:
            raise NotWrappable(f"wrap({type(model).__name__}): {error}") from None
    if isinstance(model, Adapter):
        return _wrap_adapter(model, **options)
    if hasattr(model, "get_params") and hasattr(model, "predict"):
        return _wrap_estimator(model, **options)
    if options:
        raise NotWrappable(f"wrap({type(model).__name__}) takes no options, got {', '.join(options)}")
    remedy = "a predict function is wrapped by name: adapters.black_box(fn, version='1')"
    raise NotWrappable(f"cannot wrap {type(model).__qualname__}; {remedy}")


def _wrap_adapter(
    model: Adapter, *, mean: Any = None, std: Any = None, scale: float | None = None, **options: Any
) -> Adapter:
    if options:
        raise NotWrappable(
            f"wrap({type(model).__name__}) takes mean, std and scale, got {', '.join(options)}: the adapter has its own"
        )
    scaling = Scaling(mean, std, scale)
    return Scaled(model, scaling) if scaling else model


def _wrap_estimator(
    estimator: Any,
    *,
    bounds: Bounds | None = None,
    classes: Sequence[Any] | None = None,
    mean: Any = None,
    std: Any = None,
    scale: float | None = None,
    **options: Any,
) -> Adapter:
    from adapters.sklearn.table import compile_estimator

    kind = type(estimator).__name__
    if options:
        alone = [name for name in options if name in _NETWORK_ALONE]
        why = f"; {alone[0]} is for networks" if alone else ""
        raise NotWrappable(f"wrap({kind}) takes bounds, classes, mean, std and scale, got {', '.join(options)}{why}")
    adapter = compile_estimator(estimator)
    if classes is not None:
        adapter.classes = _renamed(kind, adapter.classes or (), classes)
    scaled = _wrap_adapter(adapter, mean=mean, std=std, scale=scale)
    scaled.bounds = checked_bounds(bounds, adapter.input_shape)
    return scaled


def _renamed(kind: str, own: Sequence[Any], names: Sequence[Any]) -> tuple[Any, ...]:
    """The dataset's names of an estimator's classes; NotWrappable where they are not one for each."""
    if isinstance(names, str) or len(names) != len(own) or len(set(names)) < len(names):
        raise NotWrappable(
            f"wrap({kind}, classes={names!r}): give one name each for its {len(own)} classes {list(own)[:12]}, "
            "in this order"
        )
    return tuple(names)
