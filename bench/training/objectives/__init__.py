"""What networks are trained on, by name. A new objective is one file here and one line in this table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from bench.errors import unknown

if TYPE_CHECKING:
    from bench.training.objectives.base import Objective
    from bench.zoo.cookbook import ObjectiveSpec

# Strings, so that knowing the names imports no torch.
TABLE = {
    "plain": "bench.training.objectives.plain:Plain",
    "adversarial": "bench.training.objectives.adversarial:Adversarial",
    "adversarial-logistic": "bench.training.objectives.adversarial_logistic:AdversarialLogistic",
    "rotation": "bench.training.objectives.rotation:Rotation",
    "scaled-gradient": "bench.training.objectives.scaled_gradient:ScaledGradient",
    "hidden-perturbation": "bench.training.objectives.hidden_perturbation:HiddenPerturbation",
    "sign-noise": "bench.training.objectives.noise:SignNoise",
    "uniform-noise": "bench.training.objectives.noise:UniformNoise",
    "multi-prediction": "bench.training.objectives.multi_prediction:MultiPrediction",
    "gaussian-rubbish": "bench.training.objectives.rubbish:GaussianRubbish",
}


def make_objective(spec: ObjectiveSpec) -> Objective:
    """The objective that a recipe describes.

    Raises:
        UsageError: no objective of that name.
        TypeError: parameters that it does not take.
    """
    if spec.kind not in TABLE:
        raise unknown("training objective", spec.kind, TABLE)
    module, name = TABLE[spec.kind].split(":")
    return cast("Objective", getattr(import_module(module), name)(**spec.parameters))
