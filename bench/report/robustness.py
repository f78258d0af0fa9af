"""The layout of a robustness suite: the ranking, its intervals, the attacks beside it, and what to be wary of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.board.rows import WORST, Row
from bench.planning.suite import RankBy, Suite
from bench.report.layout import (
    Column,
    Pivot,
    across,
    by_model,
    drawn,
    flags,
    interval,
    label,
    percent,
    pivot,
    rate,
    shown,
    sizes,
)
from bench.table import Table

Own = Mapping[str, Sequence[Row]]
"""Rows of each model, in the order of rank."""
NOTE = "Robust accuracy, %: right when clean and under every candidate up to eps. Rank: by the worst of all attacks."
NAME: Column[str] = ("model", str)


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """Four tables, a model a line, in the order of rank, and one of distances where there are any."""
    models = dict(sorted(by_model(rows).items(), key=lambda item: _place(item[1])))
    main, told = _main(suite.rank_by, rows), sizes(rows)
    grid = pivot(sorted(main, key=lambda row: row.eps or 0), lambda row: f"{row.title} {told[row.eps]}")
    clean = pivot((row for row in rows if row.role == "clean"), lambda row: "").get("", {})
    worst = {row.model: row for row in rows if row.attack == WORST}
    by = f"worst {told.get(suite.rank_by.eps, '')}" if suite.rank_by else "worst"
    ranking: list[Column[str]] = [
        ("rank", lambda name: str(models[name][0].rank or "-")),
        ("model", lambda name: f"{name} ({older} older)" if (older := models[name][0].older_versions) else name),
        ("gradient", lambda name: models[name][0].gradient),
        ("n", lambda name: str(clean[name].n) if name in clean else "0"),
        ("clean", lambda name: percent(clean[name].clean_accuracy) if name in clean else ""),
        *across({**grid, by: worst}, rate("robust_accuracy")),
        ("status", lambda name: _status(models[name])),
    ]
    intervals = [NAME, *across({"clean": clean, **grid, "worst": worst}, interval)]
    title = f"{suite.suite} v{suite.version}" + (f": {suite.summary}" if suite.summary else "")
    return [
        drawn(title, models, ranking, NOTE),
        drawn("95% intervals of the above", models, intervals, "Wilson, of the sampling of test examples alone, %."),
        _attack_by_attack(suite.rank_by, models, {id(row) for found in grid.values() for row in found.values()}, told),
        *_distances(models),
        _confidence(models, clean, grid, told),
    ]


def _main(by: RankBy | None, rows: Sequence[Row]) -> list[Row]:
    """The rows of the main attack: the first white-box gradient attack, if there is one in the ranking's threat."""

    def order(row: Row) -> tuple[bool, ...]:
        return row.role != "gradient", by is not None and (row.norm, row.clip) != (by.norm, by.clip), bool(row.special)

    def kind(row: Row) -> tuple[object, ...]:
        return row.attack, row.norm, row.clip, row.parameters

    own = [row for row in rows if row.source == row.target and row.eps is not None]
    best = min(own, key=order, default=None)
    return [row for row in own if best is not None and kind(row) == kind(best)]


def _attack_by_attack(by: RankBy | None, models: Own, twice: set[int], told: Mapping[float | None, str]) -> Table:
    """Error under every attack that the suite runs, and under the strongest transfer at the size of the ranking."""
    whole = {name: max(row.n for row in own) for name, own in models.items()}
    mine = [row for own in models.values() for row in own if row.source in (None, row.model) and row.attack != WORST]
    # Of what is shown at several sizes, the ranking's.
    once = [row for row in mine if (id(row) not in twice and row.role != "minimum-norm") or (by and row.eps == by.eps)]
    direct = pivot(once, lambda row: label(row, told, whole[row.model]))
    columns = [NAME, *across(direct, rate("error"))]
    if by is not None:
        best = {name: _strongest(by, own) for name, own in models.items()}
        columns += across({"best transfer": best}, rate("error"))
        columns += across({"from": best}, lambda row: (row and row.source) or "")
    note = "Share of all examples labelled wrongly, %. Clipped to the dataset's range but where it says otherwise."
    return drawn("Error, attack by attack", models, columns, note)


def _strongest(by: RankBy, own: Sequence[Row]) -> Row | None:
    """The transfer of the ranking's size that a model errs most under."""
    foreign = [row for row in own if row.source not in (None, row.model) and row.error is not None]
    alike = [row for row in foreign if (row.norm, row.eps) == (by.norm, by.eps) and row.clip]
    return max(alike, key=lambda row: row.error or 0, default=None)


def _distances(models: Own) -> list[Table]:
    """How far minimum-norm attacks had to go; none where there are none."""

    def median(row: Row | None) -> str:
        return shown(row, lambda row: "none" if row.median_distance is None else f"{row.median_distance:.3g}")

    mine = [row for own in models.values() for row in own if row.source == row.model and row.eps is None]
    found = pivot((row for row in mine if row.role == "minimum-norm"), label)
    note = "To the nearest input that is labelled wrongly; none where most examples have none."
    return [drawn("Median distance", models, [NAME, *across(found, median)], note)] if found else []


def _confidence(models: Own, clean: Mapping[str, Row], grid: Pivot, told: Mapping[float | None, str]) -> Table:
    """Confidence on mistakes and flags: what an accuracy alone does not tell."""
    main = {name: [found[name] for found in grid.values() if name in found] for name in models}
    sure = {name: row for name, own in main.items() for row in own if row.confidence_on_mistakes is not None}
    shy = {name: row for name, own in main.items() for row in own if row.abstention is not None}
    abstains = {name for name, own in models.items() if any(row.abstention for row in own)}

    def confidence(row: Row) -> str:
        return f"{percent(row.confidence_on_mistakes)} at {told[row.eps]}"

    def abstentions(name: str) -> str:
        """Such as `2.5 clean, 31.0 at 0.3`; empty for a model that always answers."""
        rows = [(clean.get(name), "clean"), (shy.get(name), f"at {told[shy[name].eps]}" if name in shy else "")]
        shares = [f"{percent(row.abstention)} {where}" for row, where in rows if row and row.abstention is not None]
        return ", ".join(shares) if name in abstains else ""

    columns: list[Column[str]] = [
        NAME,
        ("family", lambda name: models[name][0].family),
        ("confidence on mistakes", lambda name: confidence(sure[name]) if name in sure else ""),
        ("of kind", lambda name: (sure[name].confidence_kind or "") if name in sure else ""),
        *([("abstains", abstentions)] if abstains else []),
        ("flags", lambda name: flags(models[name][0]) or "none"),
    ]
    title = next((row.title for found in grid.values() for row in found.values()), "")
    note = f"Under the model's own {title}, %." if title else ""
    return drawn("How sure when wrong, and flags", models, columns, note)


def _status(own: Sequence[Row]) -> str:
    """What became of the model's own rows; what a guest did to it is the guest's affair."""
    states, flagged = {row.status for row in own if row.source in (None, row.model)}, len(own[0].flags)
    if "error" in states:
        return "error"
    told = f", {flagged} flag{'s' if flagged > 1 else ''}" if flagged else ""
    return ("incomplete" if "missing" in states else "ok") + told


def _place(own: Sequence[Row]) -> tuple[float, float]:
    """Ranked ones first; those of one rank, and the unranked, by robust accuracy."""
    worst = next((row.robust_accuracy for row in own if row.attack == WORST), None)
    return own[0].rank or float("inf"), -(worst or 0.0)
