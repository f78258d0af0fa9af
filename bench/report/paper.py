"""The layout of the published measurements: every row that was judged, a line each, and what to be wary of."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.cells import by_model, first, label, percent
from bench.table import Table

NOTE = (
    "Clean and error: share of all n examples labelled wrongly, without and with the attack, %; of generated inputs "
    "the error is the share given a class (of fooling images the one aimed at) with a probability above the "
    "criterion's. Conf.: mean probability of the class given, over these mistakes, %. Attacks are clipped to the "
    "dataset's range but where it says otherwise."
)
TRIALS = " (quick): made by its quick recipe."


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """A table of rows, and one of flags where there are any."""
    models = by_model(row for row in rows if row.status == "ok")
    quick = {name for name, own in models.items() if own[0].effort}
    marked = {name: f"{name} (quick)" if name in quick else name for name in models}
    varied = _varied(rows)
    lines = []
    for name, own in models.items():
        clean = first(own, attack="clean")
        for row in own:
            if row.attack == "clean" and row is not clean:
                continue  # over the sample of a costly check
            attack = label(row, always=varied[row.attack])
            if row.source not in (None, name):
                attack += f" from {marked.get(row.source, row.source)}"
            lines.append(
                (
                    marked[name],
                    attack,
                    str(row.n),
                    # Rounded as the error is: the difference has lost its last decimals.
                    percent(None if row.clean_accuracy is None else round(1 - row.clean_accuracy, 12)),
                    "n/a" if row.error is None else percent(row.error),
                    percent(row.confidence_on_mistakes),
                )
            )
    title = f"{suite.suite} v{suite.version}: {suite.summary}"
    headers = ("model", "attack", "n", "clean", "error", "conf.")
    return [Table(title, headers, tuple(lines), NOTE + (TRIALS if quick else "")), *_flags(models)]


def _varied(rows: Sequence[Row]) -> dict[str, set[str]]:
    """For each attack the parameters that tell its rows apart."""
    values: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        known = values.setdefault(row.attack, {})
        for key, value in (row.parameters or {}).items():
            known.setdefault(key, set()).add(repr(value))
    return {attack: {key for key, seen in known.items() if len(seen) > 1} for attack, known in values.items()}


def _flags(models: dict[str, list[Row]]) -> list[Table]:
    lines = tuple((name, ", ".join(own[0].flags)) for name, own in models.items() if own[0].flags)
    return [Table("Flags", ("model", "flags"), lines)] if lines else []
