"""One record, for people."""

from __future__ import annotations

import numpy as np

from bench.board.statistics import wilson
from bench.records.record import Failure, Record
from bench.report.layout import percent
from bench.table import visible


def describe(item: Record | Failure) -> str:
    """The question, the answer and the run, a line each."""
    cell, run = item.cell, item.run
    craft = cell.craft
    part, sure = craft.slice, cell.criterion.threshold
    where = f"{part.split or 'generated'} {part.start} to {part.stop} of {part.of}"
    lines = {
        "cell": item.id,
        "question": str(cell),
        "dataset": f"{craft.dataset.name} ({craft.dataset.checksum[:12]})",
        "examples": f"a sample of {part.stop} of {part.of} from {part.split}" if part.partial else where,
        "attack": f"{craft.attack.name}, revision {craft.attack.revision}, {craft.attack.parameters}",
        "source": f"{craft.source.name} ({craft.source.fingerprint[:12]})" if craft.source else "none",
        "target": f"{cell.target.name} ({cell.target.fingerprint[:12]}), {cell.target.family}",
        "criterion": cell.criterion.kind + (f", probability above {sure:g}" if sure else ""),
    }
    if isinstance(item, Failure):
        lines |= {"status": f"error: {item.kind}", "message": item.message}
    else:
        lines |= _answer(item)
    lines |= {
        "run": f"{run.finished}, {run.seconds:g} s, {run.device}, batches of {run.batch}, {run.threads} threads",
        "versions": ", ".join(f"{name} {number}" for name, number in run.versions.items()),
    }
    if run.asked_again:
        lines["asked again"] = f"{run.asked_again} times, {', '.join(run.findings or ()) or 'with the same labels'}"
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {visible(text)}" for name, text in lines.items())


def _proved(record: Record) -> dict[str, str]:
    """Radii and witnesses of a certificate."""
    distance = record.result.distance
    if record.cell.kind != "certificate" or distance is None:
        return {}
    radius, exact = record.result.radius, record.result.exact
    sizes = [each for each in record.cell.craft.attack.parameters.get("sizes", ()) if isinstance(each, (int, float))]
    held = ", ".join(f"{percent(float((radius >= size).mean()))}% at {size:g}" for size in sizes)
    found = distance[np.isfinite(distance)]
    return {
        "radius": f"median {float(np.median(radius)):.4g}, exact of {percent(float(exact.mean()))}%",
        "certified": held or "-",
        "witnesses": f"{len(found)}, median distance {float(np.median(found)):.4g}" if len(found) else "none",
    }


def _answer(record: Record) -> dict[str, str]:
    result = record.result
    lines = {"status": result.status + (f": {result.reason}" if result.reason else "")}
    if result.status != "ok":
        return lines
    lines["n"] = str(result.n)
    lines |= _proved(record)
    for name in () if record.cell.kind == "certificate" else ("errors", "successes", "abstentions"):
        count = getattr(result, name)
        if count is not None and result.n:
            low, high = wilson(count, result.n)
            lines[name] = f"{count} ({percent(count / result.n)}%, 95% [{percent(low)}, {percent(high)}])"
    if result.confidence is not None:
        mistakes = result.confidence_on_mistakes
        lines["confidence"] = f"{percent(result.confidence)}% of all, {percent(mistakes) or '-'}% on mistakes"
    if result.largest is not None:
        lines["largest change"] = f"{result.largest:.9g} ({record.cell.threat.norm}), {result.unmoved} not moved at all"
    if result.costs is not None and result.n:
        spent = {name: count / result.n for name, count in result.costs if count}
        lines["cost of an example"] = ", ".join(f"{each:.4g} {name}" for name, each in spent.items()) or "nothing"
    if result.flags:
        lines["flags"] = ", ".join(result.flags)
    return lines
