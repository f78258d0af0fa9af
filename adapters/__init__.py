"""Model adapters: any fitted classifier behind one predict and gradient interface.

    import adapters

    @adapters.register("my-net", dataset="mnist")
    def my_net():
        return adapters.wrap(net, mean=0.1307, std=0.3081)

Importing this package loads neither torch nor scikit-learn; the first use of a name that needs them does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from adapters.errors import AdapterError, InvalidOutput, NotRegistrable, NotWrappable, ShapeMismatch, Unsupported
from adapters.registry import register

if TYPE_CHECKING:
    from adapters.base import Adapter, Outputs
    from adapters.ensembles import ensemble
    from adapters.function import black_box
    from adapters.smoothing import smoothed
    from adapters.wrapping import wrap

__all__ = [
    "Adapter",
    "AdapterError",
    "InvalidOutput",
    "NotRegistrable",
    "NotWrappable",
    "Outputs",
    "ShapeMismatch",
    "Unsupported",
    "black_box",
    "ensemble",
    "register",
    "smoothed",
    "wrap",
]

# No module may have the name of a function here: importing it would put the module in the function's place.
_HOMES = {
    "Adapter": "base",
    "Outputs": "base",
    "black_box": "function",
    "ensemble": "ensembles",
    "smoothed": "smoothing",
    "wrap": "wrapping",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'adapters' has no attribute {name!r}")
    return getattr(importlib.import_module(f"adapters.{_HOMES[name]}"), name)
