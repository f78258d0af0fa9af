"""The layout of a robustness suite: the ranking, its intervals, the attacks beside it, and what to be wary of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.board.rows import WORST, Row
from bench.planning.suite import Suite
from bench.report.cells import by_model, error, first, interval, label, percent, robust, special
from bench.table import Table


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """Four tables, a model a line, in the order of rank."""
    models = dict(sorted(by_model(rows).items(), key=lambda item: _place(item[1])))
    norm = suite.rank_by.norm if suite.rank_by else "linf"
    grid = _own_grid(rows, norm)
    fgsm = {
        name: [first([row for row in own if _in_grid(row, norm)], source=name, eps=eps) for eps in grid]
        for name, own in models.items()
    }
    return [
        _ranking(suite, models, grid, fgsm),
        _intervals(models, grid, fgsm),
        _attack_by_attack(suite.rank_by.eps if suite.rank_by else None, norm, models),
        _care(models, fgsm),
    ]


Own = dict[str, list[Row]]
Fgsm = dict[str, list[Row | None]]


def _ranking(suite: Suite, models: Own, grid: Sequence[float], fgsm: Fgsm) -> Table:
    worst_at = f"worst {suite.rank_by.eps:.3g}" if suite.rank_by else "worst"
    headers = ("rank", "model", "gradient", "n", "clean", *_fgsm_headers(grid), worst_at, "status")
    lines = []
    for name, own in models.items():
        head = own[0]
        clean = first(own, attack="clean")
        lines.append(
            (
                str(head.rank) if head.rank else "-",
                name + (f" ({head.older_versions} older)" if head.older_versions else ""),
                head.gradient,
                str(clean.n if clean else 0),
                percent(clean.clean_accuracy if clean else None),
                *(robust(row) for row in fgsm[name]),
                robust(first(own, attack=WORST)),
                _status(own),
            )
        )
    note = (
        "Robust accuracy, %: right when clean and under every candidate up to eps. Rank: by the worst of all attacks."
    )
    title = f"{suite.suite} v{suite.version}" + (f": {suite.summary}" if suite.summary else "")
    return Table(title, headers, tuple(lines), note)


def _intervals(models: Own, grid: Sequence[float], fgsm: Fgsm) -> Table:
    lines = []
    for name, own in models.items():
        clean, worst = first(own, attack="clean"), first(own, attack=WORST)
        lines.append((name, interval(clean), *(interval(row) for row in fgsm[name]), interval(worst)))
    headers = ("model", "clean", *_fgsm_headers(grid), "worst")
    return Table(
        "95% intervals of the above", headers, tuple(lines), "Wilson, of the sampling of test examples alone, %."
    )


def _attack_by_attack(eps: float | None, norm: str, models: Own) -> Table:
    """Error under every attack that the suite runs, and under the strongest transfer at the size of the ranking."""
    direct: dict[str, dict[str, Row]] = {}
    for name, own in models.items():
        whole = max(row.n for row in own)
        for row in sorted(own, key=lambda row: row.n):  # of two passes over clean examples the longer one stays
            if row.attack != WORST and row.source in (None, name) and (not _in_grid(row, norm) or row.eps == eps):
                direct.setdefault(label(row, whole), {})[name] = row
    order = list(dict.fromkeys(label(row, max(r.n for r in own)) for own in models.values() for row in own))
    columns = sorted(direct, key=order.index)
    lines = []
    for name, own in models.items():
        line = [name, *(error(direct[label].get(name)) for label in columns)]
        if eps is not None:
            foreign = [row for row in own if row.source not in (None, name) and row.eps == eps and row.clip]
            known = [row for row in foreign if row.error is not None]
            strongest = max(known, key=lambda row: row.error or 0, default=None)
            line += [error(strongest), (strongest.source or "") if strongest else ""]
        lines.append(tuple(line))
    transfer = ("best transfer", "from") if eps is not None else ()
    note = "Share of all examples labelled wrongly, %. Clipped to the dataset's range but where it says otherwise."
    return Table("Error, attack by attack", ("model", *columns, *transfer), tuple(lines), note)


def _in_grid(row: Row, norm: str) -> bool:
    """Whether the ranking shows the row: clipped FGSM in its norm, with nothing special about it."""
    return row.attack == "fgsm" and row.norm == norm and bool(row.clip) and not special(row)


def _care(models: Own, fgsm: Fgsm) -> Table:
    """Confidence on mistakes and flags: what an accuracy alone does not tell."""
    abstains = any(row.abstention for own in models.values() for row in own)
    lines = []
    for name, own in models.items():
        sure = next((row for row in reversed(fgsm[name]) if row and row.confidence_on_mistakes is not None), None)
        lines.append(
            (
                name,
                own[0].family,
                f"{percent(sure.confidence_on_mistakes)} at {sure.eps:g}" if sure else "",
                sure.confidence_kind or "" if sure else "",
                *([_abstentions(own, fgsm[name])] if abstains else []),
                ", ".join(own[0].flags) or "none",
            )
        )
    headers = ("model", "family", "confidence on mistakes", "of kind", *(["abstains"] if abstains else []), "flags")
    return Table("How sure when wrong, and flags", headers, tuple(lines), "Under the model's own FGSM, %.")


def _abstentions(own: Sequence[Row], fgsm: Sequence[Row | None]) -> str:
    """Such as `2.5 clean, 31.0 at 0.3`; empty for a model that always answers."""
    clean = first(own, attack="clean")
    strongest = next((row for row in reversed(fgsm) if row and row.abstention is not None), None)
    shares = [(clean, "clean"), (strongest, f"at {strongest.eps:g}" if strongest else "")]
    told = [f"{percent(row.abstention)} {where}" for row, where in shares if row and row.abstention is not None]
    return ", ".join(told) if any(row.abstention for row in own) else ""


def _fgsm_headers(grid: Sequence[float]) -> list[str]:
    return [f"FGSM {eps:.3g}" for eps in grid]


def _own_grid(rows: Iterable[Row], norm: str) -> list[float]:
    """The epsilons of the white-box FGSM columns."""
    return sorted({row.eps for row in rows if row.source == row.target and _in_grid(row, norm) and row.eps is not None})


def _status(own: Sequence[Row]) -> str:
    """What became of the model's own rows; what a guest did to it is the guest's affair."""
    head = own[0]
    worst = first(own, attack=WORST)
    states = {row.status for row in own if row.source in (None, head.model)} | ({worst.status} if worst else set())
    if "error" in states:
        return "error"
    flagged = len(head.flags)
    told = f", {flagged} flag{'s' if flagged > 1 else ''}" if flagged else ""
    return ("incomplete" if "missing" in states else "ok") + told


def _place(own: Sequence[Row]) -> tuple[float, float]:
    """Ranked ones first; those of one rank, and the unranked, by robust accuracy."""
    worst = first(own, attack=WORST)
    return (own[0].rank or float("inf"), -((worst.robust_accuracy if worst else None) or 0.0))
