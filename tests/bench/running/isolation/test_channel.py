"""One model in one process: crashes that are got over, limits, and its end with whoever asks it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import bench
from adapters.errors import Ended
from adapters.remote import Remote
from bench.datasets import Dataset
from bench.running.isolation.channel import Place, ProcessChannel
from bench.running.isolation.limits import Limits
from bench.running.isolation.origin import Origin
from bench.running.isolation.printing import Heard


@pytest.fixture
def channel(digits: Dataset, tmp_path: Path) -> Iterator[Callable[..., ProcessChannel]]:
    """The channel to a model of a file with this text."""
    opened: list[ProcessChannel] = []

    def made(text: str, name: str = "mine", said: Callable[[str], None] = print, **limits: float) -> ProcessChannel:
        (tmp_path / "mine.py").write_text(text)
        place = Place(digits.input_shape, digits.classes, "digits", "cpu")
        origin = Origin.file(f"{tmp_path / 'mine.py'}:{name}")
        opened.append(ProcessChannel(name, origin, place, Limits(**limits), Heard(said)))
        return opened[-1]

    yield made
    for each in opened:
        each.close()


ONCE = """
import adapters, os, pathlib
mark = pathlib.Path(__file__).with_suffix(".mark")
@adapters.register("mine")
def mine():
    def answer(x):
        if not mark.exists():
            mark.touch()
            os.abort()
        return x.reshape(len(x), -1).argmax(1) % 10
    return adapters.black_box(answer, version={version})
"""


@pytest.mark.slow
def test_a_crash_that_was_an_accident_is_got_over(channel: Callable[..., ProcessChannel]) -> None:
    """And it is the same model again, which a file that has changed meanwhile is not."""
    mine = channel(ONCE.format(version="'1'"))
    there = Remote(mine)
    x = torch.zeros(4, 1, 8, 8)
    x[:, 0, 0, 5] = 1.0
    assert there.predict(x).tolist() == [5] * 4
    assert mine._process is not None
    mine._process.kill()
    path = Path(mine._origin.spec.partition(".py:")[0] + ".py")
    path.write_text(path.read_text() + "# another\n")
    with pytest.raises(Ended, match="has changed since it was planned") as raised:
        there.predict(x)
    assert raised.value.kind == "changed"


@pytest.mark.slow
def test_a_model_that_is_made_another_each_time_is_not_gone_on_with(channel: Callable[..., ProcessChannel]) -> None:
    mine = channel(ONCE.format(version="str(os.getpid())"))
    there = Remote(mine)
    with pytest.raises(Ended, match="started again it is another model") as raised:
        there.predict(torch.zeros(4, 1, 8, 8))
    assert raised.value.kind == "changed"


HUNGRY = """
import adapters, numpy
@adapters.register("mine")
def mine():
    def answer(x):
        held = numpy.ones((len(x), 40_000_000))
        return held[:, 0].astype(int)
    return adapters.black_box(answer, version="1")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_a_limit_of_memory_is_out_of_memory(channel: Callable[..., ProcessChannel]) -> None:
    """Which fewer examples at once may mend."""
    there = Remote(channel(HUNGRY, memory=2.0))
    with pytest.raises(MemoryError):
        there.predict(torch.zeros(100, 1, 8, 8))
    assert there.predict(torch.zeros(1, 1, 8, 8)).tolist() == [1]


BUSY = """
import adapters, os, re, sys
@adapters.register("mine")
def mine():
    if os.fork():  # a child that outlives it, if nobody sees to it
        print("ready", os.getpid(), flush=True)
    re.match(r"(a+)+$", "a" * 60 + "b")  # in C, which no thread of Python interrupts
"""
ASKER = """
import sys
from bench.api import run
run("digits-fgsm", models=[sys.argv[1]], limit=10)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="signals of a pipe are Linux's")
def test_a_process_ends_with_its_asker_whatever_it_is_doing(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BUSY)
    command = [sys.executable, "-c", ASKER, str(tmp_path / "mine.py")]
    path = os.pathsep.join([str(Path(bench.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=environment, text=True) as asker:
        assert asker.stderr is not None
        ready = next(line for line in asker.stderr if "ready" in line)
        group = os.getpgid(int(ready.split()[-1]))
        asker.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("it went on")
