"""Square keeps what does not raise the margin, example by example, within its budget of questions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from crafting import UNIT, crafted, draws
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

import adapters
from adapters.base import Adapter, Outputs
from adapters.errors import Unsupported
from bench.attacks.losses import margin
from bench.attacks.square import halvings
from bench.datasets import Dataset
from bench.running.metered import Metered
from bench.threats import Threat

SHAPE = (2, 4, 3)


class Scored(Adapter):
    """Scores by a function of `(n, F)` float64 inputs, which keeps the sizes of batches."""

    family = "scored"

    def __init__(self, function: Any, *, stochastic: bool = False, abstains: Any = None) -> None:
        super().__init__(input_shape=None, classes=None)
        self.function, self.stochastic, self.abstains = function, stochastic, abstains
        self.sizes: list[int] = []

    def _outputs(self, x: Tensor) -> Outputs:
        self.sizes.append(len(x))
        scores = self.function(x.flatten(1).double())
        labels = scores.argmax(1)
        if self.abstains is not None:
            labels = labels.masked_fill(self.abstains(x.flatten(1)), -1)
        return Outputs(labels, scores, None)

    def _state(self) -> list[object]:
        return []


def two_classes(weights: Tensor, offset: float) -> Any:
    """Class 1 where `w . x > offset`; row by row, so that no batch moves a last bit."""

    def scores(x: Tensor) -> Tensor:
        lead = (x * weights).sum(1) - offset
        return torch.stack([-lead, lead], dim=1)

    return scores


def random_scores(features: int) -> Any:
    """Three classes by counts of features: no arithmetic that a batch could move, and many ties."""
    places = torch.arange(features) % 3

    def scores(x: Tensor) -> Tensor:
        return torch.stack([((x > 0.5) & (places == k)).sum(1).double() for k in range(3)], dim=1)

    return scores


def inputs(n: int = 12, shape: tuple[int, ...] = SHAPE, seed: int = 2) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def threat(norm: str, eps: float, *, clip: bool = True) -> Threat:
    return Threat(norm=norm, eps=eps, clip=UNIT if clip else None)


# -- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [SHAPE, (5,), (1, 1, 7), (4, 3), (2, 2, 2, 2)])
def test_in_linf_it_finds_the_worst_corner_of_a_halfspace(shape: tuple[int, ...]) -> None:
    """`eps |w|_1` is all that the margin can lose, and it loses all of it: so it fools whatever can be fooled."""
    features, generator = int(np.prod(shape)), np.random.default_rng(len(shape))
    weights = torch.from_numpy(generator.normal(size=features))
    x, eps = inputs(40, shape), 0.1
    source = Scored(two_classes(weights, float((inputs(40, shape).flatten(1).double() @ weights).median())))
    y = source.predict(x)
    (found,) = crafted("square", source, x, y, [threat("linf", eps)], queries=500)
    way = torch.where(y == 1, -1.0, 1.0)[:, None] * weights.sign()
    corner = (x.flatten(1) + eps * way).clamp(0, 1).view_as(x)
    beyond = source.predict((x.flatten(1) + 0.99 * eps * way).clamp(0, 1).view_as(x)) != y
    fooled = source.predict(found) != y
    assert 5 < beyond.sum() < 40
    assert fooled[beyond].all()
    assert not fooled[source.predict(corner) == y].any()
    least = margin(source.scores(corner), y)
    torch.testing.assert_close(margin(source.scores(found), y)[~fooled], least[~fooled], rtol=0, atol=1e-6)


def test_in_l2_it_comes_near_the_nearest_point_of_a_halfspace() -> None:
    """All that a ball can change is `eps |w|_2`; squares of nine features at least reach most of it."""
    weights = torch.from_numpy(np.random.default_rng(0).normal(size=36))
    source = Scored(two_classes(weights, -100.0))
    x, y = inputs(10, (1, 6, 6)), torch.ones(10, dtype=torch.int64)
    (found,) = crafted("square", source, x, y, [threat("l2", 0.5, clip=False)], queries=1000)
    lost = margin(source.scores(found), y) - margin(source.scores(x), y)
    most = 2 * 0.5 * weights.norm()
    assert (lost > 0.6 * most).all()
    assert (lost < most * (1 + 1e-5)).all()


def test_a_model_of_votes_is_fooled_over_its_plateaus(digits: Dataset) -> None:
    """Scores of five neighbours have six values: most squares change none of them."""
    x = torch.from_numpy(np.asarray(digits.examples("test", np.arange(100))))
    y = torch.from_numpy(np.asarray(digits.labels("test"))[:100].copy()).long()
    known = np.asarray(digits.examples("train", np.arange(1000))).reshape(1000, -1)
    knn = adapters.wrap(KNeighborsClassifier(5).fit(known, np.asarray(digits.labels("train"))[:1000]))
    (found,) = crafted("square", knn, x, y, [threat("linf", 0.2)], queries=400)
    assert (knn.predict(found) != y).sum() >= 40


def test_of_a_network_it_keeps_up_with_pgd(digits: Dataset, digits_net: nn.Module) -> None:
    net = adapters.wrap(digits_net)
    x = torch.from_numpy(np.asarray(digits.examples("test", np.arange(100))))
    y = torch.from_numpy(np.asarray(digits.labels("test"))[:100].copy()).long()
    for norm, eps in (("linf", 0.1), ("l2", 0.6)):
        (by_scores,), (by_gradient,) = (
            crafted(name, net, x, y, [threat(norm, eps)], **more)
            for name, more in (("square", {"queries": 800}), ("pgd", {"restarts": 1}))
        )
        fooled, most = ((net.predict(each) != y).sum() for each in (by_scores, by_gradient))
        assert 0 < most < 100
        assert fooled >= 0.7 * most


# -- rules ------------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    order=st.permutations(range(12)),
    n=st.integers(1, 12),
    queries=st.integers(1, 150),
    norm=st.sampled_from(["linf", "l2"]),
)
def test_an_example_comes_to_the_same_whatever_else_is_in_the_batch(
    order: list[int], n: int, queries: int, norm: str
) -> None:
    x, chosen = inputs(), order[:n]
    source = Scored(random_scores(24))
    y, budget = source.predict(x), threat(norm, 0.1 if norm == "linf" else 0.4)
    (whole,) = crafted("square", source, x, y, [budget], draws(range(12)), queries=queries)
    (part,) = crafted("square", source, x[chosen], y[chosen], [budget], draws(chosen), queries=queries)
    assert torch.equal(part, whole[chosen])


@pytest.mark.parametrize("queries", [1, 2, 3, 20, 300])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_example_is_asked_about_more_often_than_allowed(queries: int, norm: str) -> None:
    source = Scored(lambda x: torch.stack([x[:, 0] * 0 + 1, x[:, 0] * 0], dim=1))
    crafted("square", source, inputs(7), torch.zeros(7, dtype=torch.int64), [threat(norm, 0.1)], queries=queries)
    assert source.sizes == [7] * queries


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_margin_never_rises_with_more_questions(norm: str) -> None:
    x = inputs()
    source = Scored(two_classes(torch.linspace(-1, 1, 24).double(), 5.0))
    y = torch.zeros(12, dtype=torch.int64)
    found = [
        margin(source.scores(crafted("square", source, x, y, [threat(norm, 0.1)], queries=queries)[0]), y)
        for queries in (2, 3, 5)  # as many steps are the start of as many more only while squares are of one size
    ]
    for few, many in pairwise(found):
        assert (many >= few - 1e-12).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_without_a_range_all_of_the_ball_is_used(norm: str) -> None:
    source = Scored(two_classes(torch.linspace(-1, 1, 24).double(), -100.0))
    x, budget = inputs(), threat(norm, 0.1, clip=False)
    (found,) = crafted("square", source, x, torch.ones(12, dtype=torch.int64), [budget], queries=30)
    torch.testing.assert_close(budget.distance(x, found), torch.full((12,), 0.1).double(), rtol=1e-5, atol=0)


def test_what_is_fooled_leaves_the_batch() -> None:
    source = Scored(two_classes(torch.linspace(0.1, 1, 24).double(), 6.6))
    x = inputs(40)
    y = source.predict(x)
    crafted("square", source, x, y, [threat("linf", 0.05)], queries=50)
    asked = source.sizes[1:]
    assert asked == sorted(asked, reverse=True)
    assert asked[0] == 40 > asked[-1]


def test_a_mistake_stays_as_it_is_and_costs_one_question() -> None:
    source = Scored(two_classes(torch.ones(24).double(), -100.0))
    x = inputs(4)
    (found,) = crafted("square", source, x, torch.zeros(4, dtype=torch.int64), [threat("linf", 0.1)])
    assert torch.equal(found, x)
    assert source.sizes == [4]


def test_an_abstention_is_a_mistake() -> None:
    x = torch.full((3, 24), 0.5)
    source = Scored(two_classes(torch.ones(24).double(), -100.0), abstains=lambda x: x.mean(1) < 0.45)
    (found,) = crafted("square", source, x, torch.ones(3, dtype=torch.int64), [threat("linf", 0.06)], queries=300)
    assert (source.predict(found) == -1).all()


def test_of_labels_alone_it_makes_nothing() -> None:
    source = adapters.black_box(lambda x: np.zeros(len(x), dtype=np.int64), version="1")
    with pytest.raises(Unsupported, match="gives labels only"):
        crafted("square", source, inputs(3), torch.zeros(3, dtype=torch.int64), [threat("linf", 0.1)])


def test_a_model_that_answers_at_random_is_asked_again() -> None:
    """Its luckiest answer is no margin to beat, nor is one wrong answer in ten a success."""
    clean, noise = two_classes(torch.linspace(-1, 1, 24).double(), -3.0), torch.Generator().manual_seed(0)

    def scores(x: Tensor) -> Tensor:
        return clean(x) + 0.2 * torch.randn(len(x), 2, generator=noise)

    source = Metered(Scored(scores, stochastic=True))
    x, y = inputs(6), torch.ones(6, dtype=torch.int64)
    (found,) = crafted("square", source, x, y, [threat("linf", 0.1)], queries=2000, draws=5)
    assert 6 * 1990 <= source.queries <= 6 * 2000
    lost = (margin(clean(found.flatten(1).double()), y) - margin(clean(x.flatten(1).double()), y)) / 2
    assert (lost > 0.5 * 0.1 * torch.linspace(-1, 1, 24).abs().sum()).all()


def test_another_draw_is_another_search() -> None:
    x, source = inputs(), Scored(two_classes(torch.linspace(-1, 1, 24).double(), -30.0))
    y = source.predict(x)
    first, second = (crafted("square", source, x, y, [threat("linf", 0.1)], queries=5, draw=draw)[0] for draw in (0, 1))
    assert not torch.equal(first, second)


def test_squares_shrink_as_in_the_paper() -> None:
    """Halved after these steps of 10,000, and after the same shares of fewer."""
    seen = [halvings(step, 10_000) for step in range(10_000)]
    changes = [step for step in range(1, 10_000) if seen[step] != seen[step - 1]]
    assert changes == [11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001]
    assert seen[-1] == 9
    assert [halvings(step, 100) for step in (0, 1, 3, 10, 50, 99)] == [0, 2, 3, 4, 7, 9]


@pytest.mark.parametrize(
    ("norm", "values"),
    [
        ("linf", [0.1, 0.1, -0.1, -0.1] * 3),
        (
            "l2",
            [0.00792, 0.03707, -0.01032, -0.02191, 0.0, 0.03733, -0.02271, -0.00699, 0.0, 0.02986, -0.04327, -0.025],
        ),
    ],
)
def test_candidates_never_change_but_with_the_revision(norm: str, values: list[float]) -> None:
    x = inputs(3, (1, 4, 4), seed=7)
    source = Scored(two_classes(torch.linspace(-1, 1, 16).double(), -30.0))
    (found,) = crafted("square", source, x, source.predict(x), [threat(norm, 0.1)], queries=40)
    assert (found - x).flatten(1)[:, ::5].flatten().tolist() == pytest.approx(values, abs=1e-5)
