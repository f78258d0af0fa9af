"""Models in processes of their own: what a user's file does stays there, and is that model's failure alone."""

from __future__ import annotations

from bench.running.isolation.limits import Limits
from bench.running.isolation.origin import Origin

__all__ = ["Limits", "Origin"]
