"""Fooling images: samples that are everybody's, steps that are the formula, and success that the judge alone counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from handmade import cell, failure, model, result, suite_of, viewed
from known_models import Answering, MaskedGradient, constant
from torch import Tensor, nn

import adapters
import bench
from adapters.base import Adapter, Outputs
from adapters.errors import Unsupported
from bench.attacks import make_attack
from bench.board.rows import Row, rows
from bench.board.view import View
from bench.datasets import Dataset
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.plan import expand, jobs
from bench.planning.suite import parse_suite
from bench.progress import Progress
from bench.records.record import AttackId, Cell, Result, Slice
from bench.records.store import Store
from bench.report import rubbish
from bench.report.boards import tables
from bench.running.judge import Audit
from bench.running.roster import Models
from bench.running.runner import Runner
from bench.running.tally import Tally, joined
from bench.running.world import World
from bench.threats import Criterion, Threat

SHAPE = (1, 8, 8)
SURE = Criterion(kind="targeted", threshold=0.5)


def draws(indices: Any, revision: int = 1) -> Draws:
    return Draws((0, "checksum", "fooling", revision), np.asarray(indices, dtype=np.int64))


def crafted(source: Adapter, indices: Any, **parameters: Any) -> tuple[Tensor, Tensor]:
    """Candidates and goals of the samples of these positions."""
    attack, drawn = make_attack("fooling", parameters), draws(indices)
    x, y = torch.zeros(len(drawn.indices), *SHAPE), torch.full((len(drawn.indices),), -1)
    goals = attack.goals(source, x, y, drawn)
    assert goals is not None
    (candidates,) = attack.craft(source, x, y, goals, [Threat()], drawn)
    return candidates, goals


def sample(indices: Any, draw: int = 0) -> Tensor:
    """The N(0, I) samples of these positions."""
    return torch.tensor(draws(indices).normal(SHAPE, draw), dtype=torch.float32)


def reached(source: Adapter, candidates: Tensor, goals: Tensor) -> Tensor:
    """`(N,)` what the criterion says, in plain terms."""
    outputs = source.outputs(candidates)
    assert outputs.probabilities is not None
    return (outputs.labels == goals) & (outputs.probabilities.gather(1, goals[:, None])[:, 0] > 0.5)


@pytest.fixture(scope="module")
def source(digits_net: nn.Module) -> Adapter:
    return adapters.wrap(digits_net)


def independent(net: nn.Module) -> Adapter:
    """The same network read as one independent probability a class."""
    double = Answering(lambda x: Outputs(net(x).argmax(1), net(x), net(x).sigmoid()))
    double.gradient, double.confidence_kind = "exact", "sigmoid"
    double._logits = net  # type: ignore[method-assign]
    return double


# -- goals ------------------------------------------------------------------------------------------------------------


def test_each_class_in_turn_by_the_sample_alone(source: Adapter) -> None:
    _, goals = crafted(source, [0, 1, 9, 10, 12_345])
    assert goals.tolist() == [0, 1, 9, 0, 5]


def test_one_class_for_all(source: Adapter) -> None:
    _, goals = crafted(source, range(4), target=3)
    assert goals.tolist() == [3] * 4


def test_a_class_that_the_dataset_lacks_is_named(source: Adapter) -> None:
    with pytest.raises(UsageError, match="target 10 of attack fooling: there are 10 classes"):
        crafted(source, range(4), target=10)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"target": "some"}, "target 'some' of attack fooling"),
        ({"target": -1}, "target -1"),
        ({"target": True}, "target True"),
        ({"step": "both"}, "step 'both'"),
        ({"step_size": 0}, "step_size 0"),
        ({"step_size": float("inf")}, "step_size inf"),
        ({"steps": 0}, "steps 0"),
        ({"eps": 0.1}, "unknown key of attack fooling 'eps'"),
    ],
)
def test_a_bad_parameter_is_named(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make_attack("fooling", parameters)


# -- the samples ------------------------------------------------------------------------------------------------------


def test_it_starts_from_the_harness_s_own_draws(source: Adapter) -> None:
    """Standard normal, the same on every source, whatever the batch and its order; another draw is another sample."""
    tiny = {"step_size": 1e-30, "step": "log-gradient"}
    whole, _ = crafted(source, range(400), **tiny)
    assert torch.equal(whole, sample(range(400)))
    assert float(whole.mean()) == pytest.approx(0, abs=0.03)
    assert float(whole.std()) == pytest.approx(1, abs=0.03)
    order = [7, 3, 399]
    assert torch.equal(crafted(independent(lambda x: x.flatten(1)[:, :10]), order, **tiny)[0], whole[order])  # type: ignore[arg-type]
    assert torch.equal(crafted(source, range(5), draw=1, **tiny)[0], sample(range(5), draw=1))
    assert not torch.equal(sample(range(5)), sample(range(5), draw=1))


@pytest.mark.parametrize("step", ["sign", "gradient", "log-gradient"])
def test_images_do_not_depend_on_batch_or_order(step: str, source: Adapter) -> None:
    whole, goals = crafted(source, range(60), step=step, steps=3)
    order = [41, 5, 59, 0]
    part, part_goals = crafted(source, order, step=step, steps=3)
    assert torch.equal(part_goals, goals[order])
    assert torch.allclose(part, whole[order], atol=1e-5)


# -- the step ---------------------------------------------------------------------------------------------------------


def gradient_of(values: Any, x: Tensor) -> Tensor:
    point = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(values(point).sum(), point)
    return gradient


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_the_step_is_the_formula(kind: str, source: Adapter, digits_net: nn.Module) -> None:
    """x + eps grad p(y = i | x), eps grad log p, or eps times the sign that both gradients share."""
    model = source if kind == "softmax" else independent(digits_net)
    x, goals = sample(range(40)), torch.arange(40) % 10

    def p(point: Tensor) -> Tensor:
        logits = digits_net(point)
        probabilities = logits.softmax(1) if kind == "softmax" else logits.sigmoid()
        return probabilities.gather(1, goals[:, None])

    of_p, of_log = gradient_of(p, x), gradient_of(lambda point: p(point).log(), x)
    assert torch.allclose(crafted(model, range(40), step="gradient", step_size=3)[0], x + 3 * of_p, atol=1e-5)
    assert torch.allclose(crafted(model, range(40), step="log-gradient", step_size=3)[0], x + 3 * of_log, atol=1e-4)
    signed, _ = crafted(model, range(40), step="sign", step_size=0.5)
    clear = of_p.abs() > 1e-6
    assert clear.float().mean() > 0.5
    assert torch.equal(signed[clear], (x + 0.5 * of_p.sign())[clear])


def test_only_the_gradient_of_p_itself_underflows(digits_net: nn.Module) -> None:
    """A model that is sure of another class leaves p no gradient; log p has one, and the sign is that of log p."""
    steep = adapters.wrap(MaskedGradient(digits_net).eval())
    x = sample(range(50))
    other = steep.predict(x) != torch.arange(50) % 10
    moved = {
        step: (crafted(steep, range(50), step=step)[0] != x).flatten(1).any(1)
        for step in ("gradient", "log-gradient", "sign")
    }
    assert not moved["gradient"].any()
    assert moved["log-gradient"][other].all()
    assert moved["sign"][other].all()


def test_more_steps_go_on_until_the_source_is_fooled(source: Adapter) -> None:
    """What is reached is kept as it is; the others get further."""
    small = {"step_size": 0.05, "step": "sign"}
    counts = []
    before, goals = crafted(source, range(100), **small)
    for steps in (2, 4, 8, 30):
        after, _ = crafted(source, range(100), steps=steps, **small)
        done = reached(source, before, goals)
        counts.append(int(done.sum()))
        assert torch.equal(after[done], before[done])
        before = after
    assert counts == sorted(counts)
    assert counts[0] < 50
    assert reached(source, before, goals).all()


def test_a_single_step_is_made_whatever_the_sample_is_taken_for(source: Adapter) -> None:
    x = sample(range(100))
    assert ((crafted(source, range(100))[0] - x).abs() > 0.2).flatten(1).any(1).all()


def test_a_model_without_a_gradient_crafts_none() -> None:
    with pytest.raises(Unsupported):
        crafted(adapters.black_box(constant(0), version="1"), range(4))


def test_a_gradient_that_is_nan_is_no_step() -> None:
    """Its sign would pass for a step that changes nothing."""
    with pytest.raises(ValueError, match="gradient is NaN"):
        crafted(independent(lambda x: x.flatten(1)[:, :10].abs().sqrt() * torch.nan), range(4))  # type: ignore[arg-type]


# -- the judge --------------------------------------------------------------------------------------------------------

FOOLING = AttackId(name="fooling", revision=1, parameters=make_attack("fooling", {}).model_dump(mode="json"))


def judged(kind: str | None, criterion: Criterion = SURE) -> Result:
    """Five images: the goal with 0.8; with just 0.5; another class; the goal but not sure; and one more of 0.9."""
    asked = cell(
        model("m", confidence_kind=kind),
        source=model("m"),
        attack=FOOLING,
        part=Slice(split=None, stop=5, of=5),
        criterion=criterion,
    )
    probabilities = torch.tensor(
        [[0.8, 0.1, 0.1], [0.25, 0.5, 0.25], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9]], dtype=torch.float64
    )
    tally = Tally(asked, 5)
    goals, labels = np.array([0, 1, 1, 2, 2]), probabilities.argmax(1)
    tally.begin(np.full(5, -1), goals, Audit(None, 0))
    tally.add(np.arange(5), Outputs(labels, probabilities, probabilities))
    return joined([tally.part(None, None, 0.0)], 3)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_success_is_the_goal_class_with_confidence(kind: str) -> None:
    found = judged(kind)
    assert (found.n, found.successes, found.errors, found.success_classes) == (5, 2, None, (1, 0, 1))
    assert found.confidence_on_mistakes == pytest.approx((0.8 + 0.9) / 2)
    assert found.goal.tolist() == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("kind", ["votes", "leaf fraction", None])
def test_confidence_of_another_kind_is_not_compared(kind: str | None) -> None:
    found = judged(kind)
    assert (found.successes, found.success_classes) == (None, None)


@pytest.mark.parametrize("kind", ["softmax", "votes", None])
def test_without_a_threshold_the_goal_class_is_enough(kind: str | None) -> None:
    found = judged(kind, Criterion(kind="targeted"))
    assert (found.successes, found.success_classes) == (4, (1, 1, 2))


def test_the_criterion_of_rubbish_takes_any_class() -> None:
    found = judged("softmax", Criterion(kind="confident", threshold=0.5))
    assert (found.successes, found.success_classes) == (3, (2, 0, 1))


# -- suites -----------------------------------------------------------------------------------------------------------


def test_what_an_entry_asks_for_unless_it_says_otherwise() -> None:
    (entry,) = suite_of("  - {attack: fooling, n: 20, sources: all}").attacks
    assert entry.judged_by == SURE
    assert (entry.sources, entry.made.generates) == ("all", True)
    assert suite_of("  - {attack: fooling, n: 20, criterion: {kind: targeted, threshold: 0.9}}").attacks[
        0
    ].judged_by == (Criterion(kind="targeted", threshold=0.9))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("attack: fooling", "fooling needs n: how many inputs"),
        ("attack: fooling, n: 9, norm: linf, eps: 0.1", "bound to no ball"),
        ("attack: fooling, n: 9, criterion: {kind: misclassified}", "misclassified is for labelled inputs"),
        ("attack: gaussian-rubbish, n: 9, criterion: {kind: misclassified}", "misclassified is for labelled inputs"),
        (
            "attack: fgsm, norm: linf, eps: 0.1, target: next, criterion: {kind: targeted, threshold: 0.5}",
            "criterion targeted with a threshold is for generated inputs",
        ),
    ],
)
def test_a_bad_entry_is_refused_in_words(entry: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        suite_of(f"  - {{{entry}}}")


# -- the board --------------------------------------------------------------------------------------------------------

A, B = model("a", confidence_kind="softmax"), model("b", confidence_kind="votes")
BOARD = "  - {attack: fooling, n: 6, sources: all}"
CLEAN = [0, 1, 2, 0, 1, 1]


def answer(asked: Cell) -> Any:
    """Of three classes, two images each: of the first both reach it, of the second one, of the third none."""
    if asked.craft.attack.name == "clean":
        return (CLEAN, {"median_margin": 0.5})
    margin, goal = [0.9, 0.6, 0.1, 0.8, 0.1, 0.1], [0, 1, 2, 0, 1, 2]
    sure = {"successes": 3, "success_classes": (2, 1, 0)} if asked.target.name == "a" else {"successes": None}
    return result(asked, [0, 1, 1, 0, 0, 0], None, goal, margin=margin, **sure)


def board_of(answer: Any = answer) -> list[Row]:
    return rows(viewed(suite_of(BOARD, ["a", "b"], board="rubbish"), answer, references=[A, B]))


def one(found: list[Row], source: str, target: str) -> Row:
    (row,) = [row for row in found if (row.attack, row.source, row.target) == ("fooling", source, target)]
    return row


def test_success_per_class_and_its_mean() -> None:
    row = one(board_of(), "a", "a")
    assert (row.n, row.error, row.robust_accuracy, row.attack_success) == (6, 0.5, None, None)
    assert row.class_success == [1.0, 0.5, 0.0]
    assert row.mean_class_success == pytest.approx(0.5)
    assert row.ci_low < 0.5 < row.ci_high
    assert row.beyond_margin == 0.5
    assert row.transfer is None


def test_a_class_that_was_no_goal_has_no_success_and_no_part_in_the_mean() -> None:
    def one_class(asked: Cell) -> Any:
        if asked.craft.attack.name == "clean":
            return CLEAN
        return result(asked, [1] * 6, None, [1] * 6, margin=[1.0] * 6, successes=3, success_classes=(0, 3, 0))

    row = one(board_of(one_class), "a", "a")
    assert (row.class_success, row.mean_class_success) == ([None, 0.5, None], 0.5)


def test_what_does_not_apply_is_left_blank() -> None:
    row = one(board_of(), "a", "b")
    assert (row.status, row.error, row.class_success, row.mean_class_success) == ("ok", None, None, None)


@pytest.mark.parametrize("layout", ["robustness", "transfer", "rubbish"])
def test_every_layout_can_be_drawn_whatever_is_missing(layout: str) -> None:
    def patchy(asked: Cell) -> Any:
        source, target = asked.craft.source, asked.target.name
        if asked.craft.attack.name == "gaussian-rubbish":
            return result(asked, [0, 1, 1, 0], None, margin=[0.1] * 4, successes=1, success_classes=(1, 0, 0))
        if source is not None and (source.name, target) == ("b", "a"):
            return failure(asked)
        return None if source is not None and (source.name, target) == ("b", "b") else answer(asked)

    suite = suite_of(f"{BOARD}\n  - {{attack: gaussian-rubbish, n: 4}}", ["a", "b"], board=layout)
    found = rows(viewed(suite, patchy, references=[A, B]))
    assert {row.status for row in found if row.attack == "fooling"} == {"ok", "error", "missing"}
    assert "exception: ValueError: no" in "\n".join(table.markdown() for table in tables(suite, found))
    json.dumps([row.as_dict() for row in found], allow_nan=False)


def test_the_rubbish_board_tells_fooling_images_apart() -> None:
    suite = suite_of(f"{BOARD}\n  - {{attack: fooling, n: 6, step: gradient, step_size: 100, steps: 5}}", ["a", "b"])
    (table,) = rubbish.tables(suite, rows(viewed(suite, answer, references=[A, B])))
    assert table.title == "toy-suite v1: fooling images"
    lines = [dict(zip(table.headers, line, strict=True)) for line in table.rows]
    own = next(line for line in lines if line["model"] == line["crafted on"] == "a")
    assert (own["attack"], own["fooled"], own["mean of classes"]) == (
        "fooling sign step_size 0.25 steps 1",
        "50.0",
        "50.0",
    )
    assert own["by class, hardest first"] == "2: 0.0, 1: 50.0, 0: 100.0"
    assert {line["attack"] for line in lines} == {own["attack"], "fooling gradient step_size 100 steps 5"}
    assert {line["fooled"] for line in lines if line["model"] == "b"} == {"n/a"}
    assert "probability above 0.5" in table.note


# -- as a whole -------------------------------------------------------------------------------------------------------

ATTACKS = """\
  - {attack: gaussian-rubbish, n: 50}
  - {attack: fooling, n: 200, sources: all}
  - {attack: fooling, n: 30, target: 7, step: log-gradient, step_size: 2, steps: 10}
