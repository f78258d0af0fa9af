"""What `bench suite` says before a run that is only planned, and after one that was made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.board.flags import unranked as reason_of
from bench.board.versions import REFITTED
from bench.cli.hints import shell
from bench.planning.plan import Planned, attack_of, can_craft, jobs
from bench.progress import lasting
from bench.running.estimate import Asked

if TYPE_CHECKING:
    from bench.board.rows import Row
    from bench.cli.hints import Call
    from bench.running.runner import Summary
    from bench.running.session import Session

REMEDIES = {
    "one class": "check the scale of its inputs",
    "classes renamed": "give its classes in the order of its outputs, classes=[...]",
    "at chance": "check the scale of its inputs and the order of its classes",
    "randomised": "switch off dropout and sampling; where randomness is the defence, attack its mean",
    "not repeatable": "let answers depend on the input alone, and on nothing that calls change",
    "order-dependent": "let no example see the others of its batch, and answer a batch of one",
}
"""What to do about a model that has no rank, by the first words of the reason."""
SHOWN = 5
"""Failures told of one by one; the board has them all."""


def planned(session: Session, missing: Sequence[Planned]) -> Iterator[str]:
    """What a dry run says: the jobs to run, what they ask and take, and what is not known yet."""
    yield f"{session.suite.suite}: {len(session.planned)} cells, {len(missing)} to run"
    estimate, total, sure = session.estimate(), Asked(), True
    for job in jobs(item.cell for item in missing):
        targets = ", ".join(dict.fromkeys(cell.target.name for cell in job.cells))
        count = f"{len(job.cells)} cell{'s' * (len(job.cells) > 1)} on {targets}"
        attack, known, source = attack_of(job.craft), estimate.is_known(job), job.craft.source
        if source is not None and not can_craft(attack, source):
            costs = "not run, as the model has no gradient"
        elif attack.needs == "structure" and not known:
            costs = (
                f"up to {lasting(attack.seconds)} an example" if hasattr(attack, "seconds") else "nobody knows how long"
            )
        else:
            asked = estimate(job)
            total, sure = total + asked, sure and known
            costs = "; ".join([*_asks(asked, known), _time(asked.seconds)])
        yield f"  {job}, n={job.craft.slice.n}: {count}; {costs}"
    if missing:
        told = ", ".join([*_asks(total, sure), f"{total.labels:,.0f} inputs judged"])
        yield f"In all {told}; {_time(total.seconds)} of one core by a rough estimate, besides starting."
    if session.unknown_models:
        names = ", ".join(session.unknown_models)
        yield f"  and the cells of {names}: to be made first, so their number is not known yet"


def _time(seconds: float) -> str:
    return "under 1 s" if seconds < 1 else f"about {lasting(seconds)}"


def _asks(asked: Asked, known: bool) -> list[str]:
    """Such as `up to 599 gradients and 1,198,000 queries`; nothing of an attack that asks for neither."""
    counts = {"gradients": asked.gradients, "queries": asked.queries}
    told = " and ".join(f"{count:,.0f} {what}" for what, count in counts.items() if count)
    return [told if known else f"up to {told}"] if told else []


def outcome(session: Session, summary: Summary | None, call: Call) -> tuple[list[str], int]:
    """The closing lines of a run, of which None means that nothing was missing, and its exit code.

    Lines that begin with two blanks and `bench` are commands to copy; `call` makes them.
    """
    failures = session.failures() or (summary.failed if summary else [])
    rows = session.board()
    without = unranked(session, summary, rows, call)
    lines = [_ran(session, summary, len(failures)), *_compared(summary), *without, *_short(session)]
    lines += [f"  failed: {failure.cell}: {failure.kind}: {failure.message}" for failure in failures[:SHOWN]]
    if len(failures) > SHOWN:
        lines.append(f"  and {len(failures) - SHOWN} more")
    lines += [f"  lost: {told}" for told in session.models.lost.values()]
    wrong = bool(failures or without or session.models.lost or (summary is not None and summary.conflicts))
    if summary is not None and summary.interrupted:
        return [*lines, "Interrupted; the same command goes on from here."], 130
    results = shell(session.shelf.out / "results")
    if summary is not None and summary.waiting:
        lines.append(f"{summary.waiting} cells lack parts of other shards, which may still run, here or elsewhere.")
        lines.append(f"Results in {results}; folders of several are united by: bench merge OUT FOLDER...")
        return lines, int(wrong)
    if failures:
        again = f"  {call.again(rerun='failed')}"
        lines += [f"Results in {results}. To try the failed cells again:", again]
        return [*lines, *call.meanings()], 1
    board = "" if session.suite.board == "paper" else f", board in {shell(session.shelf.out / 'leaderboard.md')}"
    lines += [f"Results in {results}{board}.", *_next(session, call)]
    if session.only and any(row.status == "missing" and row.model in session.suite.models for row in rows):
        lines += [
            "Incomplete models were only met in transfer; to run them:",
            f"  {call.again(model=None, fail_under=None)}",
        ]
    return [*lines, *_checks(session, rows, lines, call), *call.meanings()], int(wrong)


def _short(session: Session) -> list[str]:
    """Why a short look ranks nothing."""
    if session.suite.rank_by is None or not session.is_short:
        return []
    return [
        f"Not ranked: --limit {session.limit} looks at {session.limit} of {session.examples} examples. Ranks are of "
        "whole runs: so few examples tell few models apart, and whoever may choose how many can choose who wins."
    ]


def unranked(session: Session, summary: Summary | None, rows: Sequence[Row], call: Call) -> list[str]:
    """A line for each of the user's own models, of those asked for, that has no rank whatever its numbers."""
    found = summary.findings if summary is not None else {}
    reasons = {name: reason for name, flags in found.items() if (reason := reason_of(flags)) is not None}
    reasons |= {row.model: row.unranked for row in rows if row.unranked is not None}
    lines = []
    for name in session.own:
        if name in reasons:
            reason = reasons[name]
            remedy = next((text for words, text in REMEDIES.items() if reason.startswith(words)), "")
            told = f"NOT RANKED: {name}: {reason}: {remedy}"
            if name in session.models.specs:
                lines += [f"{told}; see", f"  {call.check(session.models.specs[name], session.suite.dataset)}"]
            else:
                lines.append(told)
    return lines


