"""Running jobs on models whose answers are known: what fails is an error and never robust, and the others finish."""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from handmade import suite_of
from known_models import Answering, Broken, Hungry, MaskedGradient, Squashed, constant, nearest_mean
from torch import Tensor, nn

import adapters
import bench
from adapters.base import Outputs
from bench import registry
from bench.attacks.base import Attack, Need, Role
from bench.board.rows import Row, rows
from bench.board.view import View
from bench.datasets import Dataset, open_dataset
from bench.errors import UsageError
from bench.planning.plan import expand, jobs
from bench.progress import Progress
from bench.records.record import Failure, Record
from bench.records.store import Store
from bench.running.roster import Models
from bench.running.runner import Runner, Summary
from bench.running.world import World
from bench.threats import Threat

OWN = "  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}"
TRANSFER = "  - {attack: fgsm, norm: linf, eps: 0.2, sources: all}"
NOISE = "  - {attack: sign-noise, norm: linf, eps: 0.2}"
ALL = "\n".join([OWN, TRANSFER, NOISE])


@dataclass
class Ran:
    """What a run came to."""

    summary: Summary
    records: dict[str, Record]
    failures: dict[str, Failure]
    rows: list[Row]

    def row(self, model: str, attack: str, eps: float | None = None, source: str | None = None) -> Row:
        source = model if attack == "fgsm" and source is None else source
        (found,) = [
            row
            for row in self.rows
            if (row.model, row.attack, row.source) == (model, attack, source) and eps in (None, row.eps)
        ]
        return found

    def labels(self, model: str, attack: str, eps: float | None = None) -> list[int]:
        """The labels that a model gave, to its own candidates where the attack is on a model."""
        (found,) = [
            record.result.predicted.tolist()
            for record in self.records.values()
            if record.cell.target.name == model
            and record.cell.craft.attack.name == attack
            and (record.cell.craft.source is None or record.cell.white_box)
            and record.cell.threat.eps == eps
        ]
        return found

    def statuses(self, model: str) -> set[str]:
        return {row.status for row in self.rows if row.model == model}

    def kinds(self, model: str) -> set[str]:
        return {failure.kind for failure in self.failures.values() if failure.cell.target.name == model}


def carry_out(
    models: dict[str, Any],
    digits: Dataset,
    out: Path,
    attacks: str = ALL,
    *,
    guests: dict[str, Any] | None = None,
    batch: int | None = None,
) -> Ran:
    """Run attacks on the reference models of a suite, each a source for the others, and on guests."""
    guests = guests or {}
    suite = suite_of(attacks, list(models), rank_eps=0.2)
    teller = Progress()
    shelf = Models(digits, "cpu")
    for name, offered in {**models, **guests}.items():
        shelf.add_guest(name, lambda offered=offered: offered)
    known, visiting = ({name: shelf.info(name) for name in group} for group in (models, guests))
    planned = expand(suite, digits, known, visiting)
    store = Store(out)
    store.prepare()
    have = store.records(teller.say)
    summary = Runner(store, teller).run(
        jobs(item.cell for item in planned if item.cell.id not in have), World(digits, shelf.adapter, "cpu", batch)
    )
    records, failures = store.records(teller.say), store.failures(teller.say)
    return Ran(summary, records, failures, rows(View(suite, digits, records, failures)))


