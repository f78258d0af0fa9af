"""What a failed check advises: to authors of adapters what to do to those, to others what they can do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from faulty_models import Sound
from known_models import nearest_mean
from torch import Tensor, nn

import adapters
from adapters.compiled import SklearnAdapter
from bench.checks import CHECKS, REMEDIES
from bench.checks.advice import read_by, remedy
from bench.testing import check_adapter

OF_ADAPTERS = ("autograd", "confidence_kind", "takes_missing", "gradient = ", "x.device", "your own adapter")
"""What means nothing to somebody who wrote none."""


def models(net: nn.Module, svc: Any) -> dict[str, Any]:
    return {
        "adapter": Sound(net),
        "estimator": adapters.wrap(svc),
        "network": adapters.wrap(net),
        "function": adapters.black_box(
            nearest_mean(svc.support_vectors_, torch.arange(len(svc.support_vectors_)) % 10), version="1"
        ),
    }


def test_every_reader_is_told_of_every_check(digits_net: nn.Module, digits_svc: Any) -> None:
    for kind, model in models(digits_net, digits_svc).items():
        assert read_by(model) == kind
        for check in CHECKS:
            told = remedy(check.name, model, REMEDIES[check.name])
            assert told
            if kind == "adapter":
                assert told == REMEDIES[check.name]
            elif kind in ("estimator", "network"):
                assert not any(word in told for word in OF_ADAPTERS), (kind, check.name)


def test_an_ensemble_is_its_members(digits_net: nn.Module, digits_svc: Any) -> None:
    assert read_by(adapters.ensemble([digits_svc, digits_svc])) == "estimator"
    assert read_by(adapters.ensemble([digits_svc, digits_net], rule="vote")) == "adapter"


def test_a_compiled_form_that_is_wrong_is_ours_to_mend(
    digits_svc: Any, digits_test: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = adapters.wrap(digits_svc)
    assert isinstance(model, SklearnAdapter)
    model._constants["bias"] = model._constants["bias"] + 0.3
    (wrong,) = check_adapter(model, *(part[:60] for part in digits_test)).failures
    assert wrong.check == "own labels"
    assert "report it" in wrong.remedy
    assert "adapters.black_box(model.predict" in wrong.remedy
