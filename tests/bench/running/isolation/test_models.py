"""Models in processes of their own, seen from the command: what one does is its failure, and nobody else's."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

import bench
from bench.cli.app import main

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: 0.2}
rank_by: {eps: 0.2}
"""
FILE = """
import adapters, numpy as np, os, signal, sys, time, torch
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
        time.sleep(1)


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
