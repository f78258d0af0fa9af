"""The layout of a robustness suite: the ranking, its intervals, the attacks beside it, and what to be wary of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bench.board.losses import JOINED
from bench.board.rows import WORST, Row
from bench.board.versions import REFITTED
from bench.planning.suite import RankBy, Suite
from bench.report.layout import (
    Column,
    across,
    by_model,
    certified,
    drawn,
    fewer,
    flags,
    interval,
    label,
    percent,
    pivot,
    rate,
    risky,
    shown,
    sizes,
)
from bench.table import Table

Own = Mapping[str, Sequence[Row]]
"""Rows of each model, in the order of rank."""
SIZES = 3
"""As many columns of the main attack has the first table; of more it has the ranking's, and a table of its own all."""
BY_DISTANCE = ("minimum-norm", "certificate")
"""Roles of attacks that are run once for all sizes."""
INTERVALS = "Wilson, of the sampling of test examples alone, %."
NAME: Column[str] = ("model", str)


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """Tables with a model a line, in the order of rank; the first fits a narrow terminal, as it is looked at most."""
    models = dict(sorted(by_model(rows).items(), key=lambda item: place(item[1])))
    main, told = _main(suite.rank_by, rows), sizes(rows)
    grid = pivot(sorted(main, key=lambda row: row.eps or 0), lambda row: f"{row.title} {told[row.eps]}")
    clean = pivot((row for row in rows if row.role == "clean"), lambda row: "").get("", {})
    worst = {row.model: row for row in rows if row.attack == WORST}
    size = told.get(suite.rank_by.eps, "") if suite.rank_by else ""
    ranked = {head: found for head, found in grid.items() if suite.rank_by and head.split()[-1:] == [size]}
    first = ranked if ranked and len(grid) > SIZES else grid
    ranking: list[Column[str]] = [
        ("rank", lambda name: stands(models[name][0])),
        ("model", lambda name: tried(models[name][0])),
        ("gradient", lambda name: models[name][0].gradient),
        ("n", lambda name: _n(clean.get(name), worst.get(name))),
        *across({"clean": clean}, rate("clean_accuracy")),
        *across({**first, f"worst {size}".strip(): worst}, rate("robust_accuracy")),
        *_certified(size, worst),
        ("status", lambda name: status(suite.rank_by, models[name])),
    ]
    sized = [NAME, *across(grid, rate("robust_accuracy"))]
    every = {"clean": clean, **grid, "worst": worst}
    intervals = [NAME, *across(every, interval)]
    once = len({text(name) for header, text in ranking for name in models if header == "n"}) < 2
    least = ["gradient", *(head for head in first if head not in ranked), *ranked, *(["n"] if once else []), "clean"]
    title = f"{suite.suite} v{suite.version}" + (f": {suite.summary}" if suite.summary else "")
    note = fewer({"clean": clean, **first, "worst": worst})
    by_size = drawn("Robust accuracy by size", models, sized, "%, as above.", note=fewer(grid))
    return [
        drawn(title, models, ranking, _terms(main, models, worst), note=note, least=least, key=2),
        *([by_size] if first is not grid else []),
        drawn("95% intervals of the above", models, intervals, INTERVALS, note=fewer(every)),
        _attack_by_attack(suite, models, {_kind(row) for row in main}, told),
        *_distances(models),
        _confidence(suite.rank_by, models, clean, {_kind(row) for row in main}, told),
    ]


def _certified(size: str, worst: Mapping[str, Row]) -> list[Column[str]]:
    """A column where something certifies one of the models."""
    if all(row.certified is None for row in worst.values()):
        return []
    return across({f"certified {size}".strip(): worst}, certified)


def _kind(row: Row) -> tuple[object, ...]:
    """What the sizes and the losses of one attack have in common."""
    parameters = {name: value for name, value in (row.parameters or {}).items() if name != "loss"}
    return row.attack, row.norm, row.clip, repr(parameters)


