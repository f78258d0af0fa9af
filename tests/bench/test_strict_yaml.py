"""YAML without its traps, and with the line of everything read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.strict_yaml import SIZE_CAP, read_yaml, text_of


def test_values_and_their_lines() -> None:
    text = "name: x\nlist:\n  - 1\n  - {deep: [true, 2.5]}\nempty:\n"
    value, lines = read_yaml(text, "a.yaml")
    assert value == {"name": "x", "list": [1, {"deep": [True, 2.5]}], "empty": None}
    assert lines[("name",)] == 1
    assert lines[("list", 0)] == 3
    assert lines[("list", 1, "deep", 1)] == 4
    assert lines[("empty",)] == 5


def test_an_empty_text_is_nothing() -> None:
    assert read_yaml("", "a.yaml")[0] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml, line 3: key 'a' stands here twice"),
        ("x:\n  y: {k: 1, k: 2}\n", "a.yaml, line 2: key 'k' stands here twice"),
        ("1: a\n'1': b\n", "a.yaml, line 2: key '1' stands here twice"),
        ("a: &x 1\n", "a.yaml, line 1: aliases and anchors are not allowed"),
        ("a: 1\nb: *x\n", "a.yaml, line 2: aliases and anchors are not allowed"),
        ("a: 1\nb: !thing 2\n", "a.yaml, line 2: tag !thing is not allowed"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "a.yaml, line 2: tag"),
        ("a: !!python/name:os.system\n", "a.yaml, line 1: tag"),
        ("[1, 2]: a\n", "a.yaml, line 1: a key must be a plain word"),
        ("a: 1\n b: 2\n", "a.yaml, line 2: mapping values are not allowed here"),
        ("a: [1,\n", "a.yaml, line 2"),
        ("a: 1\nb: 2020-13-45\n", "a.yaml, line 2: '2020-13-45': month must be in 1..12"),
        ("a: !!int abc\n", "a.yaml, line 1: 'abc'"),
        ("a: 0777\n", "a.yaml, line 1: YAML reads '0777' as 511"),
        ("a: 1\nb: 1:30\n", "a.yaml, line 2: YAML reads '1:30' as 90"),
        ("a: [no]\n", "a.yaml, line 1: YAML reads 'no' as False"),
        ("a: \x01\n", "a.yaml: unacceptable character"),
        ("a: 1\n---\nb: 2\n", "a.yaml, line 2"),
        ("[" * 1500, "a.yaml: nested too deeply"),
        ("[" * (SIZE_CAP - 1), "a.yaml: nested too deeply; 50 levels are the most"),
        ("{a: " * 51, "a.yaml: nested too deeply"),
        ("- " * 51, "a.yaml: nested too deeply"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(60)), "a.yaml: nested too deeply"),
        ("a: [" + "1, " * 20_000 + "1]", "a.yaml, line 1: more than 20000 values and marks"),
        ("a: " + "9" * 5000, "a.yaml, line 1: '999"),
        ("a: 0x" + "f" * 5000, "a.yaml, line 1: '0xfff"),
        ("a: 0b" + "1" * 20000, "a.yaml, line 1: '0b111"),
        ("a: " + "x" * SIZE_CAP, "a.yaml: larger than 256 kB"),
    ],
)
def test_a_trap_is_one_line_with_its_place(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_yaml(text, "a.yaml")
    message = str(caught.value)
    assert message.startswith(says)
    assert "\n" not in message
    assert len(message) < 300


def test_lists_within_lists_are_read_up_to_the_cap() -> None:
    value, _ = read_yaml("[" * 50 + "1" + "]" * 50, "a.yaml")
    for _ in range(50):
        (value,) = value
    assert value == 1


def test_a_file_is_read_up_to_the_cap_and_no_pipe_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a" * (4 * SIZE_CAP + 1))
    with pytest.raises(UsageError, match=r"a\.yaml has 1.02 MB, and 1.02 MB are the most that is read"):
        text_of(path, str(path))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UsageError, match="is a pipe, no file"):
        text_of(path, str(path))
