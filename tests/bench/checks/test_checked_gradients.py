"""The check of gradients: kinks, surrogates and single precision are told from what is wrong."""

from __future__ import annotations

import pytest
import torch
from checking import statuses
from faulty_models import (
    Misleading,
    Sound,
)
from torch import Tensor, nn

import adapters
from adapters.base import Loss
from bench.checks.base import Subject
from bench.checks.differences import off_the_data
from bench.checks.gradients import as_differences
from bench.testing import check_adapter


def test_a_surrogate_is_held_to_its_own_logits(digits_net: nn.Module, examples: tuple[Tensor, Tensor]) -> None:
    for kind, wrong in ((Sound, set()), (Misleading, {"gradient"})):
        model = kind(digits_net)
        model.gradient = "surrogate"
        report = check_adapter(model, *examples)
        assert statuses(report, "fail") == wrong
        (seen,) = [verdict.seen for verdict in report.verdicts if verdict.check == "gradient"]
        assert seen.startswith("surrogate's")


class Rounding(nn.Module):
    """It rounds its inputs: all of them, or only those where a pixel is dark. Differences are zero where it does."""

    def __init__(self, net: nn.Module, dark: float = 2.0) -> None:
        super().__init__()
        self.net, self.dark = net, dark

    def forward(self, x: Tensor) -> Tensor:
        dark = x.flatten(1)[:, 20] < self.dark
        return self.net(torch.where(dark.reshape(-1, *[1] * (x.ndim - 1)), (15 * x).round() / 15, x))


@pytest.mark.parametrize("dark", [2.0, 0.3])
def test_a_gradient_of_zero_is_told_and_not_passed_as_right(
    dark: float, digits_net: nn.Module, examples: tuple[Tensor, Tensor]
) -> None:
    """Zero beside differences of zero is no wrong gradient, but no right one either; what it means has its check."""
    report = check_adapter(Rounding(digits_net, dark).eval(), *examples)
    found = {verdict.check: verdict for verdict in report.verdicts}
    assert statuses(report, "fail") == {"zero gradient"}, str(report)
    assert "RayS" in found["zero gradient"].remedy
    if dark > 1:
        assert found["gradient"].status == found["precision"].status == "skipped"
        assert "zero for 32 of 32 examples, and so are the differences: see 'zero gradient'" in found["gradient"].seen
    else:
        rounded = int(
            (
                off_the_data(Subject(adapters.wrap(digits_net), *examples, clip=(0.0, 1.0)), 32).flatten(1)[:, 20]
                < dark
            ).sum()
        )
        assert f"; it is zero for {rounded} of 32 examples, as differences are" in found["gradient"].seen


def _made_up(kind: str, gradient: Tensor, loss: Loss) -> Tensor:
    """What an adapter gives in place of a gradient."""
    what, _, of = kind.partition(" of ")
    if of and loss != of:
        return gradient
    if what == "some NaN":
        return torch.where(
            torch.arange(len(gradient)).reshape(-1, 1) % 16 == 3, torch.nan, gradient.flatten(1)
        ).reshape(gradient.shape)
    made = {"zero": torch.zeros_like, "constant": torch.ones_like, "reversed": torch.neg, "longer": lambda g: 1000 * g}
    return made[what](gradient)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("zero", {"gradient", "zero gradient"}),
        ("zero of training", {"gradient", "zero gradient"}),
        ("zero of margin", {"gradient", "zero gradient"}),
        ("some NaN of training", {"types", "gradient", "zero gradient"}),
        ("constant", {"gradient"}),
        ("reversed", {"gradient"}),
        ("reversed of training", {"gradient"}),
        ("longer", set()),  # steps go by its direction, and what goes by its length asks `slope`
    ],
)
def test_a_gradient_that_is_made_up(
    kind: str, wrong: set[str], digits_net: nn.Module, examples: tuple[Tensor, Tensor]
) -> None:
    class Made(Sound):
        def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
            return _made_up(kind, super().input_gradient(x, y, loss), loss)

    report = check_adapter(Made(digits_net), *examples)
    assert statuses(report, "fail") == wrong, str(report)
    assert all(verdict.remedy for verdict in report.failures)


class Kinked(nn.Module):
    """Of three classes the first wins everywhere; the others are as good as tied at some points."""

    def __init__(self, points: Tensor) -> None:
        super().__init__()
        slopes = torch.randn(2, points[0].numel(), generator=torch.Generator().manual_seed(0))
        self.register_buffer("slopes", slopes.double())
        self.register_buffer("points", points.flatten(1).double())

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1).to(self.slopes.dtype)
        apart = flat[:, None] - self.points
        nearest = apart.abs().sum(2).argmin(1)
        near = apart[torch.arange(len(flat)), nearest]
        return torch.cat(
            [near.new_full((len(flat), 1), 9.0), near @ self.slopes.T + near.new_tensor([0, 1e-13])], dim=1
        )


def test_two_rivals_as_good_as_tied_are_no_wrong_gradient(examples: tuple[Tensor, Tensor]) -> None:
    """There the margin has a kink, closer than any difference is small."""
    x = examples[0][:8]
    points = off_the_data(Subject(adapters.wrap(nn.Flatten()), x, torch.zeros(8, dtype=torch.int64), (0.0, 1.0)), 8)
    model = adapters.wrap(Kinked(points).eval())
    subject = Subject(model, x, torch.zeros(8, dtype=torch.int64), clip=(0.0, 1.0), thorough=True)
    assert as_differences(subject).status == "pass"


@pytest.mark.parametrize("wrong", [False, True])
def test_a_network_in_float32_alone(wrong: bool, digits_net: nn.Module, examples: tuple[Tensor, Tensor]) -> None:
    class Narrow(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.weights = [(layer.weight.detach(), layer.bias.detach()) for layer in (net.layers[0], net.layers[2])]

        def forward(self, x: Tensor) -> Tensor:
            (first, shift), (second, bias) = self.weights
            return (x.flatten(1) @ first.T + shift).relu() @ second.T + bias

    class NarrowMisleading(Misleading):
        def _logits(self, x: Tensor) -> Tensor:
            return super()._logits(x) if x.dtype == torch.float32 else self.net(x)

    model = adapters.wrap(Narrow(digits_net).eval())
    if wrong:
        narrow = Narrow(digits_net).eval()
        narrow.dummy = nn.Parameter(torch.zeros(1), requires_grad=False)
        model = NarrowMisleading(narrow)
    report = check_adapter(model, *examples)
    assert statuses(report, "fail") == ({"gradient"} if wrong else set()), str(report)
    (seen,) = [verdict.seen for verdict in report.verdicts if verdict.check == "gradient"]
    assert seen.endswith("in float32")
