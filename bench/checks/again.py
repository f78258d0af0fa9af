"""Asking again: whether an example has one label, alone and among others, now and later.

Labels are compared, never scores alone: another batch size is another order of summation, which moves the last bits of
an honest model's scores, and no label but where two are as good as tied.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from adapters.base import Outputs
from adapters.errors import Ended
from adapters.memory import is_out_of_memory
from bench.errors import UsageError

ORDER, REPEAT = "order-dependent", "not-repeatable"
ROUNDS = 4
"""How often both batches are asked again at most; two rounds that agree settle it."""
RAISES = -2
"""In place of a label, where the model raises: what it answers among others it has to answer alone."""
TIE = 1e-4
"""Two scores of one example are tied that lie closer, as a share of the range of its scores; and two labels, where
there are no scores, if moving every feature by this share of its range turns one into the other."""
COPIES = 16
Ask = Callable[[Tensor], Outputs]
"""Gives the verified outputs of a batch."""


@dataclass(frozen=True, eq=False)
class Given:
    """A label that an example was given, and the batch that it was shown in."""

    batch: Tensor
    place: int
    label: int

    @property
    def example(self) -> Tensor:
        """`(1, *input_shape)`."""
        return self.batch[self.place : self.place + 1]


class Answer(NamedTuple):
    label: int
    scores: Tensor | None
    """`(K,)`."""


def settled(ask: Ask, first: Given, second: Given, span: Tensor) -> str | None:
    """What two labels of one example come to, once both batches were asked again: a finding, or None for a near-tie.

    `not-repeatable` where the very same batch gives another label, twice; `order-dependent` where each batch keeps to
    its own.

    Args:
        ask: the model.
        first: one label, and the batch that it was given in.
        second: another label of the same example.
        span: `(*input_shape)` range of each feature.
    """
    met: dict[Given, list[Answer]] = {first: [], second: []}
    changes = 0
    for turn in range(ROUNDS):
        for given, answers in met.items():
            answer = _answer(ask, given)
            answers.append(answer)
            changes += answer.label != given.label and not _tied(answer, given.label, answer.label)
        if changes > 1 or (turn and not changes):
            break
    if changes == 1:  # once is no habit
        return None
    said = [{answer.label for answer in answers} for answers in met.values()]
    labels = {first.label, second.label}.union(*said)
    if all(_all_tied(answer, labels) for answers in met.values() for answer in answers):
        return None
    # Of a model that answers the same batch now so, now so, copies would show all labels whatever lies near.
    steady = all(len(one) == 1 for one in said) and RAISES not in labels
    if steady and _on_the_edge(ask, min(first, second, key=lambda given: len(given.batch)), labels, span):
        return None
    return REPEAT if changes else ORDER


def answered(ask: Ask, batch: Tensor) -> tuple[np.ndarray, Tensor | None]:
    """`(N,)` labels of a batch, `RAISES` where the model raises, and its scores.

    Running out of memory is raised, but for a single example.
    """
    try:
        outputs = ask(batch)
    except (UsageError, Ended):  # about our own files, or of a process that is gone: no answer of the model
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, Exception) and is_out_of_memory(error) and len(batch) > 1:
            raise
        return np.full(len(batch), RAISES, dtype=np.int64), None
    return outputs.labels.cpu().numpy(), outputs.scores


def _answer(ask: Ask, given: Given) -> Answer:
    labels, scores = answered(ask, given.batch)
    return Answer(int(labels[given.place]), None if scores is None else scores[given.place])


def _tied(answer: Answer, one: int, other: int) -> bool:
    """Whether the scores of two classes are as good as equal."""
    if answer.scores is None or min(one, other) < 0:
        return False
    finite = answer.scores[answer.scores.isfinite()]
    if not len(finite):
        return False
    gap = (answer.scores[one] - answer.scores[other]).abs()
    return bool(gap <= TIE * (finite.max() - finite.min()))


def _all_tied(answer: Answer, labels: set[int]) -> bool:
    """Whether an answer has all these labels for a tie; one that does not has made up its mind."""
    one, *others = labels
    return all(_tied(answer, one, other) for other in others)


def _on_the_edge(ask: Ask, given: Given, labels: set[int], span: Tensor) -> bool:
    """Whether the labels lie within rounding of each other: copies that are hardly moved show them all.

    Each is put in the example's place in one and the same batch, so that nothing but the move can turn its label, and
    moved by fresh random numbers, so that nobody foresees which. They are asked twice, and the first answers left
    aside: that of a model to what it has never seen may be another.
    """
    draw = np.random.default_rng(secrets.randbits(128))
    copies = int(draw.integers(COPIES, 2 * COPIES))
    moves = draw.choice([-1.0, 1.0], size=(copies, *given.example.shape[1:]))
    moves *= (0.1 ** draw.integers(0, 2, size=copies)).reshape(-1, *[1] * (moves.ndim - 1))
    moved = given.example + torch.as_tensor(moves, dtype=given.batch.dtype, device=given.batch.device) * span * TIE
    found: set[int] = set()
    for turn in range(2):
        for place in draw.permutation(copies):
            batch = given.batch.clone()
            batch[given.place] = moved[place]
            said = _answer(ask, Given(batch, given.place, given.label)).label
            found |= {said} if turn else set()
    return labels <= found
