"""The identity of adapters of one's own: their code, their attributes, and what they are made of."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
import torch
from networks import dense
from places import calls
from torch import Tensor

import adapters
from adapters.base import Adapter, Outputs
from adapters.torch_module import TorchModule

x = torch.linspace(0, 1, 24).reshape(2, 1, 3, 4)

SOCKET = socket.socket()
MINE = """
import socket, threading, uuid
import torch
from adapters.base import Adapter, Outputs

SHARPNESS = 1.0

class Mine(Adapter):
    family = "mine"

    def __init__(self, scale=1.0, connection=None):
        super().__init__(input_shape=(12,), classes=None)
        self.scale, self.connection = scale, connection
        self.weight, self.lock, self.run = torch.ones(12, 3), threading.Lock(), uuid.uuid4().hex

    def _logits(self, x):
        if self.connection:
            self.connection.send(b"")
        return SHARPNESS * self.scale * (x @ self.weight)

    def _outputs(self, x):
        logits = self._logits(x)
        return Outputs(logits.argmax(1), logits, logits.softmax(1))

    def _state(self):
        return ()
"""


def mine(old: str = "", new: str = "", **options: Any) -> Adapter:
    space: dict[str, Any] = {"__name__": "notebook"}
    exec(MINE.replace(old, new) if old else MINE, space)
    return space["Mine"](**options)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(x @ self.weight)", "(x @ self.weight) + 1"),
        ("SHARPNESS = 1.0", "SHARPNESS = 2.0"),
        ("torch.ones", "torch.zeros"),
        ("return ()", "return (1,)"),
        ("logits.argmax(1)", "logits.argmin(1)"),
    ],
)
def test_the_code_of_an_own_adapter_counts(old: str, new: str) -> None:
    """Not its state alone: an edited `_logits` is another model."""
    assert mine().fingerprint == mine().fingerprint != mine(old, new).fingerprint
    assert mine("family", "# a remark\n\n    family").fingerprint == mine().fingerprint


def test_the_attributes_of_an_own_adapter_count() -> None:
    assert mine(scale=2.0).fingerprint != mine().fingerprint
    assert mine().to("cpu").fingerprint == mine().fingerprint


def test_an_own_adapter_that_cannot_be_seen_into_has_a_version_of_its_class() -> None:
    adapter = mine(connection=SOCKET)
    assert adapter.fingerprint == adapter.copied().fingerprint != mine(connection=SOCKET).fingerprint
    assert adapter.unseen == ("connection: socket.socket",)
    assert adapter.notes == ["no-version"]
    one, same, two = (
        mine("family", f"version = {version!r}\n    family", connection=SOCKET) for version in ("1", "1", "2")
    )
    assert one.fingerprint == same.fingerprint != two.fingerprint
    assert one.notes == []


class Sharper(TorchModule):
    """The project's own adapter with a method of the user's."""

    def _logits(self, x: Tensor) -> Tensor:
        return 2 * super()._logits(x)


class Outer(Adapter):
    """An adapter in an adapter."""

    family = "outer"

    def __init__(self, inner: Adapter) -> None:
        super().__init__(input_shape=None, classes=None)
        self.inner, self.ask = inner, self._outputs

    def _outputs(self, x: Tensor) -> Outputs:
        return self.inner.outputs(x)

    def _state(self) -> Any:
        return ()


def test_adapters_made_of_the_projects_own_count_by_both() -> None:
    wrapped, sharper = adapters.wrap(dense(12, 3)), Sharper(dense(12, 3))
    assert Sharper(dense(12, 3)).fingerprint == sharper.fingerprint != wrapped.fingerprint
    assert Outer(wrapped).fingerprint == Outer(adapters.wrap(dense(12, 3))).fingerprint != Outer(sharper).fingerprint
    assert Outer(adapters.wrap(dense(12, 4))).fingerprint != Outer(wrapped).fingerprint
    blind = Outer(adapters.wrap(calls(lambda held: os.environ["SHIFT"]).eval()))
    assert blind.unseen[0].startswith("inner: take: os.environ")
