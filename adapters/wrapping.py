"""`wrap`: the adapter that fits a model."""

from __future__ import annotations

from typing import Any

import torch

from adapters.base import Adapter
from adapters.errors import NotWrappable


def wrap(model: Any, **options: Any) -> Adapter:
    """An adapter for a `torch.nn.Module`, a fitted scikit-learn classifier, or an adapter already.

    Args:
        model: the fitted classifier.
        options: of the adapter: for a network see `adapters.torch_module.TorchModule` (`mean`, `std`, `input_shape`,
            `classes`, `outputs`, `training_loss`). A scikit-learn classifier says everything itself and takes none.

    Raises:
        NotWrappable: the model is of no known kind, is not fitted, or does not take these options.
    """
    if isinstance(model, torch.nn.Module):
        from adapters.torch_module import TorchModule

        try:
            return TorchModule(model, **options)
        except TypeError as error:
            raise NotWrappable(f"wrap({type(model).__name__}): {error}") from None
    if options:
        raise NotWrappable(f"wrap({type(model).__name__}) takes no options, got {', '.join(options)}")
    if isinstance(model, Adapter):
        return model
    if hasattr(model, "get_params") and hasattr(model, "predict"):
        from adapters.sklearn.table import compile_estimator

        return compile_estimator(model)
    remedy = "a predict function is wrapped by name: adapters.black_box(fn, version='1')"
    raise NotWrappable(f"cannot wrap {type(model).__qualname__}; {remedy}")
