"""Models in processes of their own, seen from the command: what one does is its failure, and nobody else's."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bench
from adapters.errors import Ended
from adapters.remote import Remote
from bench.cli.app import main
from bench.datasets import Dataset
from bench.errors import LostModels, UsageError
from bench.running.isolation.channel import Place, ProcessChannel
from bench.running.isolation.limits import Limits
from bench.running.isolation.models import Isolated
from bench.running.isolation.origin import Origin
from bench.running.isolation.printing import Heard

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: 0.2}
rank_by: {eps: 0.2}
"""
FILE = """
import adapters, numpy as np, os, signal, sys, torch
with open("imported.txt", "a") as log:
    log.write(f"{os.getpid()}\\n")

# What it changes here is changed in its own process alone.
import bench.attacks.fgsm, bench.running.judge
bench.attacks.fgsm.steepest = bench.running.judge.ask = None
torch.set_grad_enabled(False)
torch.set_num_threads(7)
torch.set_default_dtype(torch.float64)
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.chdir("/")


@adapters.register("sound", dataset="digits")
def sound():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).float().eval()


def offered(answer):
    adapters.register(answer.__name__, dataset="digits")(lambda: adapters.black_box(answer, version="1"))


@offered
def leaves(x):
    os._exit(0)


@offered
def hangs(x):
    while True:
        pass


@offered
def talks(x):
    for number in range(3000):
        print("words " * 20, number)
    os.write(1, b"\\x1b[2J\\0potemkin worker 1\\n")
    try:
        input()
    except EOFError:
        return np.arange(len(x)) % 10


@offered
def scribbles(x):
    for number in range(3, 64):
        try:
            os.write(number, b"rubbish" * 9)
        except OSError:
            pass
    return np.arange(len(x)) % 10


@adapters.register("stillborn", dataset="digits")
def stillborn():
    os.kill(os.getpid(), signal.SIGSEGV)
"""
BAD = {
    "leaves": ("crash", "its process ended with exit code 0, 3 times"),
    "hangs": ("timeout", "no answer within 2 s"),
    "scribbles": ("invalid-output", "its process answers with something that is no reply"),
}
"""The kind of each one's failures, and what they say."""


class Ran(NamedTuple):
    folder: Path
    code: int
    out: str
    err: str
    threads: int

    def found(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in (self.folder / "out/results" / kind).glob("*.json")]


def target_of(record: dict[str, Any]) -> str:
    return str(record["cell"]["target"]["name"])


