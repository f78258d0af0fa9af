"""What tests of the checks share: those of a report by their status."""

from __future__ import annotations

from bench.testing import Report


def statuses(report: Report, *which: str) -> set[str]:
    return {verdict.check for verdict in report.verdicts if verdict.status in which}
