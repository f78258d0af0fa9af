"""Runs on models that fail and attacks that cheat: an error and never robust, and the others finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from carried import NOISE, OWN, Ran, carry_out
from handmade import suite_of
from known_models import Answering, Broken, Hungry
from torch import Tensor, nn

from adapters.base import Outputs
from bench import registry
from bench.attacks.base import Attack, Need, Role
from bench.datasets import Dataset
from bench.planning.plan import expand, jobs
from bench.progress import Progress
from bench.records.store import Store
from bench.running.roster import Models
from bench.running.runner import Runner
from bench.running.world import World
from bench.threats import Threat

# -- models that fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("raises", "exception", "KeyError: 'lost my weights'"),
        ("nan", "invalid-output", "scores are NaN for"),
        ("wrong classes", "invalid-output", "7 outputs for 10 classes; say which"),
        ("wrong count", "invalid-output", "for 100 examples"),
        ("integers", "invalid-output", "not floating-point logits"),
        ("writes", "invalid-output", "writes into its input"),
    ],
)
def test_a_broken_model_is_an_error_and_the_others_finish(
    fault: str, kind: str, says: str, digits: Dataset, digits_net: nn.Module, sound: Ran, tmp_path: Path
) -> None:
    ran = carry_out({"net": digits_net}, digits, tmp_path, guests={"broken": Broken(digits_net, fault)})
    worst = ran.row("broken", "worst-of-all")
    assert (worst.status, worst.robust_accuracy, worst.error, worst.rank) == ("error", None, None, None)
    assert ran.row("broken", "clean").status == "error"
    assert str(ran.row("broken", "clean").reason).startswith(kind)
    assert says in str(ran.row("broken", "clean").reason)
    assert ran.statuses("broken") == {"error"}
    assert ran.row("net", "worst-of-all").rank == 1
    own = [row for row in ran.rows if row.model == "net" and row.source != "broken"]
    assert {row.status for row in own} == {"ok"}
    assert ran.labels("net", "fgsm", 0.2) == sound.labels("net", "fgsm", 0.2)
    assert {failure.cell.id for failure in ran.summary.failed} == set(ran.failures)
    assert not set(ran.failures) & set(ran.records)


def test_a_single_nan_is_told_of_with_its_place(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    """`argmax` of a row with a NaN returns the NaN's index, so nobody would see it."""
    sums = digits.examples("test", slice(0, 100)).reshape(100, -1).sum(1)
    first, count = int(np.flatnonzero(sums > 20)[0]), int((sums > 20).sum())
    ran = carry_out({"nan": Broken(digits_net, "nan")}, digits, tmp_path, NOISE)
    reason = str(ran.row("nan", "clean").reason)
    assert f"for {count} of 100 inputs, first at position {first} of the batch" in reason


