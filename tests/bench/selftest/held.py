"""What the two halves of the self-test import: in files of their own, so that two workers share them."""

from __future__ import annotations

from bench import registry
from bench.selftest.run import KIND, MODELS, families, selftest

FAMILIES = registry.names(KIND)


def held(name: str) -> None:
    """Fifty models of a family pass, and every example of them was counted."""
    plain, masked = selftest(families([name]))
    assert list(plain.complaints()) == []
    assert list(masked.complaints()) == []
    assert plain.models == MODELS
    assert plain.examples > 7 * MODELS
    assert (plain.attacks, plain.proofs, masked.attacks) == (0, 0, 0)
    assert masked.models >= MODELS / 3