def _main(by: RankBy | None, rows: Sequence[Row]) -> list[Row]:
    """The rows of the main attack: the first white-box gradient attack, if there is one in the ranking's threat.

    Where it goes by several losses, the rows of these joined.
    """

    def order(row: Row) -> tuple[object, ...]:
        special, loss = {**row.special}, row.special.get("loss")
        special.pop("loss", None)
        threat = by is not None and (row.norm, row.clip) != (by.norm, by.clip)
        return row.role not in ("gradient", None), threat, bool(special), loss != JOINED, loss is not None

    own = [row for row in rows if row.source == row.target and row.eps is not None]
    best = min(own, key=order, default=None)
    return [row for row in own if best is not None and (_kind(row), _loss(row)) == (_kind(best), _loss(best))]


def _loss(row: Row) -> object:
    return (row.parameters or {}).get("loss")


def _terms(main: Sequence[Row], models: Own, worst: Mapping[str, Row]) -> str:
    """What the columns of the ranking mean."""
    lines = ["Robust accuracy, %: right when clean and under every candidate up to eps."]
    if any(_loss(row) == JOINED for row in main):
        lines.append(f"{main[0].title}: pointwise by the training loss and by the margin.")
    lines.append("Rank: by the worst of all attacks, on the n examples that all of them cover.")
    if any(own[0].place for own in models.values()):
        lines.append("A guest's place is among the suite's own models, by tests of its own, not corrected over guests.")
    return " ".join([*lines, *risky(worst.values())])


def _n(clean: Row | None, worst: Row | None) -> str:
    """Such as `10000`, or `500 of 10000` where the worst case is over fewer examples."""
    whole = clean.n if clean else 0
    return f"{worst.n} of {whole}" if worst and 0 < worst.n < whole else str(whole)


def stands(head: Row) -> str:
    return head.place or str(head.rank or "-")


def tried(head: Row) -> str:
    """The model's name, and how many versions of it there have been."""
    return head.model if head.versions_tried < 2 else f"{head.model} ({head.versions_tried} versions tried)"


def _attack_by_attack(suite: Suite, models: Own, main: Collection[object], told: Mapping[float | None, str]) -> Table:
    """Error under every attack that the suite runs, and under the strongest transfer at the size of the ranking."""
    by, whole = suite.rank_by, {name: max(row.n for row in own) for name, own in models.items()}
    mine = [row for own in models.values() for row in own if row.source in (None, row.model) and row.role is not None]
    # Of what is shown at several sizes, the ranking's.
    once = [
        row
        for row in mine
        if (_kind(row) not in main and row.role not in BY_DISTANCE) or (by is not None and row.eps == by.eps)
    ]
    direct = pivot(once, lambda row: label(row, told, whole[row.model]))
    found: dict[str, Mapping[str, Row | None]] = {**direct}
    origin: list[Column[str]] = []
    if by is not None:
        best = {name: _strongest(by, own, suite.models) for name, own in models.items()}
        found["best transfer"] = best
        source = {name: (row.source if row else None) or "" for name, row in best.items()}
        origin = [("from", lambda name: source[name])]
    columns = [NAME, *across(found, rate("error")), *origin]
    terms = "Share of all examples labelled wrongly, %. Clipped to the dataset's range but where it says otherwise."
    return drawn("Error, attack by attack", models, columns, terms, note=fewer(found))


def _strongest(by: RankBy, own: Sequence[Row], references: Sequence[str]) -> Row | None:
    """The transfer of the ranking's size, from the suite's own models, that a model errs most under."""
    foreign = [row for row in own if row.source not in (None, row.model) and row.error is not None]
    foreign = [row for row in foreign if str(row.source).removesuffix(REFITTED) in references]
    alike = [row for row in foreign if (row.norm, row.eps) == (by.norm, by.eps) and row.clip]
    return max(alike, key=lambda row: row.error or 0, default=None)


