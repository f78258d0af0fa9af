"""PGD and APGD: as strong as mathematics says on linear models, each example by itself, at the price that is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from crafting import UNIT, batch, crafted, curved, draws, linear
from known_models import Answering
from torch import Tensor, nn

import adapters
from adapters.base import Adapter, Outputs
from adapters.errors import Unsupported
from bench.attacks import make_attack
from bench.attacks.apgd import checkpoints
from bench.errors import UsageError
from bench.running.metered import Metered
from bench.threats import Threat

STRONG = ["pgd", "apgd"]
NORMS = {"pgd": ["linf", "l2", "l1"], "apgd": ["linf", "l2"]}
DUAL = {"linf": 1.0, "l2": 2.0, "l1": float("inf")}
PAIRS = [(name, norm) for name in STRONG for norm in NORMS[name]]


def right(source: Adapter, n: int = 40) -> tuple[Tensor, Tensor]:
    """Examples that the model labels right, as it labels them all."""
    x, _ = batch(n)
    return x, source.predict(x)


def errors(source: Adapter, x: Tensor, y: Tensor) -> Tensor:
    return source.predict(x) != y


@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_a_linear_model_is_fooled_where_its_distance_says_so(name: str, norm: str) -> None:
    """Without a range the nearest mislabelled input is at min over t of (z_y - z_t) / |w_t - w_y|, the dual norm's."""
    source = linear()
    x, y = right(source)
    weight = source.module[1].weight.detach()  # type: ignore[attr-defined]
    logits = source.logits(x).detach()
    gaps = logits.gather(1, y[:, None]) - logits
    slopes = torch.linalg.vector_norm(weight[None] - weight[y][:, None], ord=DUAL[norm], dim=2)
    radius = (gaps / slopes).nan_to_num(torch.inf).scatter(1, y[:, None], torch.inf).amin(1)
    eps = float(radius.median())
    (found,) = crafted(name, source, x, y, [Threat(norm=norm, eps=eps)], restarts=3)
    fooled = errors(source, found, y)
    assert not fooled[radius > eps * 1.001].any()
    assert fooled[radius < eps * 0.97].all()


@pytest.mark.parametrize("loss", ["margin", "dlr", "targeted_margin", "targeted_dlr"])
def test_every_loss_of_apgd_that_is_a_lead_fools_a_curved_model_as_the_best_corner_does(loss: str) -> None:
    """Of three features the corners of the ball can be tried one by one; nothing between them is far better."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        source = adapters.wrap(nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 5)).eval())
    x = torch.rand(60, 3, generator=torch.Generator().manual_seed(0))
    y = source.predict(x)
    corners = torch.cartesian_prod(*[torch.tensor([-0.3, 0.3])] * 3)
    tried = torch.stack([errors(source, (x + corner).clamp(0, 1), y) for corner in corners]).any(0)
    (found,) = crafted("apgd", source, x, y, [Threat(norm="linf", eps=0.3, clip=UNIT)], loss=loss, restarts=2)
    assert 5 < tried.sum() < 60
    assert errors(source, found, y)[tried].all()


@pytest.mark.parametrize("name", STRONG)
@pytest.mark.parametrize("more", [{}, {"target": "next"}, {"restarts": 2}])
def test_an_example_is_attacked_as_if_it_were_alone(name: str, more: dict[str, Any]) -> None:
    source = curved().copied()
    source.module.double()  # type: ignore[attr-defined]  # where batches differ by their rounding least
    x, y = batch(12)
    x = x.double()
    y = source.predict(x).where(torch.arange(12) % 2 == 0, y)
    budget = [Threat(norm="linf", eps=0.3, clip=UNIT)]
    more = {"steps": 12, **more}
    (together,) = crafted(name, source, x, y, budget, **more)
    for rows in ([0], [7, 3], [11, 2, 5, 8]):
        (apart,) = crafted(name, source, x[rows], y[rows], budget, draws(rows), **more)
        assert torch.allclose(apart, together[rows], atol=1e-9)


@pytest.mark.parametrize("name", STRONG)
def test_what_is_mislabelled_comes_back_as_it_is_and_costs_one_question(name: str) -> None:
    source = Metered(curved())
    x, y = right(source)
    source.costs()
    (found,) = crafted(name, source, x, (y + 1) % 4, [Threat(norm="linf", eps=0.1)])
    assert torch.equal(found, x)
    assert source.costs().model_dump() == {"forwards": 0, "gradients": 0, "queries": len(x)}


@pytest.mark.parametrize(("name", "budget"), [("pgd", 10 + 5 * 40), ("apgd", 100)])
def test_no_more_gradients_than_steps(name: str, budget: int) -> None:
    """One a step, none after the last, on examples that are never fooled."""
    source = Metered(linear())
    x, y = right(source)
    source.costs()
    crafted(name, source, x, y, [Threat(norm="linf", eps=1e-6)])
    assert source.costs().gradients == budget * len(x)


@pytest.mark.parametrize("name", STRONG)
def test_saturated_logits_are_climbed_all_the_same(name: str) -> None:
    """The cross-entropy of logits times 10,000 has no gradient left; their margin has."""
    quiet = curved()
    loud = adapters.wrap(nn.Sequential(quiet.module, Times(1e4)).eval())  # type: ignore[attr-defined]
    x, y = right(quiet)
    budget = [Threat(norm="linf", eps=0.3, clip=UNIT)]
    plain, scaled = (errors(quiet, crafted(name, source, x, y, budget)[0], y) for source in (quiet, loud))
    assert plain.sum() > 10
    assert scaled.sum() >= plain.sum() - 1


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


class Noisy(nn.Module):
    """Answers at random: its logits are those of the input with noise."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x + 0.3 * torch.randn_like(x))


