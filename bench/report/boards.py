"""The three layouts of a board: ranking by robustness, source by target, and rubbish."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.report.table import Table
from bench.results.board import WORST, Row
from bench.results.flags import NOISES
from bench.suite import Suite

_NO_NUMBER = {"unsupported": "n/a", "error": "error", "missing": ""}


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """A suite's tables, in the layout that it asks for."""
    layouts = {"robustness": _robustness, "transfer": _transfer, "rubbish": _rubbish}
    return [*layouts[suite.board](suite, rows), *_troubles(rows)]


# -- robustness -------------------------------------------------------------------------------------------------------


def _robustness(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    models = _by_model(rows)
    rank_by = suite.rank_by
    norm = rank_by.norm if rank_by else "linf"
    grid = _own_grid(rows, norm)
    headers = ["rank", "model", "gradient", "n", "clean"]
    headers += [f"FGSM {eps:.3g}" for eps in grid]
    headers += [f"worst {rank_by.eps:g}" if rank_by else "worst", "95%", "conf. on mistakes", "flags", "status"]
    lines = []
    for own in sorted(models.values(), key=_place):
        first = own[0]
        clean = _first(own, attack="clean")
        fgsm = [_first(own, attack="fgsm", norm=norm, source=first.model, eps=eps, clip=True) for eps in grid]
        worst = _first(own, attack=WORST)
        sure = next((row for row in reversed(fgsm) if row and row.confidence_on_mistakes is not None), None)
        lines.append(
            (
                str(first.rank) if first.rank else "-",
                first.model + (f" ({first.older_versions} older)" if first.older_versions else ""),
                first.gradient,
                str(clean.n if clean else 0),
                percent(clean.clean_accuracy if clean else None),
                *(_robust(row) for row in fgsm),
                percent(worst.robust_accuracy if worst else None),
                _interval(worst),
                f"{percent(sure.confidence_on_mistakes)} {sure.confidence_kind}" if sure else "",
                ", ".join(first.flags),
                _status(own),
            )
        )
    note = (
        "Robust accuracy, %: right when clean and under every candidate up to eps. Rank by the worst of all attacks; "
        "an upper bound."
    )
    title = f"{suite.suite} v{suite.version}: {suite.summary}"
    return [Table(title, tuple(headers), tuple(lines), note), *_attacks_beside(suite, models)]


def _attacks_beside(suite: Suite, models: dict[str, list[Row]]) -> list[Table]:
    """Error of every kind of attack at the size that models are ranked at."""
    if suite.rank_by is None:
        return []
    eps = suite.rank_by.eps
    headers = (
        "model",
        "clean",
        "own FGSM",
        "unclipped",
        "strongest transfer",
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
        iterated = _first(clipped, attack="iterated-fgsm")
        clean = _first(own, attack="clean")
        lines.append(
            (
                name,
                percent(clean.error if clean else None),
                _error(_first(clipped, attack="fgsm", source=name)),
                _error(_first(here, attack="fgsm", source=name, clip=False)),
                f"{_error(strongest)} {strongest.source}" if strongest else "",
                *(_error(_first(clipped, attack=noise)) for noise in NOISES),
                f"{_error(iterated)} (n={iterated.n})" if iterated else "",
            )
        )
    note = "Share of all examples labelled wrongly, %. Clipped to the dataset's range but for the column that says so."
    return [Table(f"Error at eps {eps:g}, attack by attack", headers, tuple(lines), note)]


# -- transfer ---------------------------------------------------------------------------------------------------------


def _transfer(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    targets = list(_by_model(rows))
    made = []
    crafted = [row for row in rows if row.attack == "fgsm"]
    for eps in sorted({row.eps for row in crafted if row.eps is not None}):
        here = [row for row in crafted if row.eps == eps]
        sources = list(dict.fromkeys(row.source for row in here if row.status != "unsupported"))
        lines: list[tuple[str, ...]] = []
        for source in sources:
            line = {row.target: _error(row) for row in here if row.source == source}
            kind = next((row.source_gradient for row in here if row.source == source), None) or ""
            lines.append((f"{source} ({kind})", *(line.get(target, "") for target in targets)))
        for label, attack in (("(clean)", "clean"), *((f"({noise})", noise) for noise in NOISES)):
            line = {row.target: _error(row) for row in rows if row.attack == attack and row.eps in (None, eps)}
            if line:
                lines.append((label, *(line.get(target, "") for target in targets)))
        made.append(
            Table(
                f"{suite.suite} v{suite.version}: error at eps {eps:g}, source by target",
                ("source \\ target", *targets),
                tuple(lines),
                "Share of all examples labelled wrongly, %. On the diagonal the attack is white-box.",
            )
        )
        given = [
            (
                str(source),
                *(
                    percent(row.transfer.given_source_fooled) if row and row.transfer else ""
                    for row in (_first(here, source=source, target=target) for target in targets)
                ),
            )
            for source in sources
        ]
        made.append(
            Table(
                f"P(target fooled | source fooled) at eps {eps:g}",
                ("source \\ target", *targets),
                tuple(given),
                "Over the examples that both models have right when clean, %.",
            )
        )
        agree = [
            (
                str(source),
                *(_agreement(row) for row in (_first(here, source=source, target=target) for target in targets)),
            )
            for source in sources
        ]
        made.append(
            Table(
                f"Agreement on common mistakes at eps {eps:g}",
                ("source \\ target", *targets),
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


# -- rubbish ----------------------------------------------------------------------------------------------------------


def _rubbish(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    headers = (
        "model",
        "n",
        "confident",
        "95%",
        "mean confidence",
        "kind",
        "classes given most",
        "margin beyond clean median",
        "flags",
        "status",
    )
    lines = []
    for row in rows:
        if row.attack == "clean" or row.attack == WORST:
            continue
        applicable = row.error is not None
        lines.append(
            (
                row.model,
                str(row.n),
                percent(row.error) if applicable else "n/a",
                _interval(row),
                percent(row.confidence_on_mistakes) if applicable else "",
                row.confidence_kind or "none",
                _skew(row),
                percent(row.beyond_margin),
                ", ".join(row.flags),
                row.status,
            )
        )
    note = (
        "Confident: share of inputs x ~ N(0, I) given any class with a probability above 0.5, %; n/a without softmax "
        "or sigmoid probabilities. The margin column compares scores with the model's own median on clean images."
    )
    return [Table(f"{suite.suite} v{suite.version}: {suite.summary}", headers, tuple(lines), note)]


def _skew(row: Row) -> str:
    """The classes that take most of the false positives."""
    counts = row.success_classes or []
    total = sum(counts)
    if not total:
        return ""
    top = sorted(range(len(counts)), key=lambda k: -counts[k])[:3]
    return ", ".join(f"{k}: {percent(counts[k] / total)}" for k in top if counts[k])


# -- shared -----------------------------------------------------------------------------------------------------------


def _troubles(rows: Sequence[Row]) -> list[Table]:
    """Every kind of row that has no number, with the reason."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.status in ("error", "unsupported") and row.attack != WORST:
            attacks = found.setdefault((row.model, row.status, row.reason or ""), [])
            if row.attack not in attacks:
                attacks.append(row.attack)
    if not found:
        return []
    lines = [(model, ", ".join(attacks), status, reason) for (model, status, reason), attacks in found.items()]
    return [Table("Rows without a number", ("model", "attacks", "status", "reason"), tuple(lines))]


def percent(share: float | None) -> str:
    """A share in percent with one decimal; never rounded up to a certainty that it is not."""
    if share is None:
        return ""
    if 0 < share < 0.0005:
        return "<0.1"
    if 0.9995 <= share < 1:
        return f"{100 * share:.2f}"
    return f"{100 * share:.1f}"


def _by_model(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.model, []).append(row)
    return groups


def _first(rows: Iterable[Row], **wanted: object) -> Row | None:
    """The row over most examples whose fields have these values."""
    found = [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]
    return max(found, key=lambda row: row.n, default=None)


def _own_grid(rows: Iterable[Row], norm: str) -> list[float]:
    """The epsilons of the white-box FGSM columns."""
    own = [row for row in rows if row.attack == "fgsm" and row.source == row.target and row.clip and row.norm == norm]
    return sorted({row.eps for row in own if row.eps is not None})


def _robust(row: Row | None) -> str:
    if row is None:
        return ""
    return percent(row.robust_accuracy) if row.status == "ok" else _NO_NUMBER[row.status]


def _error(row: Row | None) -> str:
    return "" if row is None else percent(row.error) if row.status == "ok" else _NO_NUMBER[row.status]


def _interval(row: Row | None) -> str:
    if row is None or row.ci_low is None or row.ci_high is None:
        return ""
    return f"[{percent(row.ci_low)}, {percent(row.ci_high)}]"


def _status(own: Sequence[Row]) -> str:
    states = {row.status for row in own}
    for state in ("error", "missing"):
        if state in states:
            return {"missing": "incomplete"}.get(state, state)
    return "ok"


def _place(own: Sequence[Row]) -> tuple[float, float]:
    """Ranked ones first; those of one rank, and the unranked, by robust accuracy."""
    worst = _first(own, attack=WORST)
    return (own[0].rank or float("inf"), -((worst.robust_accuracy if worst else None) or 0.0))