@pytest.fixture(scope="module")
def sound(digits: Dataset, digits_net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The network that the broken ones are made of, on its own."""
    return carry_out({"net": digits_net}, digits, tmp_path_factory.mktemp("sound"))


# -- models that answer -----------------------------------------------------------------------------------------------


def test_a_sound_network(sound: Ran) -> None:
    """The measuring stick of the others: right when clean, wrong under attack, ranked."""
    assert sound.statuses("net") == {"ok"}
    assert sound.row("net", "clean").error == pytest.approx(0.05, abs=0.05)
    assert sound.row("net", "fgsm", 0.2).error > 0.8
    assert sound.row("net", "worst-of-all").rank == 1
    assert sound.row("net", "clean").flags == []
    assert (sound.summary.done, sound.summary.failed, sound.summary.interrupted) == (4, [], False)


def test_a_constant_model(digits: Dataset, tmp_path: Path) -> None:
    """It is right on its class alone, whatever is added; its own gradient attack is unsupported, and it has no rank."""
    share = float((digits.labels("test") == 7).mean())
    ran = carry_out({"seven": adapters.black_box(constant(7), version="1")}, digits, tmp_path)
    for attack in ("clean", "sign-noise"):
        assert ran.row("seven", attack).error == pytest.approx(1 - share)
        assert ran.row("seven", attack).robust_accuracy == pytest.approx(share)
    assert ran.row("seven", "sign-noise").attack_success == 0
    assert ran.row("seven", "clean").confidence_on_mistakes is None
    own = ran.row("seven", "fgsm", 0.1)
    assert (own.status, own.robust_accuracy, own.rank) == ("unsupported", None, None)
    assert "needs a gradient" in str(own.reason)
    assert str(own.unranked).startswith("one class")
    assert (ran.summary.unsupported, ran.failures) == (2, {})


def test_a_labels_only_model_is_a_target_of_transfer(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    mute = adapters.black_box(nearest_mean(x, y), version="1")
    ran = carry_out({"net": digits_net, "mute": mute}, digits, tmp_path)
    row = ran.row("mute", "fgsm", 0.2, source="net")
    assert row.status == "ok"
    assert row.error > ran.row("mute", "clean").error
    assert row.transfer is not None
    assert row.transfer.given_source_fooled is not None
    assert not [item for item in ran.rows if item.source == "mute" and item.model == "net"]


@pytest.mark.parametrize("kind", ["labels", "scores"])
def test_a_random_model_is_flagged_and_not_ranked(kind: str, digits: Dataset, tmp_path: Path) -> None:
    """Randomness looks like robustness to a single pass."""
    generator = torch.Generator().manual_seed(0)

    def answer(x: Tensor) -> Any:
        if kind == "labels":
            return torch.randint(10, (len(x),), generator=generator)
        scores = torch.randn(len(x), 10, generator=generator) * 1e-3
        scores[:, 3] += 1.0  # the label stays: only the scores move
        return Outputs(scores.argmax(1), scores, None)

    ran = carry_out({"dice": Answering(answer)}, digits, tmp_path, NOISE)
    assert {row.rank for row in ran.rows} == {None}
    assert all({"at-chance", "labels-only", "randomised"} <= set(row.flags) for row in ran.rows)


def test_what_asking_again_finds_stands_in_the_run_and_on_the_board(digits: Dataset, tmp_path: Path) -> None:
    """And in no result: the next run asks others. What is said to draw is not asked again, and has no rank anyway."""
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    honest = nearest_mean(x, y)

    def by_parity(batch: np.ndarray) -> np.ndarray:
        found = honest(batch)
        return found if len(batch) % 2 else np.where(batch.reshape(len(batch), -1).sum(1) > 20, 3, found)

    models = {"sound": honest, "unsteady": by_parity}
    given: dict[str, Any] = {name: adapters.black_box(answer, version="1") for name, answer in models.items()}
    given["drawn"] = adapters.black_box(honest, version="2", stochastic=True)
    ran = carry_out(given, digits, tmp_path, NOISE)
    found = {(record.cell.target.name, record.run.findings) for record in ran.records.values()}
    assert found - {("unsteady", None)} == {("sound", None), ("unsteady", ("order-dependent",)), ("drawn", None)}
    asked = {record.cell.target.name: record.run.asked_again for record in ran.records.values()}
    assert asked["sound"]
    assert asked["drawn"] is None
    assert "order-dependent" not in "".join(record.result.model_dump_json() for record in ran.records.values())
    reasons = {row.model: str(row.unranked).split(":")[0] for row in ran.rows}
    assert reasons == {"sound": "None", "unsteady": "order-dependent", "drawn": "randomised"}
    assert {(row.model, row.rank) for row in ran.rows} == {("sound", 1), ("unsteady", None), ("drawn", None)}


def test_masked_gradients_are_flagged(digits: Dataset, digits_net: nn.Module, sound: Ran, tmp_path: Path) -> None:
    """Steep scores leave float32 no gradient: FGSM hardly hurts, and noise, transfer and another loss tell why."""
    margin = "  - {attack: fgsm, norm: linf, eps: 0.2, loss: margin}"
    noise = "  - {attack: sign-noise, norm: linf, eps: 0.3}\n  - {attack: fgsm, norm: linf, eps: 0.3}"
    models = {"net": digits_net, "masked": MaskedGradient(digits_net)}
    ran = carry_out(models, digits, tmp_path, "\n".join([OWN, TRANSFER, noise]))
    masked = ran.row("masked", "fgsm", 0.2)
    assert masked.error < 0.2 < 0.8 < ran.row("net", "fgsm", 0.2).error
    assert set(masked.flags) >= {"zero-gradient", "weaker-than-noise", "weaker-than-transfer"}
    assert ran.row("net", "fgsm", 0.2).flags == []
    unmasked = carry_out({"masked": MaskedGradient(digits_net)}, digits, tmp_path / "margin", margin)
    assert unmasked.row("masked", "fgsm", 0.2).error > 0.8


def test_probabilities_where_logits_are_due_are_flagged(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    right = adapters.wrap(Squashed(digits_net).eval(), outputs="probabilities")
    ran = carry_out(
        {"wrong": adapters.wrap(Squashed(digits_net).eval(), outputs="logits"), "right": right}, digits, tmp_path, NOISE
    )
    assert ran.row("wrong", "clean").flags == ["softmax-as-logits"]
    assert ran.row("right", "clean").flags == []


def test_train_mode_is_flagged_and_judged_in_evaluation_mode(
    digits: Dataset, digits_net: nn.Module, tmp_path: Path
) -> None:
    net = nn.Sequential(nn.Dropout(0.5), copy.deepcopy(digits_net)).train()
    ran = carry_out({"training": net}, digits, tmp_path, NOISE)
    assert ran.row("training", "clean").flags == ["train-mode"]
    assert net.training


def test_abstention_is_a_mistake_when_clean_and_when_attacked(digits: Dataset, tmp_path: Path) -> None:
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    predict = nearest_mean(x, y, abstain_above=4.0)
    ran = carry_out({"shy": adapters.black_box(predict, version="1")}, digits, tmp_path, NOISE)
    clean, true = predict(digits.examples("test", slice(None))), digits.labels("test")
    assert 0 < (clean < 0).sum() < len(clean)
    row = ran.row("shy", "clean")
    assert row.error == pytest.approx((clean != true).mean())
    assert row.clean_accuracy == pytest.approx((clean == true).mean())
    assert row.abstention == pytest.approx((clean < 0).mean())
    noisy, labels = ran.row("shy", "sign-noise"), np.asarray(ran.labels("shy", "sign-noise", 0.2))
    assert noisy.abstention == pytest.approx((labels < 0).mean())
    assert noisy.error == pytest.approx((labels != true).mean())
    assert noisy.robust_accuracy == pytest.approx(((clean == true) & (labels == true)).mean())


def test_a_binary_network_of_one_logit_over_two_of_the_classes(digits: Dataset, tmp_path: Path) -> None:
    """Classes that it does not know are never given, and their examples count against it."""
    train, labels = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    three, eight = (torch.tensor(train[labels == k].mean(0)) for k in (3, 8))
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).eval()
    with torch.no_grad():
        net[1].weight.copy_((eight - three)[None])
        net[1].bias.copy_((three @ three - eight @ eight)[None] / 2)
    ran = carry_out({"binary": adapters.wrap(net, classes=["3", "8"])}, digits, tmp_path)
    x = torch.from_numpy(digits.examples("test", slice(None)))
    expected = torch.where(net(x)[:, 0] > 0, 8, 3)
    assert ran.labels("binary", "clean") == expected.tolist()
    assert ran.statuses("binary") == {"ok"}
    assert set(ran.labels("binary", "fgsm", 0.2)) == {3, 8}
    eights = digits.labels("test") == 8
    before, after = (np.asarray(ran.labels("binary", "fgsm", eps))[eights] for eps in (0.1, 0.2))
    assert (after == 8).sum() <= (before == 8).sum() < (expected.numpy()[eights] == 8).sum()


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


# -- interruption -----------------------------------------------------------------------------------------------------


def interrupting(net: nn.Module, at: set[int]) -> Answering:
    """A model that presses Ctrl-C while it is asked for the n-th time."""
    calls = iter(range(10_000))

    def answer(x: Tensor) -> Tensor:
        if next(calls) in at:
            os.kill(os.getpid(), signal.SIGINT)
        return net(x).argmax(1)

    return Answering(answer)


def test_ctrl_c_finishes_the_job_at_hand(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    models = {"net": digits_net, "mute": interrupting(digits_net, at={2})}
    ran = carry_out(models, digits, tmp_path)
    assert ran.summary.interrupted
    done = [record.cell for record in ran.records.values() if record.result.status == "ok"]
    assert {(item.target.name, item.craft.attack.name) for item in done} == {("net", "clean"), ("mute", "clean")}
    assert signal.getsignal(signal.SIGINT) is before
    again = carry_out(models, digits, tmp_path)
    assert not again.summary.interrupted
    assert {row.status for row in again.rows} == {"ok", "unsupported"}


def test_a_second_ctrl_c_stops_at_once(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        carry_out({"mute": interrupting(digits_net, at={2, 3})}, digits, tmp_path, NOISE)
    assert signal.getsignal(signal.SIGINT) is before
    assert list((tmp_path / "cells").iterdir()) == []


# -- again ------------------------------------------------------------------------------------------------------------


def lying(net: nn.Module, moved: int) -> Any:
    """The same version, but other labels for some examples: what only a second run can find out."""

    first = open_dataset("digits").examples("test", slice(0, moved))

    def predict(x: np.ndarray) -> np.ndarray:
        labels = net(torch.from_numpy(x)).argmax(1).numpy()
        hit = (x[:, None] == first[None]).all(axis=(2, 3, 4)).any(axis=1)
        labels[hit] = (labels[hit] + 1) % 10
        return labels

    return adapters.black_box(predict, version="1")


@pytest.mark.parametrize(
    ("moved", "outcome"), [(0, (1, 0, 0)), (3, (0, 1, 0)), (4, (0, 0, 1))], ids=["same", "near ties", "conflict"]
)
def test_recomputing_compares_and_overwrites_nothing(
    moved: int, outcome: tuple[int, int, int], digits: Dataset, digits_net: nn.Module, elsewhere: Path
) -> None:
    store = Store(elsewhere)
    store.prepare()
    runs: list[Summary] = []
    first: list[bytes] = []
    for count in (0, moved):
        shelf = Models(digits, "cpu")
        shelf.add_guest("m", lambda count=count: lying(digits_net, count))
        cells = [item.cell for item in expand(suite_of(NOISE, ["m"]), digits, {"m": shelf.info("m")}, {})][:1]
        runs.append(Runner(store, Progress()).run(jobs(cells), World(digits, shelf.adapter, "cpu", batch=1000)))
        texts = [path.read_bytes() for path in (elsewhere / "cells").iterdir()]
        first = texts if len(runs) == 1 else first
    assert texts == first
    again = runs[1]
    assert (again.same, len(again.near_ties), len(again.conflicts)) == outcome
    assert [found for _, found in [*again.near_ties, *again.conflicts]] == ([moved] if moved else [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "device 'gpu': give auto, cpu or cuda"),
        ({"budget": "slow"}, "budget 'slow': give full or quick"),
        ({"limit": 0}, "limit 0: give at least 1"),
        ({"models": "net"}, "models is a str"),
        ({"models": 3}, "models is a int"),
        ({"models": {}}, "models is {}, which names none: give names to models, .* or None for the suite's own"),
        ({"models": []}, r"models is \[\], which names none"),
        ({"models": [3]}, "models holds a int: give names to models"),
        ({"rerun": "everything"}, "rerun 'everything': give failed or all"),
        ({"progress": "verbose"}, "progress 'verbose': give auto, plain or none"),
    ],
)
def test_bad_input_from_python_is_one_line(options: dict[str, Any], message: str, elsewhere: Path) -> None:
    with pytest.raises(UsageError, match=message):
        bench.run("digits-fgsm", **options)


def test_an_unknown_argument_from_python_is_an_error(elsewhere: Path) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'modles'"):
        bench.run("digits-fgsm", **{"modles": {}})


def test_from_python(digits_net: nn.Module, digits_svc: Any, elsewhere: Path) -> None:
    """`bench.run` with guests by name: run, resume, and the board."""
    path = elsewhere / "tiny.yaml"
    path.write_text(f"suite: tiny\ndataset: {{name: digits}}\nrank_by: {{eps: 0.2}}\nattacks:\n{OWN}\n")
    board = bench.run(str(path), {"net": digits_net, "svc": lambda: digits_svc}, device="cpu", out="out")
    assert {row.model for row in board.rows} == {"net", "svc"}
    assert board.failures == []
    assert {row.status for row in board.rows} == {"ok"}
    assert {row.gradient for row in board.of("svc")} == {"exact"}
    assert "| net" in str(board)
    before = {file.name: file.stat().st_mtime_ns for file in (elsewhere / "out/results/cells").iterdir()}
    again = bench.run(str(path), {"net": digits_net, "svc": digits_svc}, device="cpu", out="out")
    assert again.rows == board.rows
    assert {file.name: file.stat().st_mtime_ns for file in (elsewhere / "out/results/cells").iterdir()} == before
    assert "tiny" in (elsewhere / "out/leaderboard.md").read_text()
