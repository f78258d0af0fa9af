"""The layout of a transfer suite: a matrix of sources by targets, with what is no transfer beside it."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.flags import NOISES
from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.cells import by_model, error, first, percent
from bench.table import Table


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """For each epsilon the errors, the conditional success and the agreement."""
    targets = list(by_model(rows))
    made = []
    crafted = [row for row in rows if row.attack == "fgsm"]
    for eps in sorted({row.eps for row in crafted if row.eps is not None}):
        here = [row for row in crafted if row.eps == eps]
        sources = list(dict.fromkeys(row.source for row in here if row.status != "unsupported"))
        lines: list[tuple[str, ...]] = []
        for source in sources:
            line = {row.target: error(row) for row in here if row.source == source}
            kind = next((row.source_gradient for row in here if row.source == source), None) or ""
            lines.append((f"{source} ({kind})", *(line.get(target, "") for target in targets)))
        for label, attack in (("(clean)", "clean"), *((f"({noise})", noise) for noise in NOISES)):
            line = {row.target: error(row) for row in rows if row.attack == attack and row.eps in (None, eps)}
            if line:
                lines.append((label, *(line.get(target, "") for target in targets)))
        made.append(
            Table(
                f"{suite.suite} v{suite.version}: error at eps {eps:g}, source by target",
                ("crafted on", *targets),
                tuple(lines),
                "Share of all examples labelled wrongly, %; a column a target. The diagonal is white-box.",
            )
        )
        given = [
            (
                str(source),
                *(
                    percent(row.transfer.given_source_fooled) if row and row.transfer else ""
                    for row in (first(here, source=source, target=target) for target in targets)
                ),
            )
            for source in sources
        ]
        made.append(
            Table(
                f"P(target fooled | source fooled) at eps {eps:g}",
                ("crafted on", *targets),
                tuple(given),
                "Over the examples that both models have right when clean, %.",
            )
        )
        agree = [
            (
                str(source),
                *(_agreement(row) for row in (first(here, source=source, target=target) for target in targets)),
            )
            for source in sources
        ]
        made.append(
            Table(
                f"Agreement on common mistakes at eps {eps:g}",
                ("crafted on", *targets),
                tuple(agree),
                "Share of the examples that both label wrongly to which both give the same wrong class, %; in brackets "
                "that of two models that make the same mistakes independently.",
            )
        )
    return made


def _agreement(row: Row | None) -> str:
    if row is None or row.transfer is None or row.transfer.common_rate is None:
        return ""
    return f"{percent(row.transfer.common_rate)} ({percent(row.transfer.common_chance)})"
