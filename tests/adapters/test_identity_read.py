"""What counts only where code reads it: the order of attributes, memory, hooks of saving, the state of locks."""

from __future__ import annotations

import logging
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from places import body, calls
from torch import Tensor, nn

import adapters

SQUARE = torch.arange(4.0).reshape(2, 2)


def in_turn(*names: str) -> types.SimpleNamespace:
    return types.SimpleNamespace(**{name: float(len(name)) for name in names})


def logger(level: int) -> logging.Logger:
    found = logging.Logger("places")
    found.shift = level  # type: ignore[attr-defined]
    return found


def taken(held: Any) -> threading.Lock:
    lock = threading.Lock()
    if held:
        lock.acquire()
    return lock


Pair = tuple[Any, Any]
READ: dict[str, tuple[Callable[[], Pair], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "order of attributes": (
        lambda: (in_turn("a", "bb"), in_turn("bb", "a")),
        lambda h: next(iter(vars(h).values())),
        lambda h: h.a,
    ),
    "memory of a tensor": (
        lambda: (SQUARE[:1], SQUARE[:1].clone()),
        lambda h: h.as_strided((1,), (1,), 0)[0].item(),
        lambda h: h[0, 0].item(),
    ),
    "strides of a tensor": (
        lambda: (SQUARE.t(), SQUARE.t().contiguous()),
        lambda h: h.as_strided((4,), (1,))[1].item(),
        lambda h: h[0, 1].item(),
    ),
    "strides of an array": (
        lambda: (np.arange(4.0).reshape(2, 2), np.asfortranarray(np.arange(4.0).reshape(2, 2))),
        lambda h: h.ravel(order="K")[1],
        lambda h: h[0, 1],
    ),
    "whether a lock is held": (
        lambda: (taken(False), taken(True)),
        lambda h: float(h.locked()),
        lambda h: float(h is not None),
    ),
    "value of a semaphore": (
        lambda: (threading.Semaphore(1), threading.Semaphore(2)),
        lambda h: h._value,
        lambda h: float(h is not None),
    ),
    "attribute of a logger": (lambda: (logger(1), logger(2)), lambda h: h.shift, lambda h: float(h is not None)),
}


class Holding(nn.Module):
    def __init__(self, held: Any, take: Callable[[Any], Any]) -> None:
        super().__init__()
        self.body, self.held, self.take = body(), held, take

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x + float(self.take(self.held)))


def fingerprint(net: nn.Module) -> str:
    adapter = adapters.wrap(net.eval())
    assert not adapter.unseen
    return adapter.fingerprint


@pytest.mark.parametrize("kind", READ)
def test_what_code_reads_of_an_object_counts(kind: str) -> None:
    make, reads, reads_not = READ[kind]
    one, other = make()
    assert fingerprint(Holding(one, reads)) != fingerprint(Holding(other, reads))
    assert fingerprint(Holding(one, reads_not)) == fingerprint(Holding(other, reads_not))


class OfState(nn.Module):
    def __init__(self, shift: float) -> None:
        super().__init__()
        self.body = body()
        self.register_state_dict_post_hook(lambda net, state, prefix, local: state.update(shift=shift))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x + self.state_dict()["shift"])


def test_hooks_of_saving_count_where_a_network_reads_its_own_state() -> None:
    assert fingerprint(OfState(1.0)) == fingerprint(OfState(1.0)) != fingerprint(OfState(2.0))


class Behind:
    """A slot whose value is had by another name."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 1.0


Behind.value = property(lambda self, slot=Behind.value: slot.__get__(self))  # type: ignore[assignment, attr-defined]


@pytest.mark.parametrize(
    ("take", "said"),
    [
        (lambda held: held.value, "a slot that another name leads to"),
        (lambda held: torch.get_num_threads(), "get_num_threads"),
        (lambda held: np.geterr()["over"] == "raise", "geterr"),
    ],
    ids=["slot", "threads", "settings of NumPy"],
)
def test_what_is_out_of_sight_is_said(take: Callable[[Any], Any], said: str) -> None:
    held = object.__new__(Behind)
    assert any(said in each for each in adapters.wrap(Holding(held, take).eval()).unseen)


def test_builtins_as_a_whole_may_hold_anything() -> None:
    import builtins

    assert adapters.wrap(calls(lambda held: vars(builtins)["abs"](-1)).eval()).unseen
