"""What somebody put into a library, or into an object of its classes, decides outputs and counts."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from places import body, calls
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.overrides import TorchFunctionMode

import adapters
from adapters.errors import NotWrappable

X, Y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2


def fitted() -> LogisticRegression:
    return LogisticRegression().fit(X, Y)


@contextlib.contextmanager
def put(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Something in the place of a name of somebody else's, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value, raising=False)
        yield


class Doubling(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def in_double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


CHANGES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any]]] = {
    "call of all modules": (body, lambda: put(nn.Module, "__call__", lambda self, x: self.forward(x) + 1)),
    "method of a base": (
        lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12)),
        lambda: put(nn.modules.batchnorm._BatchNorm, "forward", lambda self, x: x),
    ),
    "value in torch": (
        lambda: calls(lambda held: getattr(torch, "settings", 0) and torch.settings.by),  # type: ignore[attr-defined]
        lambda: put(torch, "settings", types.SimpleNamespace(by=1.0)),
    ),
    "number in NumPy": (
        lambda: calls(lambda held: float(np.shift) if hasattr(np, "shift") else 0),  # type: ignore[attr-defined]
        lambda: put(np, "shift", Fraction(1, 2)),
    ),
    "mode": (body, Doubling),
    "autocast": (body, lambda: torch.autocast("cpu")),
    "default type": (body, in_double),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_put_into_a_library_counts(name: str) -> None:
    net, change = CHANGES[name]
    adapter = adapters.wrap(net().eval())
    before = adapter.fingerprint
    with change():
        assert adapter.fingerprint != before
    assert adapter.fingerprint == before


def test_a_method_of_an_estimators_own_is_not_compiled() -> None:
    """Its arrays would tell nothing of it."""
    model = fitted()
    original = model.decision_function
    model.decision_function = lambda x: -original(x)
    with pytest.raises(NotWrappable, match="another decision_function than its class; for labels"):
        adapters.wrap(model)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    pipeline[0].transform = lambda x: -x
    with pytest.raises(NotWrappable, match="StandardScaler has another transform than its class"):
        adapters.wrap(pipeline)


def test_nor_is_one_of_a_class_that_was_changed() -> None:
    with (
        put(LinearClassifierMixin, "decision_function", lambda self, x: x[:, 0]),
        pytest.raises(NotWrappable, match="LogisticRegression has another decision_function than its class"),
    ):
        adapters.wrap(fitted())
    adapters.wrap(fitted())


def test_a_method_of_an_adapters_own_counts() -> None:
    one, two, other = (adapters.wrap(fitted()) for _ in range(3))
    for adapter, by in ((one, 1.0), (two, 1.0), (other, 2.0)):
        original = adapter._logits
        adapter._logits = lambda x, by=by, original=original: by * original(x)  # type: ignore[method-assign]
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert one.fingerprint != adapters.wrap(fitted()).fingerprint


def test_code_counts_by_its_file_and_not_by_the_name_it_runs_under(tmp_path: Any) -> None:
    """A user's code that is run in a library's namespace is no code of the library's."""
    nets = []
    for by in (0.25, 0.5):
        space = {"__name__": "torch.helper", "nn": nn}
        path = tmp_path / "helper.py"
        exec(compile(f"def shift(x):\n    return x + {by}\n", str(path), "exec"), space)
        nets.append(adapters.wrap(calls(space["shift"])))
    assert nets[0].fingerprint != nets[1].fingerprint
