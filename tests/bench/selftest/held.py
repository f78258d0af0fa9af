"""What the two halves of the self-test import: in files of their own, so that two workers share them."""

from __future__ import annotations

from bench import registry
from bench.selftest.run import KIND, MASKED, MODELS, families, selftest

FAMILIES = registry.names(KIND)


def held(name: str) -> None:
    """Fifty models of a family pass, and every example of them was counted."""
    (family,) = families([name])
    plain, *masked = selftest([family])
    for score in (plain, *masked):
        assert list(score.complaints()) == []
        assert (score.attacks, score.proofs) == (0, 0)
    assert plain.models == MODELS
    assert plain.examples > 0.8 * family.examples * MODELS
    assert len(masked) == (MASKED in family.norms)
    assert all(score.models >= MODELS / 3 for score in masked)
