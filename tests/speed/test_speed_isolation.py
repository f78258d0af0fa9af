"""What it costs that a user's models run in processes of their own: README's, through the main suite."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

MODELS = """
import adapters, torch
from bench.datasets import open_dataset
from sklearn.svm import SVC

MNIST = open_dataset("mnist")
IMAGES, LABELS = MNIST.examples("train", slice(5000)).reshape(5000, -1), MNIST.labels("train")[:5000]


@adapters.register("my-svm", dataset="mnist")
def my_svm():
    return SVC(gamma=0.02).fit(IMAGES, LABELS)


@adapters.register("my-net", dataset="mnist")
def my_net():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    steps = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(200):
        loss = torch.nn.functional.cross_entropy(net(torch.as_tensor(IMAGES)), torch.as_tensor(LABELS))
        steps.zero_grad()
        loss.backward()
        steps.step()
    return adapters.wrap(net.eval())
"""
HOW = ("--no-isolate", "--isolate")
ROUNDS = 2


@pytest.mark.slow
@pytest.mark.benchmark(group="isolation")
def test_isolation(benchmark, tmp_path):
    """By turns, so that what else the machine does falls on both."""
    (tmp_path / "mine.py").write_text(MODELS)
    command = Path(sys.executable).with_name("bench")
    seconds = {how: [] for how in HOW}

    def turn():
        for how in HOW:
            out = tmp_path / f"out{how}{len(seconds[how])}"
            asked = (command, "suite", "mnist-fgsm", "--model", "mine.py", how, "--out", out, "--device", "cpu")
            started = time.perf_counter()
            said = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True)
            seconds[how].append(time.perf_counter() - started)
            assert "Ran " in said.stdout, said.stderr

    benchmark.pedantic(turn, rounds=ROUNDS)
    benchmark.extra_info.update(shared=seconds["--no-isolate"], own=seconds["--isolate"])