def attack_of(record: dict[str, Any]) -> str:
    return str(record["cell"]["craft"]["attack"]["name"])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of all of them."""
    folder = tmp_path_factory.mktemp("isolation")
    (folder / "tiny.yaml").write_text(SUITE)
    (folder / "mine.py").write_text(FILE)
    out, err = io.StringIO(), io.StringIO()
    arguments = ["suite", "tiny.yaml", "--model", "mine.py", "--limit", "50", "--timeout", "2", "--out", "out"]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
    return Ran(folder, int(ended.value.code or 0), out.getvalue(), err.getvalue(), torch.get_num_threads())


@pytest.mark.slow
def test_the_sound_ones_are_there_and_the_others_are_failures(ran: Ran) -> None:
    assert ran.code == 1, ran
    done = {target_of(record) for record in ran.found("cells") if record["result"]["status"] == "ok"}
    assert done == {"sound", "talks"}
    failures = ran.found("failures")
    assert {target_of(failure) for failure in failures} == set(BAD)
    for failure in failures:
        kind, text = BAD[target_of(failure)]
        assert (failure["kind"], text in failure["message"]) == (kind, True), failure


@pytest.mark.slow
def test_one_that_does_not_start_is_told_of(ran: Ran) -> None:
    line = "stillborn did not start: crash: its process was ended by SIGSEGV"
    assert line in ran.err
    assert f"lost: {line}" in ran.out


@pytest.mark.slow
def test_no_attack_and_no_judge_is_meddled_with(ran: Ran) -> None:
    """The file runs in other processes alone, and its numbers are those of the model in this one."""
    assert str(os.getpid()) not in (ran.folder / "imported.txt").read_text().split()
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ran.folder)
        board = bench.run("tiny.yaml", models={"here": net}, limit=50, out=ran.folder / "here")
    assert {row.status for row in board.rows} == {"ok"}
    there = {attack_of(record): record["result"] for record in ran.found("cells") if target_of(record) == "sound"}
    here = [json.loads(path.read_text()) for path in (ran.folder / "here/results/cells").glob("*.json")]
    assert {attack_of(record): record["result"] for record in here} == there


@pytest.mark.slow
def test_what_it_prints_is_its_own(ran: Ran) -> None:
    """Shown with its name, some lines of it, without control characters; and nothing of it among the results."""
    lines = [line for line in ran.err.splitlines() if line.startswith("talks prints")]
    assert len(lines) == 21
    assert lines[-1] == "talks prints more, which is not shown"
    assert "\x1b" not in ran.err
    assert "words" not in ran.out


@pytest.mark.slow
def test_the_file_is_recorded(ran: Ran) -> None:
    digest = hashlib.sha256(FILE.encode()).hexdigest()
    clean = [record for record in ran.found("cells") + ran.found("failures") if attack_of(record) == "clean"]
    assert {target_of(record) for record in clean} == {"sound", "talks", *BAD}
    for record in clean:
        assert record["run"]["files"] == {target_of(record): digest}


@pytest.mark.slow
def test_nothing_of_it_is_left(ran: Ran) -> None:
    left = [int(number) for number in (ran.folder / "imported.txt").read_text().split() if _lives(int(number))]
    assert left == []
    assert torch.get_num_threads() == ran.threads
    assert torch.is_grad_enabled()


def _lives(number: int) -> bool:
    try:
        return "bench.worker\0model" in Path(f"/proc/{number}/cmdline").read_text()
    except OSError:
        return False


# -- one process at a time --------------------------------------------------------------------------------------------


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


# -- from Python ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_objects_go_to_processes_of_their_own_where_that_is_asked(elsewhere: Path) -> None:
    """Those that hold what no other process can have are refused in a line, before anything is run."""
    Path("tiny.yaml").write_text(SUITE)
    asked = Path("asked.txt").absolute()

    class Net(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            asked.write_text(str(os.getpid()))
            return x.flatten(1)[:, :10]

    board = bench.run("tiny.yaml", models={"net": Net().eval()}, limit=20, isolate=True)
    assert {row.status for row in board.of("net")} == {"ok"}
    assert int(asked.read_text()) != os.getpid()

    net = Net().eval()
    net.lock = threading.Lock()
    with pytest.raises(UsageError, match=r"model 'net' cannot go to a process of its own \(TypeError: "):
        bench.run("tiny.yaml", models={"net": net}, limit=20, isolate=True)


@pytest.mark.slow
def test_a_file_alone_that_does_not_start(elsewhere: Path) -> None:
    """No board is made of nothing, and the suite's own models are not run in its place."""
    Path("gone.py").write_text("import os\nos._exit(7)\n")
    with pytest.raises(LostModels, match=r"^gone\.py did not start: crash: its process ended with exit code 7$"):
        bench.run("digits-fgsm", models=["gone.py"], limit=10)
    Path("slow.py").write_text("import time\ntime.sleep(1000)\n")
    with pytest.raises(LostModels, match=r"^slow\.py did not start: timeout: no answer within 1 s$"):
        bench.run("digits-fgsm", models=["slow.py"], limit=10, start_timeout=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "isolate"), [("1 / 0\n", False), ("import adapters\nadapters.register('b')(lambda: 1 / 0)\n", True)]
)
def test_one_that_cannot_be_made_takes_nobody_along(text: str, isolate: bool, elsewhere: Path) -> None:
    """Alone it is bad input; beside others it is lost, and they are run."""
    Path("tiny.yaml").write_text(SUITE)
    Path("bad.py").write_text(text)
    made = "adapters.black_box(lambda x: numpy.zeros(len(x), int), version='1')"
    Path("good.py").write_text(f"import adapters, numpy\nadapters.register('good')({made})\n")
    board = bench.run("tiny.yaml", models=["bad.py", "good.py"], limit=20, isolate=None if isolate else False)
    assert {row.model for row in board.rows if row.status == "ok"} == {"good"}
    (told,) = board.lost.values()
    assert "did not start: exception: " in told
    with pytest.raises(UsageError, match=r"(does not import|cannot be made): ZeroDivisionError"):
        bench.run("tiny.yaml", models=["bad.py"], limit=20, isolate=None if isolate else False)


def test_a_blank_process_ends_with_those_that_wait_for_it() -> None:
    isolated = Isolated(Limits(), print)
    isolated.expect(1)
    (blank,) = isolated._blank
    assert blank.alive
    isolated.close()
    assert not blank.alive


@pytest.mark.slow
def test_a_model_in_its_own_process_is_certified_as_it_is_here(elsewhere: Path, digits_train: Any) -> None:
    """Its structure comes over the pipe; the rows are the same to the last bit."""
    suite = SUITE.replace("rank_by", "  - {attack: worst-case, norm: linf}\nrank_by")
    Path("tiny.yaml").write_text(suite)
    x, y = digits_train
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(x[:300].reshape(300, -1), y[:300])
    apart, here = (
        bench.run("tiny.yaml", models={"scaled": model}, limit=20, out=where, isolate=where == "apart")
        for where in ("apart", "here")
    )
    assert {row.status for row in apart.of("scaled")} == {"ok"}
    assert str(apart) == str(here)
