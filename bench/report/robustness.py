"""The layout of a robustness suite: the ranking, its intervals, the attacks beside it, and what to be wary of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.board.rows import WORST, Row
from bench.planning.suite import RankBy, Suite
from bench.report.cells import (
    NO_NUMBER,
    Column,
    by_model,
    drawn,
    error,
    first,
    flags,
    interval,
    label,
    percent,
    robust,
    sizes,
)
from bench.table import Table


@dataclass(frozen=True)
class Model:
    """One model's rows: a line of every table."""

    rows: list[Row]
    main: list[Row | None]
    """Those of the main attack, an epsilon each."""

    @property
    def head(self) -> Row:
        return self.rows[0]

    @property
    def own(self) -> list[Row]:
        """What was crafted on the model itself or on none."""
        return [row for row in self.rows if row.source in (None, row.model)]

    def strongest(self, by: RankBy) -> Row | None:
        """The transfer of the ranking's size that it errs most under."""
        foreign = [row for row in self.rows if row.source not in (None, row.model) and row.eps == by.eps and row.clip]
        known = [row for row in foreign if row.error is not None and row.norm == by.norm]
        return max(known, key=lambda row: row.error or 0, default=None)

    @cached_property
    def clean(self) -> Row | None:
        return first(self.rows, role="clean")

    @cached_property
    def worst(self) -> Row | None:
        return first(self.rows, attack=WORST)

    @cached_property
    def whole(self) -> int:
        """Number of examples of the largest row."""
        return max(row.n for row in self.rows)

    def last(self, name: str) -> Row | None:
        """The main attack's row of the largest epsilon that has a value."""
        return next((row for row in reversed(self.main) if row and getattr(row, name) is not None), None)

    @property
    def place(self) -> tuple[float, float]:
        """Ranked ones first; those of one rank, and the unranked, by robust accuracy."""
        return self.head.rank or float("inf"), -((self.worst.robust_accuracy if self.worst else None) or 0.0)


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """Four tables, a model a line, in the order of rank, and one of distances where there are any."""
    main, told = _main(suite, rows), sizes(rows)
    grid = sorted({row.eps for row in main if row.eps is not None})
    shown = {name: [first(own, eps=eps) for eps in grid] for name, own in by_model(main).items()}
    models = [Model(own, shown.get(name, [None] * len(grid))) for name, own in by_model(rows).items()]
    models.sort(key=lambda model: model.place)
    title = main[0].title if main else ""
    heads = [f"{title} {told[eps]}" for eps in grid]
    return [
        _ranking(suite, models, heads, told),
        _intervals(models, heads),
        _attack_by_attack(suite, models, told),
        *_distances(models),
        _care(models, title, told),
    ]


def _main(suite: Suite, rows: Sequence[Row]) -> list[Row]:
    """The rows of the main attack: the first white-box gradient attack, if there is one in the ranking's threat."""
    by = suite.rank_by
    own = [row for row in rows if row.source == row.target and row.eps is not None and row.role != "clean"]

    def order(row: Row) -> tuple[bool, ...]:
        ranked = by is None or (row.norm, row.clip) == (by.norm, by.clip)
        return row.role != "gradient", not ranked, bool(row.special)

    best = min(own, key=order, default=None)
    return [row for row in own if best is not None and _kind(row) == _kind(best)]


def _kind(row: Row) -> tuple[object, ...]:
    return row.attack, row.norm, row.clip, row.parameters


def _columns(heads: Sequence[str], show: Callable[[Row | None], str]) -> list[Column[Model]]:
    """A column for each epsilon of the main attack."""

    def column(place: int, head: str) -> Column[Model]:
        return head, lambda model: show(model.main[place])

    return [column(place, head) for place, head in enumerate(heads)]


def _ranking(suite: Suite, models: Sequence[Model], heads: Sequence[str], told: Mapping[float, str]) -> Table:
    def name(model: Model) -> str:
        return model.head.model + (f" ({model.head.older_versions} older)" if model.head.older_versions else "")

    by = suite.rank_by
    columns: list[Column[Model]] = [
        ("rank", lambda model: str(model.head.rank or "-")),
        ("model", name),
        ("gradient", lambda model: model.head.gradient),
        ("n", lambda model: str(model.clean.n if model.clean else 0)),
        ("clean", lambda model: percent(model.clean.clean_accuracy if model.clean else None)),
        *_columns(heads, robust),
        (f"worst {told.get(by.eps, f'{by.eps:g}')}" if by else "worst", lambda model: robust(model.worst)),
        ("status", _status),
    ]
    note = (
        "Robust accuracy, %: right when clean and under every candidate up to eps. Rank: by the worst of all attacks."
    )
    title = f"{suite.suite} v{suite.version}" + (f": {suite.summary}" if suite.summary else "")
    return drawn(title, models, columns, note)


