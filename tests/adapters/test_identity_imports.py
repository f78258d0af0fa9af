"""What a function imports counts by what it holds, loaded already or not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch
from places import executed

import adapters

STATEMENTS = {
    "module of a package": ("from packed_late import late", "late.SHIFT"),
    "module of a package of a package": ("from packed_late.inner import late", "late.SHIFT"),
    "module by its whole name": ("import packed_late.late as late", "late.SHIFT"),
    "name of a module": ("from packed_late.late import SHIFT", "SHIFT"),
    "module by its package": ("import packed_late.late", "packed_late.late.SHIFT"),
}
x = torch.linspace(0, 1, 24).reshape(2, 1, 3, 4)


def unloaded() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "packed_late"]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("before", ["import packed_late\n", ""], ids=["package loaded", "nothing loaded"])
def test_what_is_imported_in_a_call_counts_before_the_first(
    name: str, before: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "packed_late" / "inner").mkdir(parents=True)
    (tmp_path / "packed_late" / "__init__.py").touch()
    (tmp_path / "packed_late" / "inner" / "__init__.py").touch()
    statement, expression = STATEMENTS[name]
    prints, outputs = [], []
    for number in (0.25, 0.5, 0.25):
        for folder in ("", "inner"):
            (tmp_path / "packed_late" / folder / "late.py").write_text(f"SHIFT = {number}\n")
        unloaded()
        take = f"{before}def take():\n    {statement}\n    return {expression}"
        adapter = adapters.wrap(executed(0.0, "take()", take).eval())
        prints.append(adapter.fingerprint)
        outputs.append(adapter.logits(x).detach())
        assert adapter.fingerprint == prints[-1]
        assert adapter.unseen == ()
    unloaded()
    assert not torch.equal(outputs[0], outputs[1])
    assert prints[0] == prints[2] != prints[1]


@pytest.mark.parametrize("statement", ["from wave import Error", "import wave", "from xml.dom import pulldom"])
def test_what_of_a_library_is_imported_in_a_call_is_the_same_before_and_after(statement: str) -> None:
    prints = []
    for _ in range(2):
        for name in ("wave", "xml.dom.pulldom"):
            sys.modules.pop(name, None)
        adapter = adapters.wrap(executed(0.0, "take()", f"def take():\n    {statement}\n    return 0.0").eval())
        prints.append(adapter.fingerprint)
        adapter.logits(x)
        prints.append(adapter.fingerprint)
    assert len(set(prints)) == 1
