"""Models in processes of their own, asked for from Python: objects, files that do not start, what is proved of them."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bench
from bench.errors import LostModels, UsageError
from bench.running.isolation.limits import Limits
from bench.running.isolation.models import Isolated

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: 0.2}
rank_by: {eps: 0.2}
"""


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
    with pytest.raises(LostModels, match=r"^gone\.py did not start: crash: .* exit code 7, 3 times$"):
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


ONCE = """
import os
import adapters
if not os.path.exists("begun-{where}"):
    open("begun-{where}", "w").close()
    {early}

@adapters.register("mine", dataset="digits")
def mine():
    if not os.path.exists("made"):
        open("made", "w").close()
        {late}
    return adapters.black_box(lambda x: (x.reshape(len(x), -1)[:, 0] > 0).astype(int), version="1")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("early", "late"), [("os._exit(7)", "pass"), pytest.param("pass", "os._exit(7)", marks=pytest.mark.thorough)]
)
def test_a_crash_of_the_very_first_start_may_be_an_accident(early: str, late: str, elsewhere: Path) -> None:
    Path("tiny.yaml").write_text(SUITE)
    Path("mine.py").write_text(ONCE.format(where="file", early=early, late=late))
    board = bench.run("tiny.yaml", models=["mine.py"], limit=20)
    assert {row.status for row in board.of("mine") if row.attack == "clean"} == {"ok"}
    assert not board.lost
