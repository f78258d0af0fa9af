"""Suites that want to hang, exhaust or mislead whoever reads them: each is answered in a second and a line."""

from __future__ import annotations

import contextlib
import io
import os
import time
from pathlib import Path

from bench.cli.app import main
from tests.faults.outcome import Outcome

HEAD = "suite: x\ndataset: {name: digits}\nmodels: [softmax-regression]\n"
RIGHT = "a line and exit code 2"
LIMIT = 1.0
"""Seconds of the processor, the same however busy the machine is; those of the clock are told beside them."""


def texts(size: int = 250_000) -> list[bytes]:
    """A hundred of them, of at most so many bytes where size is what they attack with."""

    def many(text: str, before: str = "", after: str = "") -> str:
        return before + text * max(1, (size - len(before) - len(after)) // len(text)) + after

    attacks = HEAD + "attacks: "
    repeated = [
        "[", "{", "[{", "{a: ", "{a: [", "- ", "? ", "- - ", "a: ", "'", '"', "\\", "!", "&a ", "*a ", "%", "%a\n",
        "---\n", "...\n", "#", "\n", " ", "\t", "|", ">", "a: |\n b\n", "1, ", "a\n", "? a\n", ": ", ":\n", "<<: ",
        "!!python/object/apply:os.system [ls]\n", "&a [*a]\n", "\u202e", "\u0085", "\u2028", "\x00", "]", "}", ",",
        "@", "`", "- a\n", "- {a: 1}\n", "a: 1\n", "'a': ", "é", "\U0001f600",
    ]  # fmt: skip
    found = [many(text) for text in repeated]
    inside = [
        "[",
        "{",
        "[{attack: fgsm}, ",
        "[1, ",
        "- ",
        "'",
        '"',
        "a b ",
        "1e",
        "9",
        "0x",
        "0.",
        "1:",
        "_",
        "~",
        "[[], ",
    ]
    found += [many(text, attacks) for text in inside]
    lists = "[" + "0.1, " * 40_000 + "0.1]", "[]", "[[0.1]]"
    long = "1" * 5000, "0x" + "f" * 5000, "0b" + "1" * 20_000, "1/" + "9" * 5000
    numbers = *long, "1e999", ".nan", ".inf", "-1", "0777", "1:30", "no", "2020-13-45", "1/0"
    found += [attacks + f"[{{attack: fgsm, norm: linf, eps: {eps}}}]\n" for eps in (*lists, *numbers)]
    found += [
        attacks + f"[{{attack: gaussian-rubbish, n: {n}}}]\n" for n in (10**12, 10**400, "9" * 5000, -1, 0.5, "[1]")
    ]
    bombs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
    found += [
        bombs,
        attacks + "&a [*a]\n",
        "? [a, b]\n: 1\n",
        "? {a: b}\n: 1\n",
        "suite: x\nsuite: y\n",
        "suite: !!binary aGVsbG8=\n",
        "suite: !!set {a, b}\n",
        "!!omap [a: 1]\n",
        "suite: '\x1b]0;owned\x07'\n" + HEAD[9:] + "attacks: [{attack: fgsm, norm: linf, eps: 0.1}]\n",
        HEAD + "attacks: [{attack: '\u202eevil', norm: linf, eps: 0.1}]\n",
        HEAD + "attacks: [{attack: ../../etc/passwd, eps: 0.1}]\n",
        HEAD.replace("digits", "../x") + "attacks: [{attack: fgsm, norm: linf, eps: 0.1}]\n",
        HEAD + "seed: " + "9" * 5000 + "\nattacks: [{attack: fgsm, norm: linf, eps: 0.1}]\n",
        "".join(f"{' ' * depth}a:\n" for depth in range(600)),
    ]
    raw = [text.encode("utf-8", "surrogatepass") for text in found]
    return [*raw, b"\xff\xfe" * 1000, b"suite: \xc3\x28\n", os.urandom(size), b"a" * (size * 80)]


def hostile_yaml(times: int, folder: Path, size: int = 250_000) -> Outcome:
    """Give such files to the command, which only plans."""
    outcome = Outcome("Hostile YAML files", (RIGHT,))
    path = folder / "hostile.yaml"
    every = texts(size)
    for number in range(times):
        content = every[number * len(every) // times]
        path.write_bytes(content)
        said, printed = io.StringIO(), io.StringIO()
        started, began = time.process_time(), time.perf_counter()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
                main(["suite", str(path), "--dry-run", "--out", str(folder / "out"), "--progress", "none"])
            code: object = 0
        except SystemExit as end:
            code = end.code
        took, passed = time.process_time() - started, time.perf_counter() - began
        line = said.getvalue()
        plain = line.count("\n") == 1 and line.rstrip("\n").isprintable() and len(line) < 4000
        came = RIGHT if code == 2 and plain and took < LIMIT else f"exit code {code} after {took:.1f} s, {line[:80]!r}"
        outcome.add(came, took, repr(content[:60]), passed)
    return outcome
