"""Linear classifiers: the radius is the optimum of the linear programme; the witness lies there and is mislabelled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from proving import UNIT, by_multiplier, by_programme, examples, labels, linear, proved

from adapters.structures import Linear
from bench import zoo
from bench.datasets import open_dataset
from bench.exact.linear import least
from bench.threats import Threat

NORMS = ("linf", "l2", "l1")


def oracle(structure: Linear, x: torch.Tensor, own: int, norm: str, clip: tuple[float, float] | None) -> float:
    """The nearest over all rivals, one by one."""
    scores = structure.scores(x[None])[0]
    found = []
    for rival in range(len(structure.classes)):
        if rival != own:
            weight, margin = structure.weight[rival] - structure.weight[own], float(scores[own] - scores[rival])
            solve = by_multiplier if norm == "l2" else by_programme
            more = () if norm == "l2" else (norm,)
            found.append(solve(weight, margin, x, *more, clip))  # type: ignore[operator]
    return min(found)


@pytest.mark.parametrize("clip", [UNIT, None], ids=["in the range", "without a range"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("classes", "zeros"), [(2, 0.0), (4, 0.5), (7, 0.0)])
def test_the_radius_is_the_optimum(norm: str, clip: tuple[float, float] | None, classes: int, zeros: float) -> None:
    """To 1e-9, over all rivals; infinite where the range leaves no room for one."""
    structure, x = linear(classes, classes, zeros=zeros), examples(classes, n=12)
    y = labels(structure, x)
    radius, witness, exact = proved(structure, x, y, norm, clip)
    expected = np.array([oracle(structure, each, int(own), norm, clip) for each, own in zip(x, y, strict=True)])
    np.testing.assert_allclose(radius, expected, rtol=1e-9, atol=1e-9)
    assert bool(exact.all())
    reached = radius.isfinite()
    assert bool((labels(structure, witness) != y)[reached].all())
    far = Threat(norm=norm).distance(x, witness)
    assert bool((far <= radius * (1 + 1e-5) + 1e-5)[reached].all())
    assert torch.equal(witness[~reached], x[~reached])


@pytest.mark.slow
@pytest.mark.thorough
def test_every_target_of_1000_digits_is_the_optimum_of_its_linear_programme() -> None:
    """The shipped softmax regression on MNIST: each of the nine rivals of each image, to 1e-9."""
    mnist = open_dataset("mnist")
    structure = zoo.load(mnist, "softmax-regression").structure(mnist.input_shape)
    assert isinstance(structure, Linear)
    x = torch.from_numpy(mnist.examples("test", slice(1000))).flatten(1)
    scores = structure.scores(x)
    own = scores.argmax(1)
    for rival in range(10):
        rows = (own != rival).nonzero()[:, 0]
        weight = structure.weight[rival] - structure.weight[own[rows]]
        margin = scores[rows, own[rows]] - scores[rows, rival]
        found, _ = least(x[rows].double(), weight, margin, Threat(norm="linf", clip=UNIT))
        solved = [by_programme(*each, "linf", UNIT) for each in zip(weight, margin.tolist(), x[rows], strict=True)]
        np.testing.assert_allclose(found, solved, rtol=0, atol=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_the_reference_of_l2_is_a_quadratic_programme(norm: str) -> None:
    """The oracle itself, where every change within the range is tried on a grid."""
    weight, x = torch.tensor([2.0, -1.0], dtype=torch.float64), torch.tensor([0.9, 0.5])
    margin, steps = 0.4, np.linspace(0, 1, 801)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) - x.double().numpy()
    enough = grid[grid @ weight.numpy() >= margin]
    least = {"linf": np.abs(enough).max(1), "l2": np.linalg.norm(enough, axis=1), "l1": np.abs(enough).sum(1)}
    solved = by_multiplier(weight, margin, x, UNIT) if norm == "l2" else by_programme(weight, margin, x, norm, UNIT)
    assert solved == pytest.approx(least[norm].min(), abs=2e-3)


def test_a_hand_made_case() -> None:
    """Scores x1 + 2 x2 against 1; at (1, 1) the nearest input beyond is a step of 2/3 in both, or 1 in x2 alone."""
    structure = Linear.computed((0, 1), torch.tensor([[1.0, 2.0], [0, 0]]).double(), torch.tensor([0.0, 1]).double(),
                                torch.float64)  # fmt: skip
    x, y = torch.ones(1, 2), torch.zeros(1, dtype=torch.int64)
    for norm, radius in (("linf", 2 / 3), ("l2", 2 / 5**0.5), ("l1", 1.0)):
        assert float(proved(structure, x, y, norm)[0]) == pytest.approx(radius, abs=1e-11)
    # A margin of 1/2, and x2 has room for 1/8 only: the other quarter is x1's.
    tight = proved(structure, torch.tensor([[1.25, 0.125]]), y, "linf").radius
    assert float(tight) == pytest.approx(0.25, abs=1e-11)


@pytest.mark.parametrize("norm", NORMS)
def test_no_room_and_no_rival_is_never_mislabelled(norm: str) -> None:
    """A range that ends before the hyperplane, a rival that is always behind, and a model of one class."""
    weight = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    x, y = torch.tensor([[0.5, 0.5]]), torch.zeros(1, dtype=torch.int64)
    for bias in ([0.1, 0.0], [1.0, 0.5]):
        structure = Linear.computed((0, 1), weight, torch.tensor(bias).double(), torch.float64)
        found = proved(structure, x, y, norm)
        assert float(found.radius) == torch.inf
        assert bool(found.exact)
        assert torch.equal(found.witness, x)
    alone = Linear.computed((3,), weight[:1], torch.zeros(1).double(), torch.float64)
    assert float(proved(alone, x, y + 3, norm).radius) == torch.inf


@pytest.mark.parametrize("norm", NORMS)
def test_a_tie_has_the_radius_0(norm: str) -> None:
    """The first class wins it; any step beyond is the other's, and that is the witness, from the origin too."""
    structure = Linear.computed((0, 1), torch.eye(2).double(), torch.zeros(2).double(), torch.float64)
    x, y = torch.tensor([[0.5, 0.5], [0.0, 0.0]]), torch.zeros(2, dtype=torch.int64)
    found = proved(structure, x, y, norm)
    assert found.radius.tolist() == [0.0, 0.0]
    assert labels(structure, found.witness).tolist() == [1, 1]
    assert bool((Threat(norm=norm).distance(x, found.witness) < 1e-6).all())


