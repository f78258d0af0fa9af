"""YAML without its traps, and with the line of everything read."""

from __future__ import annotations

import pytest

from bench.errors import UsageError
from bench.strict_yaml import SIZE_CAP, read_yaml


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
        ("a: " + "x" * SIZE_CAP, "a.yaml: larger than 256 kB"),
    ],
)
def test_a_trap_is_one_line_with_its_place(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_yaml(text, "a.yaml")
    message = str(caught.value)
    assert message.startswith(says)
    assert "\n" not in message