def _intervals(models: Sequence[Model], heads: Sequence[str]) -> Table:
    columns: list[Column[Model]] = [
        ("model", lambda model: model.head.model),
        ("clean", lambda model: interval(model.clean)),
        *_columns(heads, interval),
        ("worst", lambda model: interval(model.worst)),
    ]
    return drawn("95% intervals of the above", models, columns, "Wilson, of the sampling of test examples alone, %.")


def _attack_by_attack(suite: Suite, models: Sequence[Model], told: Mapping[float, str]) -> Table:
    """Error under every attack that the suite runs, and under the strongest transfer at the size of the ranking."""
    by = suite.rank_by
    direct: dict[str, dict[str, Row]] = {}
    for model in models:
        elsewhere = {id(row) for row in model.main if by is None or (row and row.eps != by.eps)}
        for row in model.rows:
            found = direct.setdefault(label(row, told, model.whole), {})
            own = row.source in (None, row.model) and row.attack != WORST and id(row) not in elsewhere
            one_size = row.role != "minimum-norm" or (by is not None and row.eps == by.eps)
            if own and one_size and (row.model not in found or found[row.model].n < row.n):
                found[row.model] = row

    def column(head: str) -> Column[Model]:
        return head, lambda model: error(direct[head].get(model.head.model))

    columns: list[Column[Model]] = [("model", lambda model: model.head.model)]
    columns += [column(head) for head, found in direct.items() if found]
    if by is not None:
        columns.append(("best transfer", lambda model: error(model.strongest(by))))
        columns.append(("from", lambda model: (best.source or "") if (best := model.strongest(by)) else ""))
    note = "Share of all examples labelled wrongly, %. Clipped to the dataset's range but where it says otherwise."
    return drawn("Error, attack by attack", models, columns, note)


def _distances(models: Sequence[Model]) -> list[Table]:
    """How far minimum-norm attacks had to go; none where there are none."""
    found = {
        label(row, whole=model.whole): None
        for model in models
        for row in model.rows
        if row.role == "minimum-norm" and row.eps is None
    }

    def column(head: str) -> Column[Model]:
        def text(model: Model) -> str:
            rows = [row for row in model.own if row.eps is None and label(row, whole=model.whole) == head]
            if not rows or rows[0].status != "ok":
                return NO_NUMBER[rows[0].status] if rows else ""
            return "none" if rows[0].median_distance is None else f"{rows[0].median_distance:.3g}"

        return head, text

    columns: list[Column[Model]] = [("model", lambda model: model.head.model), *(column(head) for head in found)]
    note = "To the nearest input that is labelled wrongly; none where most examples have none."
    return [drawn("Median distance", models, columns, note)] if found else []


def _care(models: Sequence[Model], title: str, told: Mapping[float, str]) -> Table:
    """Confidence on mistakes and flags: what an accuracy alone does not tell."""

    def sure(model: Model) -> Row | None:
        return model.last("confidence_on_mistakes")

    columns: list[Column[Model]] = [
        ("model", lambda model: model.head.model),
        ("family", lambda model: model.head.family),
        ("confidence on mistakes", lambda model: _at(sure(model), "confidence_on_mistakes", told)),
        ("of kind", lambda model: model.head.confidence_kind or "" if sure(model) else ""),
        ("abstains", lambda model: _abstentions(model, told)),
        ("flags", lambda model: flags(model.head) or "none"),
    ]
    if not any(row.abstention for model in models for row in model.rows):
        del columns[4]
    return drawn(
        "How sure when wrong, and flags", models, columns, f"Under the model's own {title}, %." if title else ""
    )


def _at(row: Row | None, name: str, told: Mapping[float, str]) -> str:
    """Such as `81.3 at 0.3`."""
    return f"{percent(getattr(row, name))} at {told[row.eps]}" if row and row.eps is not None else ""


def _abstentions(model: Model, told: Mapping[float, str]) -> str:
    """Such as `2.5 clean, 31.0 at 0.3`; empty for a model that always answers."""
    if not any(row.abstention for row in model.rows):
        return ""
    clean = model.clean.abstention if model.clean else None
    shares = ["" if clean is None else f"{percent(clean)} clean", _at(model.last("abstention"), "abstention", told)]
    return ", ".join(filter(None, shares))


def _status(model: Model) -> str:
    """What became of the model's own rows; what a guest did to it is the guest's affair."""
    states = {row.status for row in model.own}
    if "error" in states:
        return "error"
    flagged = len(model.head.flags)
    told = f", {flagged} flag{'s' if flagged > 1 else ''}" if flagged else ""
    return ("incomplete" if "missing" in states else "ok") + told
