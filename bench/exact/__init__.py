"""Worst cases and certificates: one file for each structure of `adapters.structures`.

A new one is one file here and one line in `bench.registry`.
"""

from __future__ import annotations

from adapters.errors import Unsupported
from adapters.structures.base import Structure
from bench import registry
from bench.exact.base import Certificate


def certificate_of(structure: Structure) -> Certificate:
    """What certifies models of such a structure.

    Raises:
        Unsupported: nothing does.
    """
    if structure.kind not in registry.names("certificate"):
        raise Unsupported(f"nothing is known to be proved of a model that is {structure.kind}")
    found = registry.get("certificate", structure.kind)()
    assert isinstance(found, Certificate)
    return found
