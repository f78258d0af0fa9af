"""Limits, and what a model's file is known by."""

from __future__ import annotations

import hashlib
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import Ended, NotRegistrable
from bench.errors import UsageError
from bench.running.isolation.limits import Limits
from bench.running.isolation.origin import Origin, files_of
from bench.running.isolation.printing import LINES, Heard


@pytest.mark.parametrize("name", ["timeout", "start_timeout", "memory"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "5"])
def test_a_limit_is_positive(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=r"(timeout|memory-limit) .* give a positive number"):
        Limits(**{name: value})


@pytest.mark.parametrize("attribute", ["", ":net"])
def test_a_file_is_known_by_its_bytes(attribute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("net = 1\n")
    origin = Origin.file(f"mine.py{attribute}")
    assert origin.spec == f"{tmp_path / 'mine.py'}{attribute}"
    assert files_of({"net": origin}) == {"net": hashlib.sha256(b"net = 1\n").hexdigest()}
    monkeypatch.chdir("/")
    origin.verify()
    (tmp_path / "mine.py").write_text("net = 2\n")
    with pytest.raises(Ended, match=r"mine\.py has changed since it was planned") as raised:
        origin.verify()
    assert raised.value.kind == "changed"
    (tmp_path / "mine.py").unlink()
    with pytest.raises(Ended):
        origin.verify()
    with pytest.raises(NotRegistrable, match="no file"):
        Origin.file(str(tmp_path / "mine.py"))


def test_an_object_that_cannot_go_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"^model 'mine' cannot go to a process of its own \(TypeError: .*:OBJECT, or"):
        Origin.object("mine", {"lock": threading.Lock()}, inline=False)


def test_the_same_object_has_the_same_origin() -> None:
    one, two = (Origin.object("mine", {"weights": [1, 2]}, inline=True) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert one != Origin.object("mine", {"weights": [1, 3]}, inline=True)


def test_of_what_a_model_prints_some_lines_are_shown() -> None:
    said: list[str] = []
    heard = Heard(said.append)
    for number in range(100):
        heard.line("net", f"line {number}")
    heard.line("other", "hello")
    assert said[:LINES] == [f"net prints: line {number}" for number in range(LINES)]
    assert said[LINES:] == ["net prints more, which is not shown", "other prints: hello"]
