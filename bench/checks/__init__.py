"""The checks, in the order in which they are made and told. A new one is one function and a line in each table."""

from __future__ import annotations

from bench.checks import advice, answers, attacks, gradients
from bench.checks.base import Check, Subject
from bench.checks.report import Verdict
from bench.planning.entry import MISLEADING

CHECKS = (
    Check("outputs", answers.answers, gates=True),
    Check("repetition", answers.steady, flag="randomised", gates=True),
    Check("inputs", answers.untouched),
    Check("evaluation mode", answers.evaluation_mode),
    Check("batches", answers.in_any_batch, flag="batch-dependent"),
    Check("argmax", answers.first_argmax, flag="scores-disagree"),
    Check("probabilities", answers.probabilities),
    Check("own labels", answers.own_labels, flag="labels-differ"),
    Check("asked again", attacks.same_when_asked_again),
    Check("classes", answers.classes),
    Check("number of classes", answers.enough_classes, flag="too-few-classes"),
    Check("bounds", answers.bounds),
    Check("missing values", answers.missing_values),
    Check("types", answers.types),
    Check("logits", gradients.raw_logits, flag="softmax-as-logits", needs_gradient=True),
    Check("leading logits", gradients.lead_as_labels, flag="gradient-wrong", needs_gradient=True),
    Check("gradient", gradients.as_differences, flag="gradient-wrong", needs_gradient=True),
    Check("precision", gradients.in_float32, flag="gradient-wrong", needs_gradient=True),
    Check("zero gradient", gradients.nonzero, flag="zero-gradient", needs_gradient=True),
    Check("8 bits", attacks.survives_8_bits, flag="8-bit-fragile", needs_gradient=True),
    Check("direction", attacks.leads_anywhere, flag=MISLEADING, needs_gradient=True),
    Check("unbounded", attacks.falls_without_bound, flag="unbounded-survives", needs_gradient=True),
    Check("iterates", attacks.keeps_what_it_finds, needs_gradient=True),
)
REMEDIES = {
    "outputs": "make it answer every batch: labels (N,) class indices of the dataset, scores and probabilities (N, K), "
    "K its number of classes, nothing NaN",
    "repetition": "switch off dropout and sampling; where randomness is the defence, attack its mean",
    "inputs": "work on a copy: x.clone()",
    "evaluation mode": "call net.eval() before wrapping, or set the network of your own adapter to evaluation mode",
    "batches": "let no example see the others: no batch statistics, no normalisation over the batch",
    "argmax": "give scores whose first largest is the label by the model's own rule",
    "probabilities": "set confidence_kind to what they are; softmax, votes, leaf fraction and calibrated sum to 1",
    "own labels": "decide as the original does, ties and rounding included; where it is too close, ask the original",
    "asked again": "let labels depend on the input alone: on no other of the batch, on no earlier call; take one too",
    "classes": "give labels in the order of the outputs, wrap(net, classes=[...]), and check the inputs' units",
    "number of classes": "read no confidence and no targeted attack of it: of two classes they say nothing",
    "bounds": "scale the inputs as the model expects them, or correct its bounds",
    "missing values": "let NaN through to the scores, abstain (-1) or raise; fitted with NaN, declare takes_missing",
    "types": "compute gradients by autograd of x as it comes, and return tensors on x.device",
    "logits": "give logits, or say what they are: wrap(net, outputs='probabilities')",
    "leading logits": "give logits of the labels' own rule, in the same order; declare others gradient = 'surrogate'",
    "gradient": "return logits that autograd can follow to x; declare a stand-in's gradient = 'surrogate'",
    "precision": "compute gradients in float64 where float32 loses them: features far from zero, scores of millions",
    "zero gradient": "give a training loss that does not saturate, such as the margin; softmax may round to 1; where "
    "a threshold or rounding is the model, look at attacks by labels, such as RayS, and at transfer",
    "direction": "give logits that autograd can follow to x: no rounding, no threshold, no loss of its own",
    "8 bits": "read its robust accuracy as that against inputs of any precision; images in files are rounded",
    "unbounded": "do not trust its gradient attacks: they are masked; look at transfer, noise and other losses",
    "iterates": "read the iterated attack as a lower bound of the error; more steps may keep what they find",
}
"""What the author of an adapter does about one that does not pass; others are told what is in `advice.py`."""


def examine(subject: Subject) -> list[Verdict]:
    """Verdicts of all checks on one model. After the failure of one that gates, the others are left out."""
    verdicts: list[Verdict] = []
    closed = ""
    for check in CHECKS:
        if closed:
            verdicts.append(Verdict(check.name, "skipped", f"{closed!r} failed"))
            continue
        found = check.of(subject)
        told = advice.remedy(check.name, subject.adapter, REMEDIES[check.name]) if found.flagged else ""
        verdicts.append(Verdict(check.name, *found, told))
        if check.gates and found.status == "fail":
            closed = check.name
    return verdicts
