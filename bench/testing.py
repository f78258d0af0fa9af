"""The checks of an adapter, for its owner's own tests.

from bench.testing import check_adapter

def test_my_adapter():
    check_adapter(my_model, x, y).raise_if_failed()
"""

from __future__ import annotations

from bench.checks.kit import check_adapter
from bench.checks.report import Report

__all__ = ["Report", "check_adapter"]
