"""The command `bench show`."""

from __future__ import annotations

from cli_help import Bench, cells, refused


def test_show_a_record(bench: Bench) -> None:
    bench("suite", "tiny.yaml", "--model", "mine.py:net")
    ids = sorted(name.removesuffix(".json") for name in cells())
    said = bench("show", ids[0][:8])
    assert said.code == 0
    assert ids[0] in said.out
    assert "net (" in said.out
    assert "errors" in said.out
    refused(bench("show", ""), "begins the ids of 4 records")
