"""A model that was edited gets results of its own; one that was not, or in a comment alone, keeps those it has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_help import Bench

NET = '''
import adapters, prep, torch
from adapters.base import Adapter, Outputs


class Net(torch.nn.Module):
    """A net."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.layer(prep.prepare(x).flatten(1))


@adapters.register("net")
def net():
    return Net().eval()
'''
CELL = NET.replace(
    "@adapters.register",
    """code = "class Net(Net):\\n    def forward(self, x):\\n        return 1 * super().forward(x)"
exec(code)


@adapters.register""",
)
OWN = """
import adapters, torch
from adapters.base import Adapter, Outputs


class Own(Adapter):
    family = "own"

    def _logits(self, x):
        return x.flatten(1)[:, 20:30] * 1

    def _outputs(self, x):
        logits = self._logits(x)
        return Outputs(logits.argmax(1), logits, logits.softmax(1))

    def _state(self):
        return ()


adapters.register("net")(Own(input_shape=None, classes=None))
"""
PREP = "def prepare(x):\n    return x\n"


def run(bench: Bench, net: str, prep: str = PREP) -> tuple[str, str]:
    """What the command says of a file and of the module beside it."""
    Path("edited.py").write_text(net)
    Path("prep.py").write_text(prep)
    sys.modules.pop("prep", None)
    said = bench("suite", "tiny.yaml", "--model", "edited.py", "--limit", "20")
    assert said.code == 0, said
    return said.out, said.err


@pytest.mark.parametrize(
    ("net", "old", "new"),
    [(NET, "", ""), (CELL, "1 * super", "-1 * super"), (OWN, "* 1", "* -1")],
    ids=["a module beside the file", "a class redefined", "an own adapter"],
)
def test_an_edited_model_is_judged_anew(
    net: str, old: str, new: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two edits within a second
    first, _ = run(bench, net)
    assert "Nothing to do" not in first
    assert "Nothing to do" in run(bench, f"{net}\n# a remark\n", f"# another\n\n{PREP}")[0]
    edited = (net.replace(old, new), PREP) if old else (net, PREP.replace("return x", "return x - 0.5"))
    second, _ = run(bench, *edited)
    assert "Nothing to do" not in second
    assert "Nothing to do" in run(bench, net)[0]  # changed back


def test_of_a_model_that_cannot_be_seen_into_there_is_one_line(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    blind = NET.replace("prep.prepare(x)", "(x if open('/dev/null') else -x)")
    for _ in range(2):
        out, err = run(bench, blind)
        assert "Nothing to do" not in out
        lines = [line for line in err.splitlines() if "cannot see into" in line]
        assert len(lines) == 1
        assert "model net: cannot see into Net.forward.open: io.open" in lines[0]
        assert 'wrap(net, version="1")' in lines[0]
    versioned = blind.replace("return Net().eval()", 'return adapters.wrap(Net().eval(), version="1")')
    assert "cannot see into" not in run(bench, versioned)[1]
    assert "Nothing to do" in run(bench, versioned)[0]
