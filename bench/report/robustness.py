"""The layout of a robustness suite: the ranking, its intervals, the attacks beside it, and what to be wary of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.report.cells import by_model, error, first, interval, percent, robust
from bench.report.table import Table
from bench.results.board import WORST, Row
from bench.results.flags import NOISES
from bench.suite import Suite


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """Four tables, a model a line, in the order of rank."""
    models = dict(sorted(by_model(rows).items(), key=lambda item: _place(item[1])))
    norm = suite.rank_by.norm if suite.rank_by else "linf"
    grid = _own_grid(rows, norm)
    fgsm = {
        name: [first(own, attack="fgsm", norm=norm, source=name, eps=eps, clip=True) for eps in grid]
        for name, own in models.items()
    }
    made = [_ranking(suite, models, grid, fgsm), _intervals(models, grid, fgsm)]
    if suite.rank_by is not None:
        made.append(_attack_by_attack(suite.rank_by.eps, models))
    return [*made, _care(models, fgsm)]


Own = dict[str, list[Row]]
Fgsm = dict[str, list[Row | None]]


def _ranking(suite: Suite, models: Own, grid: Sequence[float], fgsm: Fgsm) -> Table:
    worst_at = f"worst {suite.rank_by.eps:g}" if suite.rank_by else "worst"
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
    return Table(f"{suite.suite} v{suite.version}: {suite.summary}", headers, tuple(lines), note)


def _intervals(models: Own, grid: Sequence[float], fgsm: Fgsm) -> Table:
    lines = []
    for name, own in models.items():
        clean, worst = first(own, attack="clean"), first(own, attack=WORST)
        lines.append((name, interval(clean), *(interval(row) for row in fgsm[name]), interval(worst)))
    headers = ("model", "clean", *_fgsm_headers(grid), "worst")
    return Table(
        "95% intervals of the above", headers, tuple(lines), "Wilson, of the sampling of test examples alone, %."
    )


def _attack_by_attack(eps: float, models: Own) -> Table:
    """Error of every kind of attack at the size that models are ranked at."""
    headers = (
        "model",
        "clean",
        "own FGSM",
        "unclipped",
        "best transfer",
        "from",
        "uniform noise",
        "sign noise",
        "iterated",
    )
    lines = []
    for name, own in models.items():
        here = [row for row in own if row.eps == eps and row.error is not None]
        clipped = [row for row in here if row.clip]
        foreign = [row for row in clipped if row.attack == "fgsm" and row.source != name]
        strongest = max(foreign, key=lambda row: row.error or 0, default=None)
        iterated = first(clipped, attack="iterated-fgsm")
        clean = first(own, attack="clean")
        lines.append(
            (
                name,
                percent(clean.error if clean else None),
                error(first(clipped, attack="fgsm", source=name)),
                error(first(here, attack="fgsm", source=name, clip=False)),
                error(strongest),
                (strongest.source or "") if strongest else "",
                *(error(first(clipped, attack=noise)) for noise in NOISES),
                f"{error(iterated)} (n={iterated.n})" if iterated else "",
            )
        )
    note = "Share of all examples labelled wrongly, %. Clipped to the dataset's range but for the column that says so."
    return Table(f"Error at eps {eps:g}, attack by attack", headers, tuple(lines), note)


def _care(models: Own, fgsm: Fgsm) -> Table:
    """Confidence on mistakes and flags: what an accuracy alone does not tell."""
    lines = []
    for name, own in models.items():
        sure = next((row for row in reversed(fgsm[name]) if row and row.confidence_on_mistakes is not None), None)
        lines.append(
            (
                name,
                own[0].family,
                f"{percent(sure.confidence_on_mistakes)} at {sure.eps:g}" if sure else "",
                sure.confidence_kind or "" if sure else "",
                ", ".join(own[0].flags) or "none",
            )
        )
    headers = ("model", "family", "confidence on mistakes", "of kind", "flags")
    return Table("How sure when wrong, and flags", headers, tuple(lines), "Under the model's own FGSM, %.")


def _fgsm_headers(grid: Sequence[float]) -> list[str]:
    return [f"FGSM {eps:.3g}" for eps in grid]


def _own_grid(rows: Iterable[Row], norm: str) -> list[float]:
    """The epsilons of the white-box FGSM columns."""
    own = [row for row in rows if row.attack == "fgsm" and row.source == row.target and row.clip and row.norm == norm]
    return sorted({row.eps for row in own if row.eps is not None})


def _status(own: Sequence[Row]) -> str:
    states = {row.status for row in own}
    if "error" in states:
        return "error"
    flagged = len(own[0].flags)
    told = f", {flagged} flag{'s' if flagged > 1 else ''}" if flagged else ""
    return ("incomplete" if "missing" in states else "ok") + told


def _place(own: Sequence[Row]) -> tuple[float, float]:
    """Ranked ones first; those of one rank, and the unranked, by robust accuracy."""
    worst = first(own, attack=WORST)
    return (own[0].rank or float("inf"), -((worst.robust_accuracy if worst else None) or 0.0))
