"""Checks of what a model answers: labels, scores, probabilities."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from adapters.errors import told
from adapters.inside import has_own_code, training_modules
from adapters.memory import is_out_of_memory
from bench.board.standing import at_chance
from bench.checks.base import POINTS, Subject
from bench.checks.outputs import verified
from bench.checks.report import Finding, failed, passed, share, skipped, warned

PASSES = 5
SCORE_TOLERANCE = 1e-4
"""How far scores of one input may lie apart, as a share of their range."""
SUMMING = ("softmax", "votes", "leaf fraction", "calibrated")
"""Kinds of confidence that are shares of one."""


def answers(subject: Subject) -> Finding:
    """Labels, scores and probabilities are of the right shape and type, and none is NaN."""
    verified(subject.clean, len(subject.x), subject.classes)
    return passed(f"labels among {subject.classes} classes or -1, nothing is NaN")


def steady(subject: Subject) -> Finding:
    """Five passes agree in every label, and in scores to 1e-4 of their range."""
    first = subject.clean
    moved = jumped = 0
    for _ in range(PASSES - 1):
        again = subject.outputs(subject.x)
        moved = max(moved, int((first.labels != again.labels).sum()))
        if first.scores is not None and again.scores is not None:
            jumped = max(jumped, int(far_apart(first.scores, again.scores).sum()))
    if moved or jumped:
        what = f"labels of {share(moved, len(subject.x))}" if moved else f"scores of {share(jumped, len(subject.x))}"
        return failed(f"{what} differ between {PASSES} passes")
    return passed(f"{PASSES} passes agree")


def untouched(subject: Subject) -> Finding:
    """The batch that the model is shown is left as it was."""
    shown = subject.x.clone()
    subject.adapter.outputs(shown)
    written = int((shown != subject.x).flatten(1).any(1).sum())
    return failed(f"it writes into {share(written, len(shown))}") if written else passed("inputs are left as they were")


def in_any_batch(subject: Subject) -> Finding:
    """An example's answer depends neither on its place in the batch nor on the others.

    Another batch size is another order of summation, so a label may change where its score is tied for the top, and a
    few scores may where a rounded one is voted on.
    """
    turned = subject.outputs(subject.x.flip(0))
    count = min(POINTS if subject.thorough else 8, len(subject.x))
    try:
        alone = [verified(subject.outputs(subject.x[[row]]), 1, subject.classes) for row in range(count)]
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # such as a normalisation that one example is too few for
        return failed(f"shown alone, an example that is answered among others raises {told(error)}")
    given = [found.scores for found in alone if found.scores is not None]
    others = [
        ("in reverse order", turned.labels.flip(0), None if turned.scores is None else turned.scores.flip(0)),
        ("alone", torch.cat([found.labels for found in alone]), torch.cat(given) if len(given) == len(alone) else None),
    ]
    for how, labels, scores in others:
        count = len(labels)
        before = subject.clean.labels[:count]
        moved = labels != before
        if scores is not None and subject.clean.scores is not None:
            known = subject.clean.scores[:count]
            jumped = far_apart(known, scores)
            moved &= jumped | ~_tied(known, before, labels)
            if int(jumped.sum()) > 0.02 * count and not bool(moved.any()):
                return failed(f"shown {how}, {share(int(jumped.sum()), count)} get other scores")
        if bool(moved.any()):
            return failed(f"shown {how}, {share(int(moved.sum()), count)} get other labels")
    return passed("the same in reverse order, and alone")


def _tied(scores: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """`(N,)` whether two labels have scores that are as good as equal."""
    row = torch.arange(len(scores), device=scores.device)
    one, other = scores.clone(), scores.clone()
    one[row, 0], other[row, 0] = scores[row, first.clamp_min(0)], scores[row, second.clamp_min(0)]
    return ~far_apart(one, other)


def far_apart(first: Tensor, second: Tensor) -> Tensor:
    """`(N,)` rows of scores that differ by more than `SCORE_TOLERANCE` of their range."""
    finite = first.isfinite()
    values = first[finite]
    spread = (values.max() - values.min()).clamp_min(1e-12) if len(values) else first.new_ones(())
    differ = torch.where(finite, (first - second).abs() > SCORE_TOLERANCE * spread, first != second)
    return differ.any(1)


def first_argmax(subject: Subject) -> Finding:
    """The first largest score is that of the label."""
    labels, scores, _ = subject.clean
    if scores is None:
        return skipped("it gives labels only")
    wrong = int(((scores.argmax(1) != labels) & (labels >= 0)).sum())
    if wrong:
        return failed(f"for {share(wrong, len(labels))} the first largest score is another class's")
    return passed("the first largest score is the label's")


def probabilities(subject: Subject) -> Finding:
    """Probabilities come with their kind, and those that are shares of one add up to it."""
    found, kind = subject.clean.probabilities, subject.adapter.confidence_kind
    if found is None:
        return failed(f"it declares {kind} confidence and gives none") if kind else skipped("it has none")
    if kind is None:
        return failed("it gives probabilities and declares no confidence_kind")
    off = float((found.sum(1) - 1).abs().max())
    if kind in SUMMING and off > 1e-4:
        return failed(f"rows of {kind} probabilities are {off:.2g} off a sum of 1")
    return passed(f"{kind}, in [0, 1]" + (", rows sum to 1" if kind in SUMMING else ""))


def own_labels(subject: Subject) -> Finding:
    """The labels are those of the original model's own code, on clean and on attacked inputs."""
    if not has_own_code(subject.adapter):
        return skipped("there is no other code to compare with")
    shown = {"clean": subject.x}
    if subject.adapter.gradient != "none":
        shown |= {f"attacked (FGSM {size:g})": subject.attacked(size) for size in (0.1, 0.25)}
    for kind, x in shown.items():
        wrong = int((subject.outputs(x).labels != subject.adapter.reference_predict(x.clone())).sum())
        if wrong:
            return failed(f"{share(wrong, len(x))} that {'is' if wrong == 1 else 'are'} {kind} get other labels")
    return passed(f"equal to the original's, {' and '.join(kind.split(' ')[0] for kind in list(shown)[:2])}")


