"""Whether a guest's gradient leads anywhere, as it is asked before the guest's attacks are planned."""

from __future__ import annotations

import pytest
from known_models import Answering
from torch import Tensor, nn

import adapters
from bench.datasets import open_dataset
from bench.running.leading import misleads

DIGITS = open_dataset("digits")


def test_a_gradient_that_leads_is_climbed(digits_net: nn.Module) -> None:
    assert not misleads(adapters.wrap(digits_net), DIGITS)


@pytest.mark.parametrize("error", [RuntimeError("no"), ValueError(), MemoryError(), NotImplementedError()])
def test_a_gradient_that_cannot_be_had_leads_nowhere(error: Exception, digits_net: nn.Module) -> None:
    model = adapters.wrap(digits_net)

    def gradient(*_: Tensor) -> Tensor:
        raise error

    model.input_gradient = gradient  # type: ignore[method-assign, assignment]
    assert misleads(model, DIGITS)


def test_one_without_a_gradient_is_searched_by_labels_anyway(digits_net: nn.Module) -> None:
    assert not misleads(Answering(adapters.wrap(digits_net).predict), DIGITS)