@pytest.mark.parametrize("name", STRONG)
def test_more_answers_of_a_model_that_answers_at_random_give_a_better_direction(name: str) -> None:
    quiet = curved()
    noisy = adapters.wrap(Noisy(quiet.module).eval())  # type: ignore[attr-defined]
    noisy.stochastic = True
    x, y = right(quiet, 60)
    budget = [Threat(norm="linf", eps=0.1, clip=UNIT)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        once, often = (
            quiet.loss(crafted(name, noisy, x, y, budget, steps=10, draws=number)[0], y, "margin").mean()
            for number in (1, 20)
        )
    assert often > once


@pytest.mark.parametrize("name", STRONG)
def test_a_stand_in_is_climbed_and_the_model_itself_is_asked(name: str) -> None:
    """Labels by a step that the stand-in does not know: the margin of its logits never turns."""
    weight = torch.ones(2)

    def labels(x: Tensor) -> Tensor:
        return (x.flatten(1).sum(1) > 1.0).long()

    source = Answering(lambda x: Outputs(labels(x), None, None))
    source.gradient = "surrogate"
    source._logits = lambda x: torch.stack([x.flatten(1).sum(1) * 0 + 9, (x.flatten(1) * weight).sum(1)], 1)  # type: ignore[method-assign]
    x, y = torch.tensor([[0.4, 0.4], [0.1, 0.2]]), torch.tensor([0, 0])
    (found,) = crafted(name, source, x, y, [Threat(norm="linf", eps=0.2, clip=UNIT)])
    assert labels(found).tolist() == [1, 0]


@pytest.mark.parametrize("name", STRONG)
def test_an_abstention_is_a_mistake_that_ends_the_climb(name: str) -> None:
    """Above a sum of 1.0 it abstains, and what it would rather be is out of reach: no climb is needed any further."""
    source = Answering(lambda x: Outputs(torch.where(x.flatten(1).sum(1) > 1.0, -1, 0), None, None))
    source.gradient = "surrogate"
    source._logits = lambda x: torch.stack([x.flatten(1).sum(1) * 0 + 9, x.flatten(1).sum(1)], 1)  # type: ignore[method-assign]
    x, y = torch.tensor([[0.4, 0.4], [0.1, 0.2], [0.7, 0.7]]), torch.tensor([0, 0, 0])
    metered = Metered(source)
    (found,) = crafted(name, metered, x, y, [Threat(norm="linf", eps=0.2, clip=UNIT)], steps=40)
    assert source.predict(found).tolist() == [-1, 0, -1]
    assert torch.equal(found[2], x[2])
    asked = metered.costs().gradients
    (_,) = crafted(name, metered, x[[0, 2]], y[:2], [Threat(norm="linf", eps=0.2, clip=UNIT)], steps=40)
    assert metered.costs().gradients < asked / 4


@pytest.mark.parametrize("name", STRONG)
def test_targeted_runs_end_in_the_class_asked_for(name: str) -> None:
    source = curved()
    x, y = right(source)
    budget = [Threat(norm="linf", eps=0.5)]
    (found,) = crafted(name, source, x, y, budget, target=2)
    assert torch.equal(found[y == 2], x[y == 2])
    reached = source.predict(found) == 2
    (stepped,) = crafted("fgsm", source, x, y, budget, target=2)
    assert reached[y != 2].sum() >= (source.predict(stepped) == 2)[y != 2].sum()
    assert reached[y != 2].float().mean() > 0.5


def test_a_given_class_is_the_goal_of_all_others() -> None:
    source, (x, y) = linear(), batch(20)
    goals = make_attack("iterated-fgsm", {"target": 0}).goals(source, x, y, draws(range(20)))
    assert goals is not None
    assert goals.tolist() == [-1 if true == 0 else 0 for true in y.tolist()]
    assert make_attack("fgsm", {"target": 0}).criterion.kind == "targeted"


def test_a_given_class_has_to_be_one() -> None:
    x, y = batch()
    with pytest.raises(UsageError, match="target 4 of attack fgsm: there are 4 classes, the first is 0"):
        make_attack("fgsm", {"target": 4}).goals(linear(), x, y, draws(range(9)))
    with pytest.raises(UsageError, match="target"):
        make_attack("fgsm", {"target": -1})
    with pytest.raises(UsageError, match="target"):
        make_attack("fgsm", {"target": True})
    fewer = linear()
    fewer.known_classes = (0, 1, 2)
    with pytest.raises(Unsupported, match="the model is of classes 0, 1, 2, and cannot answer 3"):
        make_attack("fgsm", {"target": 3}).goals(fewer, x, y, draws(range(9)))


def test_another_repetition_starts_elsewhere() -> None:
    source = curved()
    x, y = right(source)
    budget = [Threat(norm="linf", eps=0.05)]
    first, again, other = (
        crafted("pgd", source, x, y, budget, screen=0, restarts=1, steps=1, draw=draw)[0] for draw in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


class TwoHills(nn.Module):
    """Of one input in [0, 1]: class 1 on top of the right hill alone; at .5 it is downhill to there."""

    def forward(self, x: Tensor) -> Tensor:
        lead = torch.maximum(-0.1 - (x - 0.3).abs(), 0.05 - 2 * (x - 0.9).abs())
        return torch.cat([-lead, lead], 1)


def test_two_halves_of_a_run_get_where_one_run_from_the_example_does_not() -> None:
    """Steps of a random start as in the paper: for as many gradients, none of them after a success."""
    source = Metered(adapters.wrap(TwoHills().eval()))
    x, y = torch.full((40, 1), 0.5), torch.zeros(40, dtype=torch.int64)
    budget = [Threat(norm="linf", eps=0.45, clip=UNIT)]
    spent, fooled = [], []
    for more in ({"steps": 20}, {"steps": 10, "restarts": 1}):
        source.costs()
        (found,) = crafted("apgd", source, x, y, budget, **more)
        spent.append(source.costs().gradients)
        fooled.append(int(errors(source, found, y).sum()))
    assert fooled[0] == 0
    assert fooled[1] > 5
    assert spent[1] <= spent[0]


def test_checkpoints_are_those_of_the_paper() -> None:
    """Croce & Hein 2020, section 3.1: of 100 steps at 22, 41, 57, 70, 80, 87, 93 and 99."""
    assert np.cumsum(checkpoints(100))[:8].tolist() == [22, 41, 57, 70, 80, 87, 93, 99]
    for steps in range(1, 40):
        assert sum(checkpoints(steps)) > steps
        assert min(checkpoints(steps)) >= 1