def classes(subject: Subject) -> Finding:
    """The classes of model and examples are the same ones in the same order: better than chance is right.

    Chance is always giving the commonest class, as on boards.
    """
    y, labels = subject.y, subject.clean.labels
    strange = int(((y < 0) | (y >= subject.classes)).sum())
    if strange:
        return failed(f"the true class of {share(strange, len(y))} is none of the model's {subject.classes}")
    n, most = len(y), int(torch.bincount(y).max())
    if at_chance(n, n, most):
        return skipped(f"{n} examples, {most} of them of one class, are too few to tell from chance")
    right = int((labels == y).sum())
    if not at_chance(right, n, most):
        return passed(f"{right / n:.0%} right")
    sure = labels >= 0
    table = np.zeros((subject.classes, subject.classes), dtype=np.int64)
    np.add.at(table, (labels[sure].cpu().numpy(), y[sure].cpu().numpy()), 1)
    best = int(table[linear_sum_assignment(-table)].sum())
    renamed = f"; with classes renamed it would be {best / n:.0%}" if best > 2 * right else ""
    return failed(f"{right / n:.0%} right, no better than chance: the commonest class is {most / n:.0%}{renamed}")


def enough_classes(subject: Subject) -> Finding:
    """There are three classes at least: of two, one always has half of the confidence, and a target is no choice."""
    known = subject.known
    return passed(f"{known} classes") if known > 2 else warned(f"it tells {known} classes apart")


def evaluation_mode(subject: Subject) -> Finding:
    """No network is in training mode, where dropout draws and batch statistics move."""
    training = training_modules(subject.adapter)
    if training:
        return failed(f"{training} module{'s' if training > 1 else ''} in training mode")
    if "train-mode" in subject.adapter.notes:
        return warned("handed over in training mode, judged in evaluation mode")
    return passed("no network in training mode")


def types(subject: Subject) -> Finding:
    """Float32 in gives float32 gradients, and everything stays on the adapter's device."""
    device, x = subject.adapter.device, subject.x[:4]
    tensors = {name: value for name, value in subject.outputs(x)._asdict().items() if value is not None}
    if subject.adapter.gradient != "none":
        gradient = tensors["gradients"] = subject.adapter.input_gradient(x, subject.given[:4])
        if gradient.dtype != x.dtype or gradient.shape != x.shape:
            return failed(f"gradients are {gradient.dtype} of shape {tuple(gradient.shape)}, not as the inputs")
        if not bool(gradient.isfinite().all()):
            return failed("gradients are infinite")
    for name, value in tensors.items():
        if value.device.type != device.type or (device.index is not None and value.device.index != device.index):
            return failed(f"{name} are on {value.device}, not on {device}")
    return passed(f"all on {device}" + (", float32 gradients" if "gradients" in tensors else ""))


def missing_values(subject: Subject) -> Finding:
    """An input of NaN gets a NaN score, an abstention or an error, unless the model takes missing values."""
    x = subject.x[:3].clone()
    x[0] = torch.nan
    try:
        labels, scores, _ = subject.outputs(x)
    except Exception as error:  # noqa: BLE001 - what it should do
        return passed(f"raises {told(error).partition('. ')[0]}")
    if int(labels[0]) < 0:
        return passed("it abstains")
    if scores is not None and bool(scores[0].isnan().any()):
        return passed("its scores are NaN")
    if subject.adapter.takes_missing:
        return passed(f"it takes missing values, and says {int(labels[0])}")
    if scores is None:
        return warned(f"it says {int(labels[0])}; whether it is sure nobody can tell")
    return failed(f"it says {int(labels[0])}, with finite scores")


def bounds(subject: Subject) -> Finding:
    """Every example lies within the bounds that the model declares, feature by feature."""
    if subject.adapter.bounds is None:
        return skipped("it declares no bounds")
    shape = subject.adapter.input_shape or tuple(subject.x.shape[1:])
    x = subject.x.reshape(len(subject.x), *shape).cpu().double().numpy()
    low, high = (np.asarray(side, dtype=np.float64) for side in subject.adapter.bounds)
    slack = 1e-6 * (high - low)
    out = ((x < low - slack) | (x > high + slack)).reshape(len(x), -1)
    if out.any():
        rows, features = out.any(1), out.any(0)
        return failed(f"{share(int(rows.sum()), len(x))} leave them, in {int(features.sum())} features")
    return passed("all examples are within")