"""


def carry_out(models: dict[str, nn.Module], digits: Dataset, out: Path, batch: int | None = None) -> list[Row]:
    """The board of the suite, each model a source for the others."""
    suite, teller = suite_of(ATTACKS, list(models), board="rubbish"), Progress()
    shelf = Models(digits, "cpu")
    for name, net in models.items():
        shelf.add_guest(name, lambda net=net: net)  # type: ignore[misc]
    known = {name: shelf.info(name) for name in models}
    store = Store(out)
    store.prepare()
    planned = expand(suite, digits, known, {})
    summary = Runner(store, teller).run(jobs(item.cell for item in planned), World(digits, shelf.adapter, "cpu", batch))
    assert summary.failed == []
    return rows(View(suite, digits, store.records(teller.say), {}))


@pytest.fixture(scope="module")
def linear(digits_train: tuple[np.ndarray, np.ndarray]) -> nn.Module:
    """Softmax regression, as another model to carry images over to."""
    x, y = (torch.tensor(array) for array in digits_train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net.eval()


@pytest.fixture(scope="module")
def ran(
    digits: Dataset, digits_net: nn.Module, linear: nn.Module, tmp_path_factory: pytest.TempPathFactory
) -> list[Row]:
    return carry_out({"net": digits_net, "linear": linear}, digits, tmp_path_factory.mktemp("fooling"))


def test_a_suite_of_rubbish_and_fooling_images(ran: list[Row], source: Adapter, digits: Dataset) -> None:
    """The rate is that of images crafted by hand from the same draws."""
    row = next(row for row in ran if (row.attack, row.source, row.target, row.n) == ("fooling", "net", "net", 200))
    key = (0, digits.checksum, "fooling", 1)
    attack, drawn = make_attack("fooling", {}), Draws(key, np.arange(200))
    goals = torch.arange(200) % 10
    (images,) = attack.craft(source, torch.zeros(200, *SHAPE), goals, goals, [Threat()], drawn)
    hits = reached(source, images, goals)
    assert row.error == pytest.approx(float(hits.float().mean()))
    assert row.class_success == pytest.approx([float(hits[goals == k].float().mean()) for k in range(10)])
    assert row.mean_class_success == pytest.approx(row.error)  # twenty of each
    assert 0.3 < row.error < 1


def test_fooling_images_transfer(ran: list[Row]) -> None:
    """Crafted on one model, judged on the other, both ways; less good there than at home."""
    rate = {(row.source, row.target): row.error for row in ran if row.attack == "fooling" and row.n == 200}
    assert set(rate) == {(a, b) for a in ("net", "linear") for b in ("net", "linear")}
    assert 0 < rate["linear", "net"] < rate["net", "net"]


def test_ten_steps_reach_any_class(ran: list[Row]) -> None:
    row = next(row for row in ran if (row.attack, row.n, row.target) == ("fooling", 30, "net"))
    assert row.class_success == [1.0 if k == 7 else None for k in range(10)]
    assert row.confidence_on_mistakes > 0.5


def test_the_batch_changes_no_rate(
    ran: list[Row], digits: Dataset, digits_net: nn.Module, linear: nn.Module, tmp_path: Path
) -> None:
    again = carry_out({"net": digits_net, "linear": linear}, digits, tmp_path, batch=37)
    assert [(row.attack, row.target, row.error) for row in again] == [
        (row.attack, row.target, row.error) for row in ran
    ]


def test_a_target_beyond_the_classes_ends_the_run_in_words(digits_net: nn.Module, tmp_path: Path) -> None:
    suite = parse_suite("suite: tiny\ndataset: {name: digits}\nattacks:\n  - {attack: fooling, n: 5, target: 10}", "x")
    with pytest.raises(UsageError, match="there are 10 classes"):
        bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu")
