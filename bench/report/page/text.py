"""Prose of the page that stands elsewhere: the definitions, and what flags and gradients mean."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml
from markupsafe import Markup, escape

from bench.records.verdicts import Level
from bench.report.boards import DEFINITIONS

HERE = Path(__file__).parent
MARKS = ((r"\*\*(.+?)\*\*", "strong"), (r"`(.+?)`", "code"), (r"\*(.+?)\*", "em"))


@cache
def flags() -> dict[str, str]:
    """What each flag means, in a sentence."""
    found: dict[str, str] = yaml.safe_load((HERE / "flags.yaml").read_text(encoding="utf-8"))
    return {name: " ".join(text.split()) for name, text in found.items()}


GRADIENTS = {
    "exact": "Attacks follow the gradient of the model itself.",
    "surrogate": "The model has no useful gradient of its own: attacks follow that of a smooth stand-in, and the model "
    "itself judges what they find.",
    "none": "The model gives labels alone: noise, transfer and attacks that ask for labels are all that meets it.",
}
VERDICTS: dict[Level, str] = {
    "re-verified": "bench verify recomputed the records, and the model at hand gave the labels that they tell",
    "arithmetic checked": "bench verify recomputed the records' counts, and the distances of inputs that are kept",
    "other version": "the same, and the model at hand was another version than the one judged",
    "self-reported": "nobody here has recomputed them",
    "wrong": "bench verify found something that does not hold",
}
"""What stands in a row of what `bench verify` found of its records, the least of several."""
NORMS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}


def definitions() -> list[Markup]:
    """The definitions of the leaderboard, a paragraph each."""
    items = re.split(r"^- ", DEFINITIONS, flags=re.MULTILINE)
    return [prose(" ".join(item.split())) for item in items if item.strip()]


def prose(text: str) -> Markup:
    """Text with the few marks of ours, as HTML; whatever else is in it stays text."""
    found = str(escape(text))
    for pattern, tag in MARKS:
        found = re.sub(pattern, rf"<{tag}>\1</{tag}>", found)
    return Markup(found)
