"""`wrap`: the adapter that fits a model."""

from __future__ import annotations

from typing import Any

import torch

from adapters.base import Adapter, Bounds, checked_bounds
from adapters.errors import NotWrappable


def wrap(model: Any, **options: Any) -> Adapter:
    """An adapter for a `torch.nn.Module`, a fitted scikit-learn classifier, or an adapter already.

    Args:
        model: the fitted classifier.
        options: of the adapter: for a network see `adapters.torch_module.TorchModule` (`mean`, `std`, `input_shape`,
            `classes`, `outputs`, `training_loss`). A scikit-learn classifier says everything itself but its `bounds`:
            lowest and highest valid input, each a number or an array of one a feature.

    Raises:
        NotWrappable: the model is of no known kind, is not fitted, or does not take these options.
    """
    if isinstance(model, torch.nn.Module):
        from adapters.torch_module import TorchModule

        try:
            return TorchModule(model, **options)
        except TypeError as error:
            raise NotWrappable(f"wrap({type(model).__name__}): {error}") from None
    if hasattr(model, "get_params") and hasattr(model, "predict"):
        return _wrap_estimator(model, **options)
    if options:
        raise NotWrappable(f"wrap({type(model).__name__}) takes no options, got {', '.join(options)}")
    if isinstance(model, Adapter):
        return model
    remedy = "a predict function is wrapped by name: adapters.black_box(fn, version='1')"
    raise NotWrappable(f"cannot wrap {type(model).__qualname__}; {remedy}")


def _wrap_estimator(estimator: Any, *, bounds: Bounds | None = None, **options: Any) -> Adapter:
    from adapters.sklearn.table import compile_estimator

    if options:
        raise NotWrappable(f"wrap({type(estimator).__name__}) takes no option but bounds, got {', '.join(options)}")
    adapter = compile_estimator(estimator)
    adapter.bounds = checked_bounds(bounds, adapter.input_shape)
    return adapter