def test_a_model_that_fails_late_leaves_no_record(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    """A cell is judged whole or not at all: batches before the failure count for nothing."""
    calls = iter(range(10_000))

    def answer(x: Tensor) -> Tensor:
        if next(calls) == 17:  # past the checks and into the third batch
            raise RuntimeError("first line\nsecond line")
        return digits_net(x).argmax(1)

    ran = carry_out({"late": Answering(answer)}, digits, tmp_path, NOISE, batch=100)
    assert ran.row("late", "clean").status == "error"
    assert ran.row("late", "clean").reason == "exception: judging: RuntimeError: first line second line"


@pytest.mark.parametrize("most", [200, 100])
def test_running_out_of_memory_halves_the_batch(
    most: int, digits: Dataset, digits_net: nn.Module, sound: Ran, tmp_path: Path
) -> None:
    ran = carry_out({"hungry": Hungry(digits_net, most), "net": digits_net}, digits, tmp_path)
    assert (ran.failures, ran.statuses("hungry"), ran.statuses("net")) == ({}, {"ok"}, {"ok"})
    for attack, eps in (("clean", None), ("fgsm", 0.1), ("fgsm", 0.2), ("sign-noise", 0.2)):
        assert ran.labels("hungry", attack, eps) == sound.labels("net", attack, eps)
        assert ran.labels("net", attack, eps) == sound.labels("net", attack, eps)


def test_running_out_of_memory_with_a_handful_of_examples(
    digits: Dataset, digits_net: nn.Module, sound: Ran, tmp_path: Path
) -> None:
    """The sanity checks shrink their sample as the judge does its batch."""
    ran = carry_out({"hungry": Hungry(digits_net, 7)}, digits, tmp_path, NOISE)
    assert ran.failures == {}
    assert ran.labels("hungry", "clean") == sound.labels("net", "clean")


def test_running_out_of_memory_late_counts_no_example_twice(
    digits: Dataset, digits_net: nn.Module, sound: Ran, tmp_path: Path
) -> None:
    calls = iter(range(10_000))

    def answer(x: Tensor) -> Tensor:
        if next(calls) == 17:  # past the checks and into the third batch
            raise MemoryError
        return digits_net(x).argmax(1)

    ran = carry_out({"late": Answering(answer)}, digits, tmp_path, NOISE, batch=100)
    assert ran.failures == {}
    assert ran.labels("late", "clean") == sound.labels("net", "clean")


def test_running_out_of_memory_always(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    ran = carry_out({"net": digits_net}, digits, tmp_path, guests={"starving": Hungry(digits_net, 0)})
    assert ran.kinds("starving") == {"oom"}
    assert "single example" in str(ran.row("starving", "sign-noise").reason)
    assert ran.row("net", "worst-of-all").status == "ok"


def test_one_that_is_short_of_memory_leaves_the_others_their_batches(
    digits: Dataset, digits_net: nn.Module, tmp_path: Path
) -> None:
    asked: list[int] = []

    def answer(x: Tensor) -> Tensor:
        asked.append(len(x))
        return digits_net(x).argmax(1)

    guests = {"starving": Hungry(digits_net, 0), "sound": Answering(answer)}
    alone = carry_out({}, digits, tmp_path / "alone", NOISE, guests={"sound": Answering(answer)})
    before = sorted(set(asked))[-3:]
    asked.clear()
    beside = carry_out({}, digits, tmp_path / "beside", NOISE, guests=guests)
    assert sorted(set(asked))[-3:] == before
    assert alone.labels("sound", "clean") == beside.labels("sound", "clean")


def test_the_batch_changes_no_outcome(digits: Dataset, digits_net: nn.Module, sound: Ran, tmp_path: Path) -> None:
    ran = carry_out({"net": digits_net}, digits, tmp_path, batch=37)
    for attack, eps in (("clean", None), ("fgsm", 0.1), ("fgsm", 0.2), ("sign-noise", 0.2)):
        assert ran.labels("net", attack, eps) == sound.labels("net", attack, eps)


def test_scores_in_some_parts_only_are_an_error_and_no_average_over_nothing(
    digits: Dataset, digits_net: nn.Module, tmp_path: Path
) -> None:
    """Within a part the tally refuses them; here the first part has scores and the second none."""
    seen: list[int] = []

    def answer(x: Tensor) -> Any:
        seen.append(len(x))
        scores = digits_net(x)
        return Outputs(scores.argmax(1), scores if sum(seen) < 1800 else None, None)

    suite = suite_of(NOISE.replace("sign-noise", "clean").replace(", norm: linf, eps: 0.2", ""), ["odd"])
    trained = suite.model_copy(update={"dataset": suite.dataset.model_copy(update={"split": "train"})})
    shelf = Models(digits, "cpu")
    shelf.add_guest("odd", lambda: Answering(answer))
    planned = expand(trained, digits, {"odd": shelf.info("odd")}, {})
    store = Store(tmp_path)
    store.prepare()
    summary = Runner(store, Progress()).run(jobs(item.cell for item in planned), World(digits, shelf.adapter, "cpu"))
    assert sum(seen) > 1800, "the second part was asked for"
    assert [failure.kind for failure in summary.failed] == ["invalid-output"]
    assert "for some examples only" in summary.failed[0].message


# -- attacks that cheat -----------------------------------------------------------------------------------------------


class Cheating(Attack):
    """Steps out of the ball, out of the range, into NaN, or gives up."""

    name: ClassVar[str] = "cheating"
    needs: ClassVar[Need] = "nothing"
    role: ClassVar[Role] = "noise"
    norms: ClassVar[tuple[str, ...]] = ("linf",)
    summary: ClassVar[str] = "a fake"

    way: str

    def craft(
        self, source: Any, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Any
    ) -> Iterator[Tensor]:
        for number, budget in enumerate(budgets):
            eps = budget.eps or 0.0
            if self.way == "too far":
                yield (x + 1.01 * eps).clamp(0, 1)
            elif self.way == "out of range":
                yield x - eps
            elif self.way == "nan":
                yield torch.full_like(x, torch.nan)
            elif self.way == "too few" and number == 0:
                yield x
            elif self.way == "raises":
                raise ZeroDivisionError("no luck")
            elif self.way == "moves the example":
                x.fill_(0.5)
                yield x


@pytest.fixture
def cheating() -> Iterator[None]:
    with registry.adding("attack", "cheating", f"{__name__}:Cheating"):
        yield


@pytest.mark.usefixtures("cheating")
@pytest.mark.parametrize(
    ("way", "kind", "says", "failed"),
    [
        ("too far", "invalid-candidate", "exceeds eps 0.1", 2),
        ("out of range", "invalid-candidate", "leave the range", 2),
        ("nan", "invalid-candidate", "NaN or infinite", 2),
        ("too few", "invalid-candidate", "fewer batches of candidates than budgets", 2),
        ("raises", "exception", "crafting: ZeroDivisionError: no luck", 2),
        ("moves the example", "invalid-candidate", "clean inputs", 2),
    ],
)
def test_an_invalid_candidate_is_an_error_and_never_a_survival(
    way: str, kind: str, says: str, failed: int, digits: Dataset, digits_net: nn.Module, tmp_path: Path
) -> None:
    attacks = f"  - {{attack: cheating, norm: linf, eps: [0.1, 0.2], way: {way}}}\n{OWN}"
    ran = carry_out({"net": digits_net}, digits, tmp_path, attacks)
    cheated = [row for row in ran.rows if row.attack == "cheating"]
    errors = [row for row in cheated if row.status == "error"]
    assert len(errors) == failed == len(ran.failures)
    assert {row.robust_accuracy for row in errors} == {None}
    assert ran.kinds("net") == {kind}
    assert says in str(errors[0].reason)
    worst = ran.row("net", "worst-of-all")
    assert (worst.status, worst.rank, worst.robust_accuracy) == ("error", None, None)
    assert ran.row("net", "fgsm", 0.2).status == "ok"
