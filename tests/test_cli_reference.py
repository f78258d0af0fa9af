"""docs/cli.md: no command, option, exit code or environment variable is missing from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cli_reference import BEGIN, PAGE, page
from typer.main import get_command

from bench.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[1]
TEXT = PAGE.read_text(encoding="utf-8")
GROUP: Any = get_command(app)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_in_its_section(name: str) -> None:
    section = TEXT.partition(BEGIN)[2].split(f"## bench {name}\n")[1].split("\n## bench ")[0]
    for parameter in GROUP.commands[name].params:
        told = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else []
        shown = [parameter.metavar or parameter.name] if not told else [each for each in told if each != "--help"]
        for word in shown:
            assert word.replace("|", "\\|") in section, f"{word}: run python -m tests.cli_reference"


def test_the_page_says_what_the_program_says() -> None:
    assert page(TEXT) == TEXT, "run python -m tests.cli_reference"


def test_every_environment_variable_that_the_program_reads_is_named() -> None:
    read = set()
    for package in ("bench", "adapters"):
        for path in (ROOT / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            read |= set(re.findall(r"(?:environ(?:\.get|\.setdefault)?|getenv)[\[(]\s*\"(\w+)\"", source))
    assert read >= {"BENCH_HOME", "OMP_NUM_THREADS"}
    assert not {name for name in read if f"| `{name}` |" not in TEXT}


def test_every_exit_code_that_the_program_ends_with_is_told() -> None:
    codes = set(re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE))
    assert codes == {"0", "1", "2", "130"}
    used = set()
    for path in (ROOT / "bench/cli").glob("*.py"):
        used |= set(re.findall(r"(?:exit|Exit)\((\d+)\)", path.read_text(encoding="utf-8")))
    assert used <= codes