def _distances(models: Own) -> list[Table]:
    """How far minimum-norm attacks had to go; none where there are none."""

    def median(row: Row | None) -> str:
        return shown(row, lambda row: "none" if row.median_distance is None else f"{row.median_distance:.3g}")

    mine = [row for own in models.values() for row in own if row.source == row.model and row.eps is None]
    found = pivot((row for row in mine if row.role in BY_DISTANCE), label)
    terms = "To the nearest input that is labelled wrongly; none where most examples have none."
    columns = [NAME, *across(found, median)]
    return [drawn("Median distance", models, columns, terms, note=fewer(found))] if found else []


def _confidence(
    by: RankBy | None,
    models: Own,
    clean: Mapping[str, Row],
    main: Collection[object],
    told: Mapping[float | None, str],
) -> Table:
    """Confidence on mistakes and flags: what an accuracy alone does not tell."""
    own = {name: _by_training_loss(found, main) for name, found in models.items()}
    sure = {name: row for name, found in own.items() for row in found if row.confidence_on_mistakes is not None}
    shy = {name: row for name, found in own.items() for row in found if row.abstention is not None}
    noise = {name: _most_abstained(by, found) for name, found in models.items()}
    abstains = {name for name, found in models.items() if any(row.abstention for row in found)}

    def confidence(row: Row) -> str:
        return f"{percent(row.confidence_on_mistakes)} at {told[row.eps]}"

    def abstentions(name: str) -> str:
        """Such as `2.5 clean, 4.0 sign-noise 0.3, 31.0 at 0.3`; empty for a model that always answers."""
        rows = [(clean.get(name), "clean"), (noise[name], ""), (shy.get(name), "at")]
        shares = [
            f"{percent(row.abstention)} {where or row.attack} {told[row.eps]}".strip()
            for row, where in rows
            if row and row.abstention is not None
        ]
        return ", ".join(shares) if name in abstains else ""

    columns: list[Column[str]] = [
        NAME,
        ("family", lambda name: models[name][0].family),
        ("confidence on mistakes", lambda name: confidence(sure[name]) if name in sure else ""),
        ("of kind", lambda name: (sure[name].confidence_kind or "") if name in sure else ""),
        *([("abstains", abstentions)] if abstains else []),
        ("flags", lambda name: flags(models[name][0]) or "none"),
    ]
    title = next((row.title for found in own.values() for row in found), "")
    terms = f"Under the model's own {title}, %." if title else ""
    return drawn("How sure when wrong, and flags", models, columns, terms)


def _by_training_loss(own: Sequence[Row], main: Collection[object]) -> list[Row]:
    """The rows of the main attack by the loss that comes first, the smallest size first."""
    rows = [row for row in own if row.role is not None and row.source == row.target and _kind(row) in main]
    return sorted((row for row in rows if _loss(row) == _loss(rows[0])), key=lambda row: row.eps or 0)


def _most_abstained(by: RankBy | None, own: Sequence[Row]) -> Row | None:
    """The noise of the ranking's size, or of any, that the model answers least under."""
    noise = [row for row in own if row.role == "noise" and row.abstention is not None]
    alike = [row for row in noise if by is not None and (row.norm, row.eps) == (by.norm, by.eps)]
    return max(alike or noise, key=lambda row: row.abstention or 0, default=None)


def status(by: RankBy | None, own: Sequence[Row]) -> str:
    """What became of the model's own rows; what a guest did to it is the guest's affair."""
    head = own[0]
    states, flagged = {row.status for row in own if row.source in (None, row.model)}, len(head.flags)
    told = f", {flagged} flag{'s' if flagged > 1 else ''}" if flagged else ""
    if head.unranked is not None:
        return f"no rank: {head.unranked}"
    if "error" in states:
        return "error"
    if "missing" in states:
        return "incomplete" + told
    untouched = by is not None and all(row.attack != WORST for row in own)
    return ("nothing attacked it" if untouched else "ok") + told


def place(own: Sequence[Row]) -> tuple[float, float]:
    """Ranked ones first, guests by their places among them; of one rank, and of the unranked, by robust accuracy."""
    worst = next((row.robust_accuracy for row in own if row.attack == WORST), None)
    return float("inf") if own[0].order is None else own[0].order, -(worst or 0.0)