def test_twins_are_never_told_apart_and_never_certified() -> None:
    """Two classes of the same scores: which wins is for rounding to say."""
    structure = Linear.computed((0, 1), torch.ones(2, 3).double(), torch.zeros(2).double(), torch.float64)
    found = proved(structure, torch.full((1, 3), 0.5), torch.zeros(1, dtype=torch.int64), "linf")
    assert float(found.radius) == 0
    assert not bool(found.exact)


def test_classes_are_those_of_the_dataset() -> None:
    """In whatever order the model has them, and with some that it does not know."""
    structure = linear(3)
    x, renamed = examples(3), structure.named([5, 0, 9, 2])
    y = labels(structure, x)
    one, other = proved(structure, x, y, "linf"), proved(renamed, x, torch.tensor([5, 0, 9, 2])[y], "linf")
    assert torch.equal(one.radius, other.radius)
    assert torch.equal(one.witness, other.witness)


@pytest.mark.parametrize("norm", NORMS)
def test_rounding_in_the_model_is_taken_off(norm: str) -> None:
    """Of scores computed in float32 a radius is proved that no rounding of theirs can undo, and less is not."""
    exact = linear(8, features=40)
    single = Linear.computed(exact.classes, exact.weight, exact.bias, torch.float32)
    x = examples(8, features=40)
    y = labels(exact, x)
    best, sure = proved(exact, x, y, norm), proved(single, x, y, norm)
    assert bool((sure.radius < best.radius).all())
    assert bool((sure.radius > 0.99 * best.radius - 1e-4).all())
    narrow = sure.witness @ single.weight.float().T + single.bias.float()
    assert bool((narrow.argmax(1) != y).all())


def test_scores_in_float32_are_off_by_no_more_than_is_allowed_for_in_whatever_order_they_are_added_up() -> None:
    exact = linear(8, features=500)
    single = Linear.computed(exact.classes, exact.weight.float().double(), exact.bias.float().double(), torch.float32)
    x, weight = examples(8, features=500), single.weight.float()
    products = x[:, None] * weight
    for order in (torch.arange(500), torch.arange(499, -1, -1), (x.mean(0) * weight[0]).argsort()):
        added = products[:, :, order].cumsum(2)[:, :, -1] + single.bias.float()
        assert bool(((added - single.scores(x)).abs() <= single.errors(x)).all())


def test_far_inputs_are_rounded_more() -> None:
    """Without a range the inputs on the way may be large, and with them the rounding: it is that of the far end."""
    weight = torch.tensor([[1e-4, 0.0], [0.0, 0.0]], dtype=torch.float64)
    structure = Linear(
        (0, 1),
        weight,
        torch.tensor([1.0, 0.0]).double(),
        torch.tensor([[1e-6, 0], [0, 0]]).double(),
        torch.zeros(2).double(),
    )
    found = proved(structure, torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64), "l1", None)
    # At the end, x1 = -1e4, the first score may be off by 1e-2, the other not at all.
    assert float(found.radius) == pytest.approx(1e4 * (1 - 1e-2), rel=1e-3)
