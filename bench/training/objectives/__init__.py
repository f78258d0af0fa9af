"""What networks are trained on, by name. A new objective is a class in one of these files and one line in the table."""

from __future__ import annotations

from pydantic import ValidationError

from bench.errors import refused, unknown
from bench.training.objectives.base import Objective, Plain
from bench.training.objectives.multi_prediction import MultiPrediction
from bench.training.objectives.noise import GaussianRubbish, SignNoise, UniformNoise
from bench.training.objectives.perturbation import (
    Adversarial,
    AdversarialLogistic,
    HiddenPerturbation,
    Rotation,
    ScaledGradient,
)
from bench.training.spec import ObjectiveSpec

TABLE: dict[str, type[Objective]] = {
    "plain": Plain,
    "adversarial": Adversarial,
    "adversarial-logistic": AdversarialLogistic,
    "rotation": Rotation,
    "scaled-gradient": ScaledGradient,
    "hidden-perturbation": HiddenPerturbation,
    "sign-noise": SignNoise,
    "uniform-noise": UniformNoise,
    "multi-prediction": MultiPrediction,
    "gaussian-rubbish": GaussianRubbish,
}


def make_objective(spec: ObjectiveSpec) -> Objective:
    """The objective that a recipe describes. Raises UsageError for an unknown one, and parameters it does not take."""
    if spec.kind not in TABLE:
        raise unknown("training objective", spec.kind, TABLE)
    try:
        return TABLE[spec.kind](**spec.parameters)
    except ValidationError as error:
        raise refused(f"training objective {spec.kind}", TABLE[spec.kind].model_fields, error) from None
