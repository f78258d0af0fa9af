"""The layout of the published measurements: every row that was judged, a line each, and what to be wary of."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.layout import Column, by_model, drawn, label, percent, pivot, sizes, varied
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
    models = by_model(row for row in rows if row.status == "ok" and row.role is not None)
    quick = {name for name, own in models.items() if own[0].effort}
    told, apart = sizes(rows), varied(rows)

    def named(name: str) -> str:
        return f"{name} (quick)" if name in quick else name

    def attack(row: Row) -> str:
        text = label(row, told, always=apart[row.attack])
        return text if row.source in (None, row.model) else f"{text} from {named(str(row.source))}"

    columns: list[Column[Row]] = [
        ("model", lambda row: named(row.model)),
        ("attack", attack),
        ("n", lambda row: str(row.n)),
        # Rounded as the error is: the difference has lost its last decimals.
        ("clean", lambda row: percent(None if row.clean_accuracy is None else round(1 - row.clean_accuracy, 12))),
        ("error", lambda row: "n/a" if row.error is None else percent(row.error)),
        ("conf.", lambda row: percent(row.confidence_on_mistakes)),
    ]
    if any(row.median_distance is not None for row in rows):
        columns.append(("median", lambda row: "" if row.median_distance is None else f"{row.median_distance:.3g}"))
    clean = pivot((row for row in rows if row.role == "clean"), lambda row: "clean").get("clean", {})
    # Of several clean passes, the one over the sample of a costly check is left out.
    lines = [row for own in models.values() for row in own if row.role != "clean" or row is clean[row.model]]
    title = f"{suite.suite} v{suite.version}: {suite.summary}"
    return [
        drawn(title, lines, columns, NOTE + (TRIALS if quick else "")),
        *_flags([own[0] for own in models.values()]),
    ]


def _flags(heads: Sequence[Row]) -> list[Table]:
    found = {row.model: [*([f"quick: {row.effort}"] if row.effort else []), *row.flags] for row in heads}
    lines = tuple((name, ", ".join(words)) for name, words in found.items() if words)
    return [Table("Flags", ("model", "flags"), lines)] if lines else []
