"""FGSM at eight epsilons on the maxout net and 10,000 MNIST images: ours with all its checks, beside the others."""

from __future__ import annotations

import pytest
import torch
from judged_sweep import EPSILONS, plan_sweep, run_sweep
from sweepers import CRAFTS, SWEEPERS, bare_loop, batches

from bench.attacks.fgsm import FGSM
from bench.threats import Threat

TURNS = 5
"""The contestants take turns, so that a busy moment of the machine does not fall on one of them alone."""


@pytest.fixture(scope="session")
def expected_errors(maxout, images, peer):
    return bare_loop(maxout.net, peer)(*images)


@pytest.mark.benchmark(group="sweep")
@pytest.mark.parametrize("contestant", ["Potemkin", *SWEEPERS])
@pytest.mark.parametrize("turn", range(TURNS))
def test_sweep(benchmark, contestant, turn, maxout, mnist, images, expected_errors, peer, tmp_path):
    if contestant == "Potemkin":
        jobs = plan_sweep(mnist, maxout)
        errors = benchmark.pedantic(run_sweep, (mnist, maxout, jobs, tmp_path))
    else:
        errors = benchmark.pedantic(SWEEPERS[contestant](maxout.net, peer), images)
    benchmark.extra_info["contestant"] = contestant
    assert errors == expected_errors


@pytest.mark.slow
@pytest.mark.parametrize("library", CRAFTS)
def test_candidates_equal_other_libraries_to_the_last_bit(library, maxout, images, peer):
    theirs = CRAFTS[library](maxout.net, peer)
    budgets = [Threat(norm="linf", eps=eps, clip=(0, 1)) for eps in EPSILONS]
    # Two of them climb the batch's mean loss. Its gradient is that of the sum, scaled, where the batch size is a power
    # of two; dividing by 500 rounds, which in one of 7.84 million entries turns a sum that all but cancels.
    for x, y in batches(*images, size=512):
        for eps, ours in zip(EPSILONS, FGSM().craft(maxout, x, y, None, budgets, draws=None), strict=True):
            assert torch.equal(ours, theirs(x, y, eps))
