"""The checks, in the order in which they are made and told. A new one is one function and one line in this table."""

from __future__ import annotations

from bench.checks import answers, attacks, gradients
from bench.checks.base import Check, Subject, Verdict

CHECKS = (
    Check(
        "outputs",
        answers.answers,
        "make it answer every batch: labels (N,) class indices, scores and probabilities (N, K), nothing NaN",
        gates=True,
    ),
    Check(
        "repetition",
        answers.steady,
        "switch off dropout and sampling; where randomness is the defence, attack its mean",
        flag="randomised",
        gates=True,
    ),
    Check("inputs", answers.untouched, "work on a copy: x.clone()"),
    Check(
        "evaluation mode",
        answers.evaluation_mode,
        "call net.eval() before wrapping, or set the network of your own adapter to evaluation mode",
    ),
    Check(
        "batches",
        answers.in_any_batch,
        "let no example see the others: no batch statistics, no normalisation over the batch",
        flag="batch-dependent",
    ),
    Check(
        "argmax",
        answers.first_argmax,
        "give scores whose first largest is the label by the model's own rule",
        flag="scores-disagree",
    ),
    Check(
        "probabilities",
        answers.probabilities,
        "set confidence_kind to what the probabilities are; softmax, votes, leaf fraction and calibrated sum to 1",
    ),
    Check(
        "own labels",
        answers.own_labels,
        "decide as the original does, ties and rounding included; where it is too close to call, ask the original",
        flag="labels-differ",
    ),
    Check(
        "classes",
        answers.classes,
        "give the model's labels in the order of its outputs, wrap(net, classes=[...]), and check the inputs' units",
    ),
    Check(
        "number of classes",
        answers.enough_classes,
        "read no confidence and no targeted attack of it: with two classes they say nothing of their own",
        flag="too-few-classes",
    ),
    Check("bounds", answers.bounds, "scale the inputs as the model expects them, or correct its bounds"),
    Check(
        "missing values",
        answers.missing_values,
        "let NaN through to the scores, abstain (-1) or raise; declare takes_missing if the model was fitted with NaN",
    ),
    Check("types", answers.types, "compute gradients by autograd of x as it comes, and return tensors on x.device"),
    Check(
        "logits",
        gradients.raw_logits,
        "give logits, or say what they are: wrap(net, outputs='probabilities')",
        flag="softmax-as-logits",
        needs_gradient=True,
    ),
    Check(
        "leading logits",
        gradients.lead_as_labels,
        "give the logits of the same rule as the labels, in the same order; declare gradient = 'surrogate' for others",
        flag="gradient-wrong",
        needs_gradient=True,
    ),
    Check(
        "gradient",
        gradients.as_differences,
        "return logits that autograd can follow to x; declare gradient = 'surrogate' where they are a stand-in's",
        flag="gradient-wrong",
        needs_gradient=True,
    ),
    Check(
        "zero gradient",
        gradients.nonzero,
        "give a training loss that does not saturate, such as the margin; its softmax may have rounded to 1",
        flag="zero-gradient",
        needs_gradient=True,
    ),
    Check(
        "8 bits",
        attacks.survives_8_bits,
        "read its robust accuracy as that against inputs of any precision; images in files are rounded",
        flag="8-bit-fragile",
        needs_gradient=True,
    ),
    Check(
        "unbounded",
        attacks.falls_without_bound,
        "do not trust its gradient attacks: they are masked; look at transfer, noise and other losses",
        flag="unbounded-survives",
        needs_gradient=True,
    ),
    Check(
        "iterates",
        attacks.keeps_what_it_finds,
        "read the iterated attack as a lower bound of the error; more and smaller steps may keep what they find",
        needs_gradient=True,
    ),
)


def examine(subject: Subject, checks: tuple[Check, ...] = CHECKS) -> list[Verdict]:
    """Verdicts of checks on one model. After the failure of one that gates, the others are left out."""
    verdicts: list[Verdict] = []
    closed = ""
    for check in checks:
        verdict = Verdict(check.name, "skipped", f"{closed!r} failed", "") if closed else check.of(subject)
        verdicts.append(verdict)
        if check.gates and verdict.status == "fail":
            closed = check.name
    return verdicts
