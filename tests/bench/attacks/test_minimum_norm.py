"""Minimum-norm attacks find the distance of linear models, each example by itself, by the model's own label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from crafting import FEWER, UNIT, batch, crafted, curved, draws, linear, right
from known_models import Answering
from numpy.typing import NDArray
from torch import Tensor, nn

import adapters
from adapters.base import Adapter, Outputs
from adapters.errors import Unsupported
from bench import registry
from bench.attacks import attack_class, make_attack
from bench.attacks.nearest import CLOSE, MinimumNorm
from bench.running.judge import audit
from bench.running.metered import Metered
from bench.threats import Threat

NAMES = [name for name in registry.names("attack") if issubclass(attack_class(name), MinimumNorm)]
PAIRS = [(name, norm) for name in NAMES for norm in attack_class(name).norms]
MEASURED = [(name, norm) for name, norm in PAIRS if norm != "l0"]
LONGER: dict[str, dict[str, Any]] = {"carlini-wagner": {"searches": 7, "steps": 140, "step_size": 0.04}}
"""Settings for distances to be exact."""
OFF = {"deepfool": 1e-3, "fmn": 0.01, "ddn": 0.01, "carlini-wagner": 0.02, "lbfgs": 0.01, "fab": 1e-3}
"""Share by which distances on linear models may exceed the least."""
REACHED = {"jsma": 0.3}
"""Share of the examples that attacks find in L0, of those that there are: JSMA makes features larger only,"""
MORE = {"jsma": 2.0}
"""and how many features more than can do they change on average, at most: two at a time."""
DUAL = {"linf": 1.0, "l2": 2.0, "l1": np.inf}


def distances(source: Adapter, x: Tensor, y: Tensor, found: Tensor, threat: Threat) -> NDArray[np.float64]:
    """`(N,)` as the judge measures them, infinite where the label is still right."""
    measured = audit(found, x, threat).distances
    assert measured is not None
    return np.where(source.predict(found) != y, measured, np.inf)


def sharp(classes: int) -> Adapter:
    """A linear model so sure of itself that losses of all classes at once point to the boundary that is nearest."""
    source = linear(classes=classes)
    with torch.no_grad():
        for parameter in source.module.parameters():  # type: ignore[attr-defined]
            parameter.mul_(30)
    return source


def exact(source: Adapter, x: Tensor, y: Tensor, norm: str, clip: bool) -> NDArray[np.float64]:
    """`(N,)` the least distance of a linear model, by what every feature gives for its way."""
    weight = source.module[1].weight.detach().double().numpy()  # type: ignore[attr-defined]
    points = x.flatten(1).double().numpy()
    logits = source.logits(x).detach().double().numpy()
    best = np.full(len(x), np.inf)
    for row, own in enumerate(y.tolist()):
        for rival in set(range(len(weight))) - {own}:
            slope, gap = weight[rival] - weight[own], logits[row, own] - logits[row, rival]
            room = np.where(slope > 0, 1 - points[row], points[row]) if clip else np.full(len(slope), np.inf)
            best[row] = min(best[row], least(np.abs(slope), room, gap, norm))
    return best


def least(size: NDArray[np.float64], room: NDArray[np.float64], gap: float, norm: str) -> float:
    if norm == "l1":  # the steepest features first
        length = 0.0
        for place in np.argsort(-size):
            step = min(room[place], gap / size[place])
            length, gap = length + step, gap - step * size[place]
        return float(length) if gap < 1e-9 else np.inf
    low, high = 0.0, 1e6
    for _ in range(100):  # of which the last halvings change nothing
        price = (low + high) / 2
        step = np.minimum(price * (size if norm == "l2" else 1.0), room)
        low, high = (low, price) if (size * step).sum() >= gap else (price, high)
    if (size * step).sum() < gap * (1 - 1e-9):
        return np.inf
    return float(np.linalg.norm(step) if norm == "l2" else step.max())


@pytest.mark.parametrize("clip", [False, True], ids=["unclipped", "clipped"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(("name", "norm"), MEASURED)
def test_on_a_linear_model_the_distance_is_the_least(name: str, norm: str, classes: int, clip: bool) -> None:
    source = sharp(classes)
    settings = {**FEWER.get(name, {}), **LONGER.get(name, {})}
    x, y = right(source, 24)
    threat = Threat(norm=norm, clip=UNIT if clip else None)
    (found,) = crafted(name, source, x, y, [threat], **settings)
    distance, truth = distances(source, x, y, found, threat), exact(source, x, y, norm, clip)
    assert np.isfinite(truth).sum() > 12
    assert (distance >= truth * (1 - 1e-5)).all()
    reached = np.isfinite(truth)
    assert np.median(distance[reached] / truth[reached]) <= 1 + OFF[name]
    assert (distance[reached] <= truth[reached] * (1 + 5 * OFF[name])).mean() >= 0.9


@pytest.mark.parametrize(
    ("name", "more"), [*((name, {}) for name, norm in PAIRS if norm == "l0"), ("fmn", {"first": "one"})]
)
def test_in_l0_no_fewer_features_than_can_do_and_hardly_more(name: str, more: dict[str, Any]) -> None:
    """Of a linear model within the range, the features that give most each as far as they have room."""
    source = linear()
    x, y = right(source)
    weight, logits = source.module[1].weight.detach(), source.logits(x).detach()  # type: ignore[attr-defined]
    slopes = weight[None] - weight[y][:, None]
    gains = torch.maximum(slopes * (1 - x.flatten(1))[:, None], -slopes * x.flatten(1)[:, None])
    reach = gains.sort(2, descending=True).values.cumsum(2) > (logits.gather(1, y[:, None]) - logits)[:, :, None]
    counts = torch.where(reach.any(2), reach.long().argmax(2) + 1, 99).scatter(1, y[:, None], 99).amin(1)
    threat = Threat(norm="l0", clip=UNIT)
    (found,) = crafted(name, source, x, y, [threat], **FEWER.get(name, {}), **more)
    distance = distances(source, x, y, found, threat)
    assert (distance >= counts.numpy()).all()
    reached = np.isfinite(distance)
    assert reached.sum() >= REACHED.get(name, 1.0) * (counts < 99).sum()
    assert (distance - counts.numpy())[reached].mean() < MORE.get(name, 0.5)


@pytest.mark.parametrize(("name", "norm"), PAIRS)
@pytest.mark.parametrize("more", [{}, {"target": "next"}])
def test_an_example_is_attacked_as_if_it_were_alone(name: str, norm: str, more: dict[str, Any]) -> None:
    source = curved().copied()
    source.module.double()  # type: ignore[attr-defined]  # where batches differ by their rounding least
    x, y = batch(12)
    x = x.double()
    y = source.predict(x).where(torch.arange(12) % 3 < 2, y)
    more = {**FEWER.get(name, {}), **more}
    (together,) = crafted(name, source, x, y, [Threat(norm=norm, clip=UNIT)], **more)
    assert not torch.equal(together, x)
    for rows in ([0], [7, 3], [11, 2, 5, 8]):
        (apart,) = crafted(name, source, x[rows], y[rows], [Threat(norm=norm, clip=UNIT)], draws(rows), **more)
        assert torch.allclose(apart, together[rows], atol=CLOSE)  # two that are as near are told apart by rounding


@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_what_is_mislabelled_comes_back_as_it_is_and_costs_one_question(name: str, norm: str) -> None:
    source = Metered(curved())
    x, y = right(source)
    source.costs()
    (found,) = crafted(name, source, x, (y + 1) % 4, [Threat(norm=norm)])
    assert torch.equal(found, x)
    assert source.costs().model_dump() == {"forwards": 0, "gradients": 0, "queries": len(x)}


@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_one_that_cannot_be_mislabelled_comes_back_as_it_is(name: str, norm: str) -> None:
    x, _ = batch()
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval()
    with torch.no_grad():
        net[1].weight.mul_(1e-3)
        net[1].bias.copy_(torch.tensor([9.0, 0.0, 0.0, 0.0]))
    source = adapters.wrap(net)
    for threat in (Threat(norm=norm, clip=UNIT), Threat(norm=norm, clip=UNIT)):
        (found,) = crafted(name, source, x, source.predict(x), [threat], **FEWER.get(name, {}))
        assert torch.equal(found, x)


@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_a_zero_gradient_moves_nothing_that_would_count(name: str, norm: str) -> None:
    flat = adapters.wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval())
    with torch.no_grad():
        flat.module[1].weight.zero_()  # type: ignore[attr-defined]
    x, _ = batch()
    (found,) = crafted(name, flat, x, flat.predict(x), [Threat(norm=norm)], **FEWER.get(name, {}))
    assert torch.equal(found, x)


@pytest.mark.parametrize("name", NAMES)
def test_a_stand_in_is_climbed_and_the_model_itself_is_asked(name: str) -> None:
    """Labels by a step that the stand-in does not know: the margin of its logits never turns. Some abstain there."""
    norm = next(iter(attack_class(name).norms))

    def labels(x: Tensor) -> Tensor:
        total = x.flatten(1).sum(1)
        return torch.where(total > 1.0, torch.where(x.flatten(1)[:, 0] > x.flatten(1)[:, 1], -1, 1), 0)

    source = Answering(lambda x: Outputs(labels(x), None, None))
    source.gradient = "surrogate"
    source._logits = lambda x: torch.stack([9 - 0.1 * x.flatten(1).sum(1), x.flatten(1).sum(1)], 1)  # type: ignore[method-assign]
    x, y = torch.tensor([[0.4, 0.4], [0.1, 0.2], [0.3, 0.2], [0.7, 0.7]]), torch.tensor([0, 0, 0, 0])
    threat = Threat(norm=norm, clip=UNIT)
    (found,) = crafted(name, source, x, y, [threat], **FEWER.get(name, {}))
    distance = distances(source, x, y, found, threat)
    truth = {"linf": [0.1, 0.35, 0.25, 0], "l2": [0.1414, 0.495, 0.3536, 0], "l0": [1, 1, 1, 0]}[norm]
    np.testing.assert_allclose(distance, truth, rtol=0.05, atol=1e-6)


@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_targeted_runs_end_in_the_class_asked_for(name: str, norm: str) -> None:
    source = curved()
    x, y = right(source)
    threat = Threat(norm=norm, clip=UNIT)
    (found,) = crafted(name, source, x, y, [threat], target=2, **FEWER.get(name, {}))
    assert make_attack(name, {"target": 2}).criterion.kind == "targeted"
    assert torch.equal(found[y == 2], x[y == 2])
    others = (y != 2) & (found != x).flatten(1).any(1)
    assert others.sum() > REACHED.get(name, 0.5) * (y != 2).sum()
    assert (source.predict(found) == 2)[others].all()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_answers_at_random_has_no_nearest_mistake(name: str) -> None:
    source = curved()
    source.stochastic = True
    x, y = batch()
    with pytest.raises(Unsupported, match="at random"):
        crafted(name, source, x, y, [Threat(norm=next(iter(attack_class(name).norms)))])


@pytest.mark.parametrize(("name", "norm"), MEASURED)
def test_distances_go_with_the_scale_of_the_data(name: str, norm: str) -> None:
    """The same model of inputs in [0, 255] has distances 255 times as large."""
    quiet = curved()
    x, y = right(quiet, 12)
    loud = adapters.wrap(nn.Sequential(Divided(255.0), quiet.module).eval())  # type: ignore[attr-defined]
    one, other = Threat(norm=norm, clip=UNIT), Threat(norm=norm, clip=(0.0, 255.0))
    (near,) = crafted(name, quiet, x, y, [one], **FEWER.get(name, {}))
    (far,) = crafted(name, loud, 255 * x, y, [other], **FEWER.get(name, {}))
    ratio = distances(loud, 255 * x, y, far, other) / distances(quiet, x, y, near, one)
    np.testing.assert_allclose(np.median(ratio), 255, rtol=0.01)


class Divided(nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return x / self.by


class Parabola(nn.Module):
    """Class 1 above `1 - 2 a^2`, of inputs (a, b)."""

    def forward(self, x: Tensor) -> Tensor:
        above = x[:, 1] + 2 * x[:, 0].square() - 1
        return torch.stack([-above, above], 1)


def test_deepfool_goes_on_from_where_its_way_met_the_boundary_to_where_that_is_nearest() -> None:
    source = adapters.wrap(Parabola().eval())
    x = torch.stack([torch.linspace(0.02, 0.3, 15), torch.linspace(-0.2, 0.2, 15)], 1)
    y = torch.zeros(15, dtype=torch.int64)
    a = np.linspace(-1.5, 1.5, 300_001)
    curve = np.stack([a, 1 - 2 * a**2], 1)
    truth = np.array([np.linalg.norm(curve - point.numpy(), axis=1).min() for point in x])
    threat = Threat(norm="l2")
    (met,), (found,) = (crafted("deepfool", source, x, y, [threat], returns=many) for many in (0, 3))
    assert np.mean(distances(source, x, y, met, threat) > 1.01 * truth) > 0.3
    assert (distances(source, x, y, found, threat) <= 1.01 * truth).all()


@pytest.mark.parametrize(("first", "features"), [("eighth", 4), ("linear", 32), ("one", 1)])
def test_the_first_ball_of_fmn_in_l0_is_a_share_of_what_a_linear_model_needs(first: str, features: int) -> None:
    """A step from 64 features of which 32 bring the logits level."""
    seen: list[Tensor] = []

    class Even(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.detach().clone())
            total = x.flatten(1).sum(1)
            return torch.stack([32 - total, total - 32], 1)

    source = adapters.wrap(Even().eval())
    x = torch.zeros(2, 64)
    source.predict(x)
    seen.clear()
    crafted("fmn", source, x, torch.zeros(2, dtype=torch.int64), [Threat(norm="l0", clip=UNIT)], first=first, steps=1)
    changed = [int((points != 0).flatten(1).sum(1)[0]) for points in seen]
    assert changed[-1] == features


@pytest.mark.parametrize(("name", "revision"), [("fmn", 2), ("deepfool", 2)])
def test_candidates_that_changed_are_of_another_revision(name: str, revision: int) -> None:
    assert attack_class(name).revision == revision
