"""The judge's questions: what a model may answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from known_models import Answering
from torch import Tensor

from adapters.base import Outputs
from adapters.errors import InvalidOutput
from bench.running.judge import ask

LABELS = torch.tensor([0, 1, 2, -1])
SCORES = torch.tensor([[3.0, 1.0, 2.0], [0.0, 4.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
PROBABILITIES = SCORES.softmax(1)


def asked(answer: Any) -> Outputs:
    return ask(Answering(answer), torch.zeros(4, 2), 3)


def with_value(values: Tensor, place: tuple[int, int], value: float) -> Tensor:
    changed = values.clone()
    changed[place] = value
    return changed


def test_a_sound_answer_comes_back_as_it_is() -> None:
    outputs = asked(lambda x: Outputs(LABELS, SCORES, PROBABILITIES))
    assert outputs == Outputs(LABELS, SCORES, PROBABILITIES)
    assert asked(lambda x: LABELS).scores is None


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (Outputs(LABELS, with_value(SCORES, (2, 1), torch.nan), None), "scores are NaN for 1 of 4 inputs.*position 2"),
        (Outputs(LABELS, None, with_value(PROBABILITIES, (1, 0), torch.nan)), "probabilities are NaN.*position 1"),
        (Outputs(LABELS, None, with_value(PROBABILITIES, (1, 0), 1.01)), r"probabilities leave \[0, 1\]"),
        (Outputs(LABELS, None, with_value(PROBABILITIES, (1, 0), -0.01)), r"probabilities leave \[0, 1\]"),
        (Outputs(LABELS + 1, None, None), "label 3 is none of the 3 classes for 1 of 4 inputs.*position 2"),
        (Outputs(LABELS - 1, None, None), "label -2 is none of the 3 classes.*position 3"),
        (Outputs(LABELS[:3], None, None), r"labels are \(3,\), not \(4,\) int64"),
        (Outputs(LABELS[:, None], None, None), r"labels are \(4, 1\)"),
        (Outputs(LABELS.float(), None, None), "int64"),
        (Outputs(LABELS.numpy(), None, None), "labels are ndarray"),
        (Outputs(LABELS, SCORES[:, :2], None), r"scores have shape \(4, 2\), not \(4, 3\)"),
        (Outputs(LABELS, SCORES, PROBABILITIES[:3]), r"probabilities have shape \(3, 3\)"),
    ],
)
def test_an_unsound_answer_is_refused_in_words(answer: Outputs, complaint: str) -> None:
    with pytest.raises(InvalidOutput, match=complaint):
        asked(lambda x: answer)


def test_minus_infinity_is_a_score() -> None:
    """Classes that a model does not know have it."""
    asked(lambda x: Outputs(LABELS, with_value(SCORES, (0, 1), -torch.inf), None))


def test_writing_into_the_input_is_detected() -> None:
    def greedy(x: Tensor) -> Tensor:
        x.add_(1)
        return LABELS

    with pytest.raises(InvalidOutput, match="writes into its input"):
        asked(greedy)
