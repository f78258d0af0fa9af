"""What asks the outside world has no identity without a version; what only computes has."""

from __future__ import annotations

import configparser
import datetime
import gc
import inspect
import io
import os
import pathlib
import pickle
import platform
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from places import calls
from sklearn.datasets import load_iris, load_svmlight_file

import adapters


def process(held: Any) -> int:
    import os as system

    return system.getpid()


ASKS: dict[str, Callable[[Any], Any]] = {
    "configuration": lambda held: configparser.ConfigParser().read("c.ini"),
    "raw file": lambda held: io.FileIO("flag").read(),
    "descriptor": lambda held: os.fdopen(3).read(),
    "status": lambda held: os.stat("flag").st_size,
    "walk": lambda held: len(list(os.walk("."))),
    "folder": lambda held: len(os.getcwd()),
    "process": lambda held: os.getpid(),
    "path": lambda held: float(pathlib.Path("flag").exists()),
    "status of a path": lambda held: pathlib.Path("flag").stat().st_size,
    "files of a path": lambda held: len(list(pathlib.Path().glob("*"))),
    "time": lambda held: time.time(),
    "date": lambda held: datetime.datetime.now().hour,
    "name of the machine": lambda held: len(platform.node()),
    "markup": lambda held: ET.parse("x.xml"),
    "array in a file": lambda held: np.lib.format.open_memmap("x.npy"),
    "data of scikit-learn": lambda held: load_svmlight_file("x"),
    "pickle": lambda held: pickle.Unpickler,
    "caller": lambda held: sys._getframe().f_globals["x"],
    "caller by inspection": lambda held: inspect.currentframe(),
    "process, imported here": process,
    "objects of the process": lambda held: len(gc.get_objects()),
}
COMPUTES: dict[str, Callable[[Any], Any]] = {
    "name of a path": lambda held: len(os.path.join("a", os.fspath("b"))) + len(pathlib.Path("a/b").name),
    "file in memory": lambda held: len(io.BytesIO(b"ab").read()) + len(io.StringIO("a").getvalue()),
    "span of time": lambda held: datetime.timedelta(hours=1).total_seconds() + datetime.date(2020, 1, 2).day,
    "signature": lambda held: len(inspect.signature(calls).parameters),
    "markup": lambda held: len(ET.fromstring("<a/>")),
    "data that come with a library": lambda held: len(load_iris().data),
}


@pytest.mark.parametrize("name", ASKS)
def test_what_asks_the_outside_world_is_noted(name: str) -> None:
    adapter = adapters.wrap(calls(ASKS[name]).eval())
    assert any("asks the outside world" in each for each in adapter.unseen), adapter.unseen
    assert adapter.notes == ["no-version"]


@pytest.mark.parametrize("name", COMPUTES)
def test_what_only_computes_is_seen_through(name: str) -> None:
    one, same = (adapters.wrap(calls(COMPUTES[name]).eval()) for _ in range(2))
    assert one.unseen == ()
    assert one.fingerprint == same.fingerprint
