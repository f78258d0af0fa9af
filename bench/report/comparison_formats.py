"""A comparison for programs: JSON, JUnit XML, and a Markdown summary for the page of a job or a pull request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from bench.board.comparison import Comparison, Line, Pair
from bench.board.paired import Paired
from bench.board.sides import Question, Side
from bench.report.comparison import EXAMPLES, called, interval, signed, tables, version
from bench.table import markdown_safe, visible

Failures = Mapping[str, str]
"""Why the comparison fails, by model; empty where it passes."""


# -- JSON -------------------------------------------------------------------------------------------------------------


def as_plain(found: Comparison, failures: Failures | None = None) -> dict[str, Any]:
    """Plain values, ready for JSON; rates are shares in [0, 1], examples are positions in the split.

    Args:
        found: the comparison.
        failures: of a gate; None where nothing was to be held.
    """
    gate = {} if failures is None else {"passed": not failures, "failures": dict(failures)}
    return {
        "suite": found.suite,
        "pairs": [_pair(pair) for pair in found.pairs],
        "gone": dict(found.gone),
        "new": list(found.new),
        "only_met": list(found.met),
        **gate,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    ranked = pair.ranked
    return {
        "baseline": _side(pair.baseline),
        "candidate": _side(pair.candidate),
        "version": version(pair),
        "ranked": None if ranked is None else _line(ranked, pair),
        "rows": [_line(line, pair) for line in pair.lines],
        "not_comparable": [{**_asked(each.question), "why": each.why} for each in pair.apart],
    }


def _side(side: Side) -> dict[str, Any]:
    head = side.head
    told = ("model", "fingerprint", "rank", "place", "unranked", "flags")
    return {"called": side.called, "suite": side.suite, **{name: getattr(head, name) for name in told}}


def _asked(question: Question) -> dict[str, Any]:
    names = ("what", "attack", "parameters", "norm", "eps", "clip", "source")
    return {name: getattr(question, name) for name in names}


def _line(line: Line, pair: Pair) -> dict[str, Any]:
    return {
        **_asked(line.question),
        "label": called(line.question, [each.question for each in pair.lines]),
        **_paired(line.paired),
        "p_value": line.paired.p_value,
        "p_holm": line.p_value,
        "clean": _paired(line.clean),
        "equal_clean": _paired(line.equal),
        "lost": line.lost.tolist(),
        "gained": line.gained.tolist(),
    }


def _paired(paired: Paired) -> dict[str, Any]:
    low, high = paired.interval
    shares = {"baseline": paired.baseline, "candidate": paired.candidate}
    told = {name: count / paired.n if paired.n else None for name, count in shares.items()}
    return {"n": paired.n, **told, "difference": paired.difference, "low": low, "high": high}


# -- JUnit XML --------------------------------------------------------------------------------------------------------


def as_junit(found: Comparison, failures: Failures | None = None) -> str:
    """JUnit XML: a suite of tests for each model, a test for each row.

    What fails is what the gate fails on, in a test of its own; rows that cannot be compared are skipped.
    """
    root = ElementTree.Element("testsuites", name=visible(f"bench compare {found.suite}"))
    for pair in found.pairs:
        _suite(root, found.suite, pair, failures)
    paired = {pair.candidate.called for pair in found.pairs}
    rest = {name: why for name, why in (failures or {}).items() if name not in paired}
    if rest:
        suite = _element(root, "testsuite", name=found.suite)
        for name, why in rest.items():
            _failed(_element(suite, "testcase", classname=found.suite, name=name), why)
    for suite in (root, *root):
        for count, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(count, str(len(list(suite.iter(tag)))))
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ElementTree.Element, name: str, pair: Pair, failures: Failures | None) -> None:
    model = f"{pair.candidate.called} beside {pair.baseline.called}"
    suite = _element(root, "testsuite", name=f"{name}: {model}")
    where = f"{name}.{pair.candidate.name}"
    if failures is not None:
        gate = _element(suite, "testcase", classname=where, name="no regression")
        if pair.candidate.called in failures:
            _failed(gate, failures[pair.candidate.called])
    questions = [*(line.question for line in pair.lines), *(each.question for each in pair.apart)]
    for line in pair.lines:
        case = _element(suite, "testcase", classname=where, name=called(line.question, questions))
        told = f"difference {signed(line.paired)} points, 95% {interval(line.paired)}, n = {line.n}"
        _element(case, "system-out").text = told
    for each in pair.apart:
        case = _element(suite, "testcase", classname=where, name=called(each.question, questions))
        _element(case, "skipped", message=each.why)


def _failed(case: ElementTree.Element, why: str) -> None:
    _element(case, "failure", message=why).text = visible(why)


def _element(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    """What others wrote is shown, and none of it is a character that XML may not hold."""
    return ElementTree.SubElement(parent, tag, {key: visible(value) for key, value in attributes.items()})


# -- Markdown ---------------------------------------------------------------------------------------------------------


def as_summary(found: Comparison, failures: Failures | None = None, examples: int | None = EXAMPLES) -> str:
    """Markdown: the verdict, a line for each model, and the tables, folded away."""
    lines = [f"## {markdown_safe(found.suite)}: candidate beside baseline", ""]
    if failures is not None:
        lines += [f"**{'FAILED' if failures else 'Passed'}**", ""]
        lines += [f"- {markdown_safe(name)}: {markdown_safe(why)}" for name, why in failures.items()]
    lines += [f"- {markdown_safe(told)}" for pair in found.pairs if (told := headline(pair)) is not None]
    body = "\n\n".join(table.markdown() for table in tables(found, examples))
    return "\n".join([*lines, "", "<details><summary>All rows</summary>", "", body, "", "</details>", ""])


def headline(pair: Pair) -> str | None:
    """Such as `knn: worst 0.25 from 3.3 to 34.5, +31.2 points, 95% +30.3 to +32.1, n = 10000`; None of nothing."""
    line = pair.ranked
    if line is None:
        return None
    one, other = (100 * count / line.n for count in (line.paired.baseline, line.paired.candidate))
    asked = called(line.question, [each.question for each in pair.lines])
    change = f"{signed(line.paired)} points, 95% {interval(line.paired)}"
    return f"{pair.candidate.called}: {asked}: {one:.1f} to {other:.1f}%, {change}, n = {line.n}"