def _checks(session: Session, rows: Sequence[Row], told: Sequence[str], call: Call) -> list[str]:
    """The commands that say what to do about flags that checks of a model gave it, of those asked for; none twice.

    Those that come from comparing attacks tell about the attacks: what they mean is all that there is to say.
    """
    flags = {row.model.removesuffix(REFITTED): row.flags for row in rows}
    flagged = [name for name, model in session.asked.items() if set(model.notes) & set(flags.get(name, ()))]
    specs = [session.models.specs.get(name, name) for name in flagged]
    lines = [f"  {call.check(spec, session.suite.dataset)}" for spec in specs]
    lines = [line for line in lines if line not in told]
    more = [f"  and of {len(lines) - SHOWN} more models"] if len(lines) > SHOWN else []
    return ["What to do about flags:", *lines[:SHOWN], *more] if lines else []


def _ran(session: Session, summary: Summary | None, failed: int) -> str:
    if summary is None:
        cells = f"{len(session.planned)} cells of {session.suite.suite}"
        old = f"new to do: of {cells}, {failed} failed before" if failed else f"to do: all {cells} are done"
        return f"Nothing {old}."
    unsupported = f", {summary.unsupported} of them unsupported" if summary.unsupported else ""
    lost = f"; {len(summary.failed)} failed" if summary.failed else ""
    return f"Ran {summary.done} cell{'s' * (summary.done != 1)}{unsupported}{lost}."


def _compared(summary: Summary | None) -> Iterator[str]:
    """How recomputed cells compare with their records, if any were."""
    if summary is None or not (summary.same or summary.near_ties or summary.conflicts):
        return
    yield (
        f"Compared with the records: {summary.same} equal, {len(summary.near_ties)} differ in a handful of near-ties, "
        f"{len(summary.conflicts)} conflict."
    )
    for cell, moved in [*summary.conflicts, *summary.near_ties]:
        yield f"  {cell}: {moved} labels differ ({cell.id[:12]})"


def _next(session: Session, call: Call) -> list[str]:
    if session.limit:
        return ["Next, the same without --limit:", f"  {call.again(limit=None)}"]
    if session.only:
        return ["Next, everything on one board:", f"  {call.board()}"]
    return ["Next, your own model:", f"  {call.again()} --model FILE.py"]
