"""A new attack is one file and one line, whatever it asks of its source and however it is judged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import model, suite_of, toy

import adapters
import bench
from adapters.base import Adapter
from bench import registry
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.plan import Planned, attack_of, expand
from bench.planning.suite import parse_suite
from bench.records.store import Store
from bench.threats import Threat

FILE = '''
from typing import ClassVar

from bench.attacks.base import Attack
from bench.threats import NORMS


class Nearest(Attack):
    """To the decision boundary of the two likeliest classes, as if the model were linear (DeepFool, one step)."""

    name: ClassVar = "nearest"
    needs: ClassVar = "gradient"
    role: ClassVar = "minimum-norm"
    norms: ClassVar = ("l2",)
    summary: ClassVar = "one step onto the linearised boundary"

    overshoot: float = 1e-3

    def craft(self, source, x, y, goals, budgets, draws):
        logits = source.logits(x).detach()
        ahead, second = logits.topk(2, dim=1).values.T
        slope = source.input_gradient(x, y, "margin").flatten(1)
        share = (1 + self.overshoot) * (ahead - second) / slope.square().sum(1)
        moved = x + (share[:, None] * slope).view_as(x)
        right = (logits.argmax(1) == y).view(-1, *[1] * (x.dim() - 1))
        for budget in budgets:
            yield budget.cut(moved.where(right, x))


class Corners(Attack):
    """Random corners of the ball, until the label changes."""

    name: ClassVar = "any-corner"
    needs: ClassVar = "labels"
    role: ClassVar = "query"
    norms: ClassVar = NORMS
    serves_grid: ClassVar = False
    summary: ClassVar = "random corners, by labels alone"

    tries: int = 8

    def craft(self, source, x, y, goals, budgets, draws):
        shape = tuple(x.shape[1:])
        for budget in budgets:
            best = x
            for draw in range(self.tries):
                wrong = (source.predict(best) != y).view(-1, *[1] * len(shape))
                corner = budget.moved(x, x.new_tensor(budget.extreme(draws, shape, draw)))
                best = best.where(wrong, corner)
            yield best
'''
LINES = {"nearest": "my_attacks:Nearest", "any-corner": "my_attacks:Corners"}


@pytest.fixture(autouse=True)
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file, and a line for each attack in it."""
    (tmp_path / "my_attacks.py").write_text(FILE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    near, corner = (registry.adding("attack", name, line) for name, line in LINES.items())
    with near, corner:
        yield
    sys.modules.pop("my_attacks", None)


def planned(attacks: str, *names: str, **more: str) -> list[Planned]:
    infos = {name: model(name, gradient="none" if name == "blind" else "exact") for name in names}
    return [
        item
        for item in expand(suite_of(attacks, names, **more), toy(), infos, {})
        if item.cell.craft.attack.name != "clean"
    ]


def linear(slope: float = 2.0) -> Adapter:
    """Two classes, which meet where the four features sum to 2."""
    net = torch.nn.Linear(4, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0] * 4, [slope] * 4]))
        net.bias.copy_(torch.tensor([0.0, -2 * slope]))
    return adapters.wrap(net.eval())


# -- planning ---------------------------------------------------------------------------------------------------------


def test_a_minimum_norm_attack_is_planned_without_a_size() -> None:
    (item,) = planned("  - {attack: nearest, norm: l2, overshoot: 0.01}", "net")
    assert item.cell.threat == Threat(norm="l2", eps=None, clip=(0, 1))
    assert item.cell.craft.attack.parameters == {"overshoot": 0.01}
    assert attack_of(item.cell.craft) == item.entry.made
    (free,) = planned("  - {attack: nearest, norm: l2, clip: false}", "net")
    assert free.cell.threat.clip is None


