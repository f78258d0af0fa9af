"""What the page of a suite shows beside its main table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.board.losses import JOINED
from bench.board.rows import BRACKET, WORST, Row
from bench.report.layout import label
from bench.report.page.drawing import Chart, chart
from bench.report.page.given import Board
from bench.report.page.heat import Heat, heat
from bench.report.robustness import place
from bench.report.transfer import CRAFTED

NO_CURVE = ("generated", "certificate")
"""Roles of what is no attack on labelled examples."""


def in_order(board: Board) -> dict[str, list[Row]]:
    """Rows of each model, in the order of rank."""
    return dict(sorted(board.by_model.items(), key=lambda item: place(item[1])))


def curves(board: Board) -> Chart | None:
    """Robust accuracy of all models against epsilon: under the worst of all attacks, where a suite asks for that at
    each size, else under the attack of its ranking that was run at most sizes; None where there is no such thing.
    """
    models = in_order(board)
    clean = {
        name: next((row.clean_accuracy for row in own if row.role == "clean"), None) for name, own in models.items()
    }
    worst = {name: [row for row in own if row.attack == BRACKET] for name, own in models.items()}
    if any(worst.values()):
        return chart("the worst of all attacks", worst, clean, board.view.guests)
    kinds: dict[tuple[object, ...], dict[str, list[Row]]] = {}
    for name, own in models.items():
        for row in own:
            if row.eps is not None and row.attack not in (WORST, BRACKET) and row.source == row.model:
                kinds.setdefault(kind(row), {}).setdefault(name, []).append(row)
    best = max(kinds.values(), key=_reach, default=None)
    if best is None:
        return None
    row = next(iter(best.values()))[0]
    told = label(row).replace(JOINED, "by all its losses")
    return chart(told, {name: best[name] for name in models if name in best}, clean, board.view.guests)


def kind(row: Row) -> tuple[object, ...]:
    """What the sizes of one attack have in common."""
    return row.attack, row.norm, row.clip, repr(sorted((row.parameters or {}).items()))


def _reach(found: Mapping[str, Sequence[Row]]) -> tuple[int, bool]:
    joined = any((row.parameters or {}).get("loss") == JOINED for rows in found.values() for row in rows)
    return len({row.eps for rows in found.values() for row in rows}), joined


def curve_of(board: Board, model: str) -> Chart | None:
    """Robust accuracy of one model against epsilon: a curve for each attack that was run at several sizes."""
    own = board.by_model.get(model, [])
    attacks: dict[str, list[Row]] = {}
    for row in own:
        if row.eps is not None and row.source in (None, row.model) and row.attack != WORST and row.role not in NO_CURVE:
            called = "worst of all" if row.attack == BRACKET else label(row).replace(JOINED, "all losses")
            attacks.setdefault(called, []).append(row)
    several = {name: rows for name, rows in attacks.items() if len({row.eps for row in rows}) > 1}
    first = sorted(several, key=lambda name: (name != "worst of all", "all losses" not in name))
    clean = next((row.clean_accuracy for row in own if row.role == "clean"), None)
    return chart("each attack", {name: several[name] for name in first}, dict.fromkeys(several, clean))


def transfer(board: Board) -> list[Heat]:
    """A matrix for each attack and size whose candidates were judged on other models than their source's."""
    told, apart = board.sizes, board.varied
    models = list(in_order(board))
    crafted: dict[tuple[str, float], list[Row]] = {}
    for row in board.rows:
        if row.role in CRAFTED and row.eps is not None and row.status in ("ok", "error"):
            crafted.setdefault((label(row, always=apart[row.attack]), row.eps), []).append(row)
    found = []
    for (called, eps), rows in crafted.items():
        if all(row.source == row.target for row in rows):
            continue
        sources = {str(row.source): f"{row.source_gradient or ''}" for row in rows}
        order = [name for name in models if name in sources] + [name for name in sources if name not in models]
        lines = {(name, sources[name]): {row.target: row for row in rows if row.source == name} for name in order}
        noise = [row for row in board.rows if row.role == "noise" and (row.norm, row.eps) == (rows[0].norm, eps)]
        for name in dict.fromkeys(row.attack for row in noise):
            lines[f"({name})", ""] = {row.target: row for row in noise if row.attack == name}
        lines["(clean)", ""] = {row.target: row for row in board.rows if row.role == "clean"}
        targets = [name for name in models if any(row.target == name for row in rows)]
        found.append(heat(f"{called} at {told[eps]}", targets, lines))
    return found
