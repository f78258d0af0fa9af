"""What cannot be seen into has no identity without a version; what decides nothing is passed by."""

from __future__ import annotations

import copy
import ctypes
import itertools
import logging
import os
import pathlib
import pickle
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch
from networks import dense
from places import body, calls
from torch import Tensor, nn

import adapters
from adapters.ensembles import ensemble

x = torch.linspace(0, 1, 24).reshape(2, 1, 3, 4)

HANDLE = open(os.devnull)  # noqa: SIM115 - it stays open
SOCKET = socket.socket()
LIBRARY = ctypes.CDLL(None)
ITEMS = iter(number for number in range(3))
PACKED = pickle.dumps(1.0)
UFUNC = np.frompyfunc(lambda number: number, 1, 1)
OPERATORS = torch.library.Library("places", "DEF")
OPERATORS.define("opaque(Tensor x) -> Tensor")
OPERATORS.impl("opaque", lambda x: x, "CPU")


class OnMeta(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.by = body(), torch.empty(1, device="meta")

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


UNSEEN: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "file": (lambda: calls(lambda held: HANDLE.read()), "HANDLE: _io.TextIOWrapper"),
    "file by name": (lambda: calls(lambda held: open("net.txt").read()), "open: io.open"),  # noqa: SIM115
    "path": (lambda: calls(lambda held: pathlib.Path("net.txt").read_text()), "read_text()"),
    "loaded weights": (lambda: calls(lambda held: torch.load("net.pt")), "torch.load"),
    "loaded array": (lambda: calls(lambda held: np.load("net.npy")), "numpy.load"),
    "socket": (lambda: calls(lambda held: SOCKET.recv(1)), "SOCKET: socket.socket"),
    "library in C": (lambda: calls(lambda held: LIBRARY.abs(1)), "LIBRARY: ctypes.CDLL"),
    "generator": (lambda: calls(lambda held: next(ITEMS)), "ITEMS: generator"),
    "ufunc of Python": (lambda: calls(lambda held: UFUNC(0)), "a ufunc of no library"),
    "environment": (lambda: calls(lambda held: os.environ["SHIFT"]), "os.environ"),
    "text that is run": (lambda: calls(lambda held: eval("1")), "eval"),
    "another program": (lambda: calls(lambda held: subprocess.run(["shift"])), "subprocess.run"),
    "operator of no Python": (lambda: calls(lambda held: torch.ops.places.opaque(held)), "places::opaque"),
    "object that is unpacked": (lambda: calls(lambda held: pickle.loads(PACKED)), "pickle.loads"),
    "everything that is derived": (lambda: calls(lambda held: len(nn.Tanh.__subclasses__())), "__subclasses__"),
    "globals by another way": (lambda: calls(lambda held: calls.__globals__["SHIFT"]), "__globals__"),
    "path that is resolved": (lambda: calls(lambda held: len(os.path.expandvars("$SHIFT"))), "expandvars"),
    "tensor without values": (OnMeta, "device meta"),
}


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_cannot_be_seen_into_has_no_identity_without_a_version(kind: str) -> None:
    make, said = UNSEEN[kind]
    one, other = adapters.wrap(make().eval()), adapters.wrap(make().eval())
    assert any(said in each for each in one.unseen), one.unseen
    assert one.notes == ["no-version"]
    assert one.fingerprint == one.fingerprint != other.fingerprint  # never reused
    assert one.copied().fingerprint == copy.deepcopy(one).fingerprint == one.fingerprint  # of one adapter, one model
    first, same, second = (adapters.wrap(make().eval(), version=version) for version in ("1", "1", "2"))
    assert first.fingerprint == same.fingerprint != second.fingerprint
    assert first.notes == []
    assert first.unseen == one.unseen


def test_what_stands_for_the_unseen_travels() -> None:
    adapter = adapters.wrap(UNSEEN["environment"][0]().eval())
    assert cloudpickle.loads(cloudpickle.dumps(adapter)).fingerprint == adapter.fingerprint


def test_an_ensemble_sees_no_more_than_its_members() -> None:
    whole = ensemble([adapters.wrap(UNSEEN["environment"][0]().eval()), adapters.wrap(dense(12, 3))])
    assert whole.notes == ["no-version"]
    assert whole.unseen[0].startswith("member 0, take: os.environ")
    assert "wrap(net, version=" in whole.remedy


BYSTANDERS: dict[str, Callable[[], Any]] = {
    "lock": threading.Lock,
    "logger": lambda: logging.getLogger(uuid.uuid4().hex),
    "event": threading.Event,
    "object": object,
    "counter": lambda: itertools.count(3),
}


@pytest.mark.parametrize("kind", BYSTANDERS)
def test_what_decides_nothing_is_passed_by(kind: str) -> None:
    prints = {adapters.wrap(calls(of_closure(BYSTANDERS[kind]())).eval()).fingerprint for _ in range(2)}
    assert len(prints) == 1


def of_closure(bystander: Any) -> Callable[[Any], float]:
    return lambda held: 0.0 if bystander else 1.0