def test_models_are_ranked_by_a_minimum_norm_attack_at_any_size() -> None:
    nearest = "  - {attack: nearest, norm: l2}"
    assert planned(nearest, "net", rank_by="{norm: l2, eps: 0.7}")
    with pytest.raises(UsageError, match=r"rank_by eps 0.7: no clipped linf attack"):
        planned(nearest, "net", rank_by="{norm: linf, eps: 0.7}")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("attack: nearest", "attack nearest needs norm: l2, not None"),
        ("attack: nearest, norm: linf", "attack nearest needs norm: l2, not linf"),
        ("attack: nearest, norm: l2, eps: 1", "attack nearest looks for the nearest input at any distance: leave out"),
        ("attack: any-corner, norm: l2", "attack any-corner needs eps"),
        ("attack: any-corner, norm: l2, eps: 1, tires: 3", "unknown key 'tires'; did you mean tries"),
        ("attack: any-corners, norm: l2, eps: 1", "unknown attack 'any-corners'; did you mean any-corner"),
    ],
)
def test_what_a_suite_may_not_ask_of_them(entry: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        planned(f"  - {{{entry}}}", "net")


def test_an_attack_by_labels_is_planned_on_models_without_a_gradient() -> None:
    both = planned("  - {attack: any-corner, norm: linf, eps: [0.1, 0.2], sources: all}", "net", "blind")
    assert {(item.cell.craft.source.name, item.cell.target.name) for item in both if item.cell.craft.source} == {
        (source, target) for source in ("net", "blind") for target in ("net", "blind")
    }
    exact = planned("  - {attack: nearest, norm: l2, sources: all}", "net", "blind")
    assert {item.cell.craft.source.name for item in exact if item.cell.craft.source} == {"net"}


# -- what they find ---------------------------------------------------------------------------------------------------


def draws(n: int) -> Draws:
    return Draws((0,), np.arange(n))


def test_the_minimum_norm_attack_finds_the_closed_form_of_a_linear_model() -> None:
    x = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6], [0.1, 0.1, 0.1, 0.1]])
    y, threat = torch.tensor([0, 1, 1]), Threat(norm="l2")
    attack = registry.get("attack", "nearest")()
    (found,) = attack.craft(linear(), x, y, None, [threat], draws(3))
    assert (linear().predict(found) != y).all()
    exact = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)  # |sum - 2| / 2; the last is a mistake as it is
    torch.testing.assert_close(threat.distance(x, found), exact, rtol=2e-3, atol=1e-6)


def test_the_attack_by_labels_asks_for_labels_alone() -> None:
    blind = adapters.black_box(lambda x: (x.mean(1) > 0.5).astype(int), version="1", classes=(0, 1))
    x, y = torch.full((6, 4), 0.45), torch.zeros(6, dtype=torch.int64)
    attack = registry.get("attack", "any-corner")(tries=16)
    small, large = attack.craft(blind, x, y, None, [Threat(norm="linf", eps=eps) for eps in (0.04, 0.2)], draws(6))
    assert (blind.predict(small) == y).all(), "no corner within 0.04 has a mean over 0.5"
    assert (blind.predict(large) != y).all()


# -- run, judged and shown --------------------------------------------------------------------------------------------

SUITE = """\
suite: new
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: l2, eps: [0.5, 1.0]}
  - {attack: nearest, norm: l2}
  - {attack: any-corner, norm: l2, eps: [1.0], tries: 3}
rank_by: {norm: l2, eps: 1.0}
"""


def test_both_run_are_judged_and_count(digits_net: torch.nn.Module, tmp_path: Path) -> None:
    """By distance at every size of the suite; by labels alone on a model that has no gradient; with their costs."""
    mute = adapters.black_box(lambda x: digits_net(torch.from_numpy(x)).argmax(1).numpy(), version="1")
    board = bench.run(parse_suite(SUITE, "new.yaml"), {"net": digits_net, "mute": mute}, out=tmp_path, device="cpu")
    assert board.failures == []
    records = Store(tmp_path / "results").records(print).values()
    results = {(record.cell.craft.attack.name, record.cell.target.name): record.result for record in records}

    nearest = results["nearest", "net"]
    assert nearest.distance is not None
    assert nearest.successes == int(np.isfinite(nearest.distance).sum()) > 0
    assert nearest.costs is not None
    assert (nearest.costs.gradients, nearest.costs.forwards, nearest.costs.queries) == (nearest.n, nearest.n, 0)
    assert results["nearest", "mute"].status == "unsupported"

    asked = results["any-corner", "mute"]
    assert asked.status == "ok"
    assert asked.costs is not None
    assert (asked.costs.gradients, asked.costs.forwards, asked.costs.queries) == (0, 0, 3 * asked.n)
    assert asked.errors == results["any-corner", "net"].errors

    clean = results["clean", "net"]
    right = clean.predicted == clean.true
    for eps in (0.5, 1.0):
        (row,) = [row for row in board.of("net") if (row.attack, row.eps) == ("nearest", eps)]
        held = right & ~(nearest.distance <= eps)
        assert row.robust_accuracy == pytest.approx(held.mean())
    worst = next(row for row in board.of("net") if row.attack == "worst-of-all")
    assert worst.robust_accuracy is not None
    assert worst.robust_accuracy <= (right & ~(nearest.distance <= 1.0)).mean()
    assert "nearest" in str(board)
    assert "any-corner" in str(board)
